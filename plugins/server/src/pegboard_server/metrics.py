"""What is measured, and how Prometheus reads it.

All numbers of all workers lie in one shared piece of memory: each worker adds to its own part,
without locks, and the worker that is asked sums them up. A worker that takes the place of a dead
one goes on with the numbers of that one, so counters never fall.
"""

from __future__ import annotations

import mmap
import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from pegboard_server.routing import Route

STATUSES = (
    200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 414,
    415, 416, 429, 431, 499, 500, 501, 503, 504, 0,
)  # fmt: skip
"""The statuses that are counted one by one; 0 stands for all others."""
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of the buckets of durations, in seconds."""

_STATUS_AT = {status: place for place, status in enumerate(STATUSES)}
_OTHER = _STATUS_AT[0]
_BUCKETS = len(STATUSES)
_SUM = _BUCKETS + len(BOUNDS) + 1
_WIDTH = _SUM + 1

_IN_FLIGHT, _STREAMS, _CONNECTIONS, _STARTED, _REFUSED = range(5)
_HEAD = 8


@frozen
class Board:
    """Where the numbers lie: a file shared by the workers, or memory of the only worker."""

    file: str | None = None
    worker: int = 0
    workers: int = 1


def size(routes: int, workers: int) -> int:
    """Return the bytes that the numbers of all workers take."""
    return workers * _part(routes) * 8


def _part(routes: int) -> int:
    # One row more than there are routes: for requests that no route serves.
    return _HEAD + (routes + 1) * _WIDTH


class Metrics:
    """The numbers of one worker, and the sum of all."""

    def __init__(self, routes: Sequence[Route], board: Board) -> None:
        self._routes = [(route.place.method, route.place.path) for route in routes]
        self._routes.append(("", ""))
        length = size(len(routes), board.workers)
        if board.file is None:
            self._memory = mmap.mmap(-1, length)
        else:
            with Path(board.file).open("r+b") as stream:
                stream.truncate(length)
                self._memory = mmap.mmap(stream.fileno(), length)
        self._values = memoryview(self._memory).cast("d")
        self._workers = board.workers
        self._length = _part(len(routes))
        self._start = board.worker * self._length
        for place in (_IN_FLIGHT, _STREAMS, _CONNECTIONS):
            self._values[self._start + place] = 0
        self._values[self._start + _STARTED] = time.time()

    def begin(self) -> None:
        """Count a request in flight."""
        self._values[self._start + _IN_FLIGHT] += 1

    def end(self) -> None:
        """Count that a request is not in flight any more."""
        self._values[self._start + _IN_FLIGHT] -= 1

    def done(self, route: Route | None, status: int, seconds: float) -> None:
        """Count a request that is done."""
        values = self._values
        number = len(self._routes) - 1 if route is None else route.number
        row = self._start + _HEAD + number * _WIDTH
        values[row + _STATUS_AT.get(status, _OTHER)] += 1
        values[row + _BUCKETS + bisect_left(BOUNDS, seconds)] += 1
        values[row + _SUM] += seconds

    def refused(self) -> None:
        """Count a connection that was closed because of bad HTTP, limits or time-outs."""
        self._values[self._start + _REFUSED] += 1

    def streams(self, change: int) -> None:
        """Count a stream that begins (1) or ends (-1)."""
        self._values[self._start + _STREAMS] += change

    def connections(self, count: int) -> None:
        """Take down how many connections are open."""
        self._values[self._start + _CONNECTIONS] = count

    def text(self, others: Iterable[Any] = ()) -> bytes:
        """Return all numbers, and those of other collectors, in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        for each in others:
            registry.register(each)
        return generate_latest(registry)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering need not ask for the numbers."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the numbers, summed over the workers, as Prometheus' client wants them."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        requests = CounterMetricFamily(
            "pegboard_http_requests", "Requests.", labels=["method", "path", "status"]
        )
        seconds = HistogramMetricFamily(
            "pegboard_http_request_seconds",
            "How long requests took, from the head of the request to the end of the answer.",
            labels=["method", "path"],
        )
        for number, labels in enumerate(self._routes):
            row = self._sum(_HEAD + number * _WIDTH, _WIDTH)
            for place, status in enumerate(STATUSES):
                if row[place]:
                    requests.add_metric([*labels, str(status or "other")], row[place])
            if any(row[_BUCKETS:_SUM]):
                seconds.add_metric(labels, _cumulated(row[_BUCKETS:_SUM]), row[_SUM])
        yield requests
        yield seconds
        head = self._sum(0, _HEAD)
        yield GaugeMetricFamily(
            "pegboard_http_requests_in_flight", "Requests being answered.", head[_IN_FLIGHT]
        )
        yield GaugeMetricFamily("pegboard_http_streams", "Open streams.", head[_STREAMS])
        yield GaugeMetricFamily(
            "pegboard_http_connections", "Open connections.", head[_CONNECTIONS]
        )
        yield CounterMetricFamily(
            "pegboard_http_connections_refused",
            "Connections closed because of bad HTTP, limits or time-outs.",
            head[_REFUSED],
        )
        yield GaugeMetricFamily("pegboard_workers", "Worker processes.", self._workers)

    def _sum(self, start: int, length: int) -> list[float]:
        parts: list[Any] = [
            self._values[worker * self._length + start :][:length]
            for worker in range(self._workers)
        ]
        return [sum(values) for values in zip(*parts, strict=True)]


def _cumulated(counts: Sequence[float]) -> list[tuple[str, float]]:
    total, buckets = 0.0, []
    for bound, count in zip([*map(str, BOUNDS), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
