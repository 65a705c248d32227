"""Call log_metric many times, say how long it took, and die by kill -9 at once."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from common import METRIC, answer, request, tracker


def main() -> None:
    """Log, answer, die."""
    asked = request()
    log, run_id = _logger(asked)
    log(0.5, 0)
    start = time.perf_counter()
    for step in range(1, asked["calls"]):
        log(step * 0.5, step)
    seconds = time.perf_counter() - start
    answer(seconds=seconds, run_id=run_id)
    os.kill(os.getpid(), signal.SIGKILL)


def _logger(asked: dict[str, Any]) -> tuple[Any, str]:
    if asked["system"] == "trackio":
        import trackio

        trackio.init(project="benchmark")
        return lambda value, step: trackio.log({METRIC: value}, step=step), ""
    if asked["system"] == "wandb":
        import wandb

        run = wandb.init(project="benchmark")
        return lambda value, step: run.log({METRIC: value}, step=step), ""
    module = tracker(asked)
    run_id = module.start_run().info.run_id
    log_metric = module.log_metric
    return lambda value, step: log_metric(METRIC, value, step=step), run_id


if __name__ == "__main__":
    main()
