"""Log into a store that others log into too; start together, say when it began and ended.

The first call, with no writers, only lays the store out.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from common import METRIC, answer, request, tracker


def main() -> None:
    """Wait for the others, log, answer."""
    asked = request()
    workload = _trackio if asked["system"] == "trackio" else _mlflow_api
    workload(asked)


def _meet(asked: dict[str, Any]) -> float:
    """Wait until all writers are ready; return the time, of the clock that all share."""
    Path(f"ready-{asked['writer']}").touch()
    while len(list(Path().glob("ready-[0-9]*"))) < asked["writers"]:
        time.sleep(0.01)
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def _mlflow_api(asked: dict[str, Any]) -> None:
    module = tracker(asked)
    run_id = module.start_run().info.run_id
    start = _meet(asked)
    for step in range(asked["calls"]):
        module.log_metric(METRIC, step * 0.5, step=step)
    module.end_run()
    answer(start=start, end=time.clock_gettime(time.CLOCK_MONOTONIC), run_id=run_id)


def _trackio(asked: dict[str, Any]) -> None:
    import trackio

    trackio.init(project="benchmark", name=f"run-{asked['writer']}")
    start = _meet(asked)
    for step in range(asked["calls"]):
        trackio.log({METRIC: step * 0.5}, step=step)
    trackio.finish()
    answer(start=start, end=time.clock_gettime(time.CLOCK_MONOTONIC), run_id="")


if __name__ == "__main__":
    main()
