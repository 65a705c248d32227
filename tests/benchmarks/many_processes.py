"""Eight processes that log into one store at the same time."""

from __future__ import annotations

from pathlib import Path

from processes import OURS, available, finish, folder, run, start
from rows import Row

_PROCESSES = 8
_CALLS = {OURS: 100_000, "mlflow": 150, "trackio": 10_000}


def measure(quick: bool) -> list[Row]:
    """Log one metric a call from each, until all points are in the store."""
    rates = {}
    for system, calls in _CALLS.items():
        if available(system):
            count = max(calls // 10, 50) if quick else calls
            with folder() as place:
                rates[system] = _rate(system, count, place)
    row = Row("8 processes into one store", "points/s", rates.pop(OURS), goal=150_000)
    return row.beside(rates)


def _rate(system: str, calls: int, place: Path) -> float:
    run("share_store", system, place, calls=0, writer=-1, writers=0)
    processes = [
        start("share_store", system, place, calls=calls, writer=i, writers=_PROCESSES)
        for i in range(_PROCESSES)
    ]
    answers = [finish(process) for process in processes]
    run_ids = [answer["run_id"] for answer in answers]
    kept: int = run("count_points", system, place, run_ids=run_ids, prefix="loss")["points"]
    if kept != calls * _PROCESSES:
        raise RuntimeError(f"{system} kept {kept} of {calls * _PROCESSES} points")
    return kept / (max(a["end"] for a in answers) - min(a["start"] for a in answers))
