"""Calls of log_metric a second, as the caller sees it; and what is left of them after kill -9."""

from __future__ import annotations

from pathlib import Path

from processes import OURS, available, folder, run
from rows import Row

_CALLS = {OURS: 400_000, "mlflow": 1_500, "trackio": 100_000, "wandb": 20_000}


def measure(quick: bool) -> list[Row]:
    """Log from one process that then kills itself; count what another process finds."""
    rates, kept = {}, {}
    for system, calls in _CALLS.items():
        if available(system):
            count = calls // 10 if quick else calls
            with folder() as place:
                answer = run("log_metric", system, place, calls=count)
                kept[system] = 100 * _kept(system, place, answer["run_id"]) / count
            rates[system] = count / answer["seconds"]
    rate = Row("log_metric", "calls/s", rates.pop(OURS), goal=200_000)
    safe = Row("log_metric calls found again after kill -9", "%", kept.pop(OURS), goal=100)
    return [*rate.beside(rates), *safe.beside(kept)]


def _kept(system: str, place: Path, run_id: str) -> int:
    found: int = run("count_points", system, place, run_ids=[run_id], prefix="loss")["points"]
    return found
