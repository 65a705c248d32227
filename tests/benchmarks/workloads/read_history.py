"""Read one long metric history: reduced for a chart, and whole."""

from __future__ import annotations

import time

from common import METRIC, answer, request, tracker


def main() -> None:
    """Read, answer."""
    asked = request()
    module = tracker(asked)
    reduced = None
    if asked["system"] == "pegboard":
        from pegboard.host import Host

        store = Host().tracking_store(asked["store"])
        start = time.perf_counter()
        chart = store.sampled_history(asked["run_id"], METRIC, asked["chart"])
        reduced = time.perf_counter() - start
        assert 0 < len(chart) <= asked["chart"]
        client = module.Client()
    else:
        client = module.MlflowClient()
    start = time.perf_counter()
    points = len(client.get_metric_history(asked["run_id"], METRIC))
    answer(points=points, raw=time.perf_counter() - start, reduced=reduced)


if __name__ == "__main__":
    main()
