"""From the start of a process until its first run has finished, on a store that exists."""

from __future__ import annotations

import statistics
import time

from processes import OURS, available, folder, run
from rows import Row

_SYSTEMS = (OURS, "mlflow", "wandb")


def measure(quick: bool) -> list[Row]:
    """Start a script that logs one param and one metric; the median of several."""
    times = 3 if quick else 7
    seconds = {system: _seconds(system, times) for system in _SYSTEMS if available(system)}
    ours = seconds.pop(OURS)
    row = Row("process start to first run finished", "s", ours, goal=0.2, better="less")
    return row.beside(seconds)


def _seconds(system: str, times: int) -> float:
    with folder() as place:
        run("one_run", system, place)
        spent = []
        for _ in range(times):
            start = time.perf_counter()
            run("one_run", system, place)
            spent.append(time.perf_counter() - start)
    return statistics.median(spent)
