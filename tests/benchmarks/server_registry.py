"""Aliases resolved through the server, beside MLflow's: what every load of a model begins with."""

from __future__ import annotations

from processes import OURS, available, folder
from rows import Row
from server_load import load, tool
from server_systems import API, Server, serving

_SYSTEMS = (OURS, "mlflow")
_CONNECTIONS = (1, 8, 32)
_VERSIONS = 20
_GOAL = 20.0


def measure(quick: bool) -> list[Row]:
    """Load one server after the other."""
    seconds = 1 if quick else 5
    rates = {system: _rates(system, seconds) for system in _SYSTEMS if available(system)}
    ours = rates.pop(OURS)
    rows = []
    for count in _CONNECTIONS:
        row = Row(
            f"server: alias resolved, {count} connection{'s' * (count > 1)}",
            "req/s",
            ours[count],
            goal_ratio=_GOAL,
            note=f"loaded by {tool()}",
        )
        rows += row.beside({system: found[count] for system, found in rates.items()})
    return rows


def _rates(system: str, seconds: int) -> dict[int, float]:
    with folder() as place, serving(system, place) as server:
        _fill(server)
        url = f"{server.url}{API}/registered-models/alias?name=iris&alias=champion"
        return {count: load(url, "", count, seconds, place).rate for count in _CONNECTIONS}


def _fill(server: Server) -> None:
    server.post("registered-models/create", {"name": "iris"})
    tags = [{"key": f"t{i}", "value": "v"} for i in range(5)]
    for _ in range(_VERSIONS):
        version = {"name": "iris", "source": "s3://bucket/m", "tags": tags}
        server.post("model-versions/create", version)
    alias = {"name": "iris", "alias": "champion", "version": str(_VERSIONS - 1)}
    server.post("registered-models/alias", alias)
