"""Write one long metric history, a thousand points a call."""

from __future__ import annotations

import math
from importlib import import_module

from common import METRIC, answer, request, tracker

_BATCH = 1000


def main() -> None:
    """Write, answer."""
    asked = request()
    module = tracker(asked)
    ours = asked["system"] == "pegboard"
    client = module.Client() if ours else module.MlflowClient()
    metric = import_module(f"{asked['system']}.entities").Metric
    run_id = module.start_run().info.run_id
    for start in range(0, asked["points"], _BATCH):
        steps = range(start, min(start + _BATCH, asked["points"]))
        points = [metric(METRIC, math.sin(i / 1000) + i % 7, i, i) for i in steps]
        client.log_batch(run_id, metrics=points)
    module.end_run()
    answer(run_id=run_id)


if __name__ == "__main__":
    main()
