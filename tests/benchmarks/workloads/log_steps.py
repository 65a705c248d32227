"""Log many metrics a step, until they are in the store."""

from __future__ import annotations

import time
from typing import Any

from common import answer, request, tracker


def main() -> None:
    """Log, answer."""
    asked = request()
    keys = [f"{asked['prefix']}{i}" for i in range(asked["keys"])]
    steps = [dict.fromkeys(keys, step * 0.5) for step in range(asked["steps"])]
    run_id, log, finish = _begin(asked)
    start = time.perf_counter()
    for step, values in enumerate(steps):
        log(values, step=step)
    finish()
    answer(seconds=time.perf_counter() - start, run_id=run_id)


def _begin(asked: dict[str, Any]) -> tuple[str, Any, Any]:
    """Start a run; return its id and the functions to log a step and to end it."""
    if asked["system"] == "trackio":
        import trackio

        trackio.init(project="benchmark")
        return "", trackio.log, trackio.finish
    if asked["system"] == "wandb":
        import wandb

        run = wandb.init(project="benchmark")
        return "", run.log, run.finish
    module = tracker(asked)
    run_id = module.start_run().info.run_id
    return run_id, module.log_metrics, module.end_run


if __name__ == "__main__":
    main()
