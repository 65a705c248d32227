"""A hundred metrics a step, from the first call until all points are in the store itself."""

from __future__ import annotations

from processes import OURS, available, folder, run
from rows import Row

_KEYS = 100
_PREFIX = "metric_"
_STEPS = {OURS: 20_000, "mlflow": 200, "trackio": 2_000, "wandb": 500}


def measure(quick: bool) -> list[Row]:
    """Log whole steps from one process, end the run, and wait for it."""
    rates = {}
    for system, steps in _STEPS.items():
        if available(system):
            count = max(steps // 10, 10) if quick else steps
            rates[system] = _rate(system, count)
    row = Row("100 metrics a step", "points/s", rates.pop(OURS), goal=500_000)
    return row.beside(rates)


def _rate(system: str, steps: int) -> float:
    with folder() as place:
        answer = run("log_steps", system, place, steps=steps, keys=_KEYS, prefix=_PREFIX)
        found = run("count_points", system, place, run_ids=[answer["run_id"]], prefix=_PREFIX)
    kept: int = found["points"]
    if kept != steps * _KEYS:
        raise RuntimeError(f"{system} kept {kept} of {steps * _KEYS} points")
    return kept / float(answer["seconds"])
