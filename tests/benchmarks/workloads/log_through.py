"""Log one metric often through a server; answer with the time until the run has ended."""

from __future__ import annotations

import time

from common import METRIC, answer, request, tracker


def main() -> None:
    """Log, answer."""
    asked = request()
    module = tracker({**asked, "store": asked["url"]})
    begin = time.perf_counter()
    with module.start_run():
        log_metric = module.log_metric
        for step in range(asked["calls"]):
            log_metric(METRIC, step * 0.5, step=step)
    answer(seconds=time.perf_counter() - begin)


if __name__ == "__main__":
    main()
