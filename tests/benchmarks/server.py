"""The server beside MLflow's and FastTrackML's: one worker each, on this machine, with SQLite."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from attrs import define, field
from processes import OURS, available, folder, run
from rows import Row
from server_load import load, tool
from server_systems import API, SYSTEMS, Server, serving

_CONNECTIONS = (1, 8, 32)
_BATCH = 1_000
_HISTORY = 100_000
_REPEATS = 3
_FTML, _MLFLOW = "fasttrackml", "mlflow"


@define
class _Figures:
    """What one server showed."""

    started: float = 0.0
    idle: float = 0.0
    loaded: float = 0.0
    log_metric: dict[int, float] = field(factory=dict)
    p99: dict[int, float] = field(factory=dict)
    batch: float = 0.0
    create: dict[int, float] = field(factory=dict)
    history: float = 0.0
    script: float = 0.0
    local_script: float = 0.0
    """The same script with a store of its own, without a server."""


def measure(quick: bool) -> list[Row]:
    """Load one server after the other."""
    systems = [system for system in SYSTEMS if available(system)]
    figures = {system: _figures(system, quick) for system in systems}
    return _rows(figures)


def _figures(system: str, quick: bool) -> _Figures:
    seconds = 1 if quick else 5
    found = _Figures()
    with folder() as place, serving(system, place) as server:
        found.started, found.idle = server.started, server.memory()
        run_id = server.create_run()
        point = {"run_id": run_id, "key": "loss", "value": 0.5, "timestamp": "@", "step": "@"}
        body = _numbered(point)
        for count in _CONNECTIONS:
            result = load(f"{server.url}{API}/runs/log-metric", body, count, seconds, place)
            found.log_metric[count], found.p99[count] = result.rate, result.p99
        batch = {
            "run_id": server.create_run(),
            "metrics": [
                {"key": f"m{i % 10}", "value": i / 2, "timestamp": "@", "step": f"@{i:03}"}
                for i in range(_BATCH)
            ],
        }
        path = f"{server.url}{API}/runs/log-batch"
        found.batch = load(path, _numbered(batch), 1, seconds, place).rate * _BATCH
        create = _numbered({"experiment_id": "0", "start_time": "@"})
        for count in _CONNECTIONS[:2]:
            result = load(f"{server.url}{API}/runs/create", create, count, seconds, place)
            found.create[count] = result.rate
        found.history = _history(server, _HISTORY // 10 if quick else _HISTORY)
        found.loaded = server.memory()
        if system == OURS:
            calls = 50_000 if quick else 500_000
            found.script = _script(server.url, place, calls)
            found.local_script = _script(f"sqlite:{place}/alone.db", place, calls)
    return found


def _script(store: str, place: Path, calls: int) -> float:
    """Return how many calls a second a script makes, until all has arrived."""
    seconds = min(
        run("log_through", OURS, place, url=store, calls=calls)["seconds"] for _ in range(_REPEATS)
    )
    return calls / seconds


def _numbered(fields: object) -> str:
    """Return JSON in which the texts with ``@`` are numbers."""
    return re.sub(r'"(@\d*)"', r"\1", json.dumps(fields))


def _history(server: Server, points: int) -> float:
    """Return how many points of a long history are read in a second."""
    run_id = server.create_run()
    for first in range(0, points, _BATCH):
        metrics = [
            {"key": "loss", "value": step / 3, "timestamp": step + 1, "step": step}
            for step in range(first, first + _BATCH)
        ]
        server.post("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    return points / min(_read(server, run_id, points) for _ in range(_REPEATS))


def _read(server: Server, run_id: str, points: int) -> float:
    path = f"{API}/metrics/get-history?run_id={run_id}&metric_key=loss&max_results=25000"
    begin = time.perf_counter()
    count, token = 0, ""
    while True:
        page = server.call("GET", f"{path}&page_token={token}" if token else path)
        count += page.count(b'"step"')
        found = re.search(rb'"next_page_token":\s*"([^"]+)"', page[-500:] + page[:500])
        if found is None:
            break
        token = found[1].decode()
    if count != points:
        raise RuntimeError(f"{server.system} answered {count} of {points} points")
    return time.perf_counter() - begin


def _rows(figures: Mapping[str, _Figures]) -> list[Row]:
    rows: list[Row] = []
    ours = figures[OURS]
    peers = {system: found for system, found in figures.items() if system != OURS}
    goals = {(1, _FTML): 2.5, (32, _FTML): 6.0, (32, _MLFLOW): 80.0}

    def add(row: Row, theirs: Mapping[str, float], ratios: Mapping[str, float] = {}) -> None:
        for made in row.beside(theirs):
            rows.append(_with_ratio(made, ratios.get(made.peer)))

    for count in _CONNECTIONS:
        what = f"server: log-metric, {count} connection{'s' * (count > 1)}"
        add(
            Row(what, "req/s", ours.log_metric[count], note=f"loaded by {tool()}"),
            {system: found.log_metric[count] for system, found in peers.items()},
            {system: ratio for (n, system), ratio in goals.items() if n == count},
        )
    add(
        Row("server: log-metric, 32 connections, p99", "ms", ours.p99[32], 15, "less"),
        {system: found.p99[32] for system, found in peers.items()},
    )
    add(
        Row(f"server: log-batch of {_BATCH:,} metrics", "metrics/s", ours.batch),
        {system: found.batch for system, found in peers.items()},
        {_FTML: 5, _MLFLOW: 30},
    )
    for count, rate in ours.create.items():
        add(
            Row(f"server: create run, {count} connection{'s' * (count > 1)}", "req/s", rate),
            {system: found.create[count] for system, found in peers.items()},
            {_FTML: 1},
        )
    add(
        Row("server: a history read whole", "points/s", ours.history, note="in pages of 25,000"),
        {system: found.history for system, found in peers.items()},
        {_FTML: 2},
    )
    add(
        Row("server: start to first answer", "s", ours.started, 0.7, "less"),
        {system: found.started for system, found in peers.items()},
    )
    add(
        Row("server: memory idle", "MB", ours.idle, 80, "less", note="all its processes"),
        {system: found.idle for system, found in peers.items()},
    )
    add(
        Row("server: memory after the load", "MB", ours.loaded, 150, "less"),
        {system: found.loaded for system, found in peers.items()},
    )
    script = Row(
        "server: log_metric of a script",
        "calls/s",
        ours.script,
        note="from start_run until all has arrived",
    )
    # As fast as the journal: what is left is the noise of the machine.
    add(script, {"its own store": ours.local_script}, {"its own store": 0.8})
    return rows


def _with_ratio(row: Row, ratio: float | None) -> Row:
    return replace(row, goal_ratio=ratio)
