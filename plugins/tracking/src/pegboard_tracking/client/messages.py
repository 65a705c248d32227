"""What is sent to a server: requests that were put off, and points in batches.

The same part of a journal makes the same batches under the same names, so that a server of ours
can tell which of them it has taken before.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen
from pegboard_wire.scalars import number_json

from pegboard_tracking.points import journal
from pegboard_tracking.points import packed_points as packed
from pegboard_tracking.points.journal_points import Points

BATCH_HEADER = "X-Pegboard-Batch"
BATCH_POINTS = 1000
"""The most metrics that MLflow's servers take at once."""

PACKED_POINTS = 1 << 20
"""The most points that are packed into one request: 24 MiB of them."""

_unpack_points = struct.Struct("<qqd").iter_unpack


@frozen
class Message:
    """A request that is still to be made: the name of a method of the API, and its fields."""

    name: str
    fields: dict[str, Any]

    batch: str = ""
    """What the server is to remember it by, if it must not be taken twice."""
    is_points: bool = False
    """Whether it is made from points of the journal, not kept there as a request."""
    method: str = "POST"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {BATCH_HEADER: self.batch} if self.batch else {}

    def packed(self) -> bytes:
        """Return what a journal keeps of it."""
        return json.dumps([self.name, self.fields, self.batch]).encode()

    @classmethod
    def unpacked(cls, content: bytes) -> Message:
        """Return the message that a journal kept."""
        return cls(*json.loads(content))


@frozen
class Parcel:
    """Packed points of a run, for a server of ours."""

    run_id: str
    series: Mapping[str, bytes]
    batch: str

    @property
    def points(self) -> int:
        """How many points it holds."""
        return sum(map(len, self.series.values())) // journal.POINT_BYTES

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {BATCH_HEADER: self.batch, "Content-Type": "application/octet-stream"}

    def content(self) -> bytes:
        """Return the body of the request."""
        return packed.pack(self.run_id, self.series)


def messages(points: Points, name: str) -> Iterator[Message]:
    """Yield the requests that bring points of the journal ``name`` to any server."""
    runs = (found for run_id, series in _by_run(points) for found in batches(run_id, series))
    for number, fields in enumerate(runs, start=points.start):
        yield Message("runs/log-batch", fields, batch=f"{name}:{number}", is_points=True)


def parcels(points: Points, name: str) -> Iterator[Parcel]:
    """Yield what brings points of the journal ``name`` to a server of ours."""
    runs = ((run_id, part) for run_id, series in _by_run(points) for part in _parts(series))
    for number, (run_id, part) in enumerate(runs, start=points.start):
        # Not the name of batches in JSON, whose numbers mean other points.
        yield Parcel(run_id, part, f"{name}-p:{number}")


def batches(run_id: str, series: Mapping[str, bytes]) -> Iterator[dict[str, Any]]:
    """Yield the fields of requests that log packed points of a run."""
    batch: list[dict[str, Any]] = []
    for key, points in series.items():
        for step, timestamp, value in _unpack_points(points):
            shown = value if value - value == 0 else number_json(value)
            batch.append({"key": key, "value": shown, "timestamp": timestamp, "step": step})
            if len(batch) == BATCH_POINTS:
                yield {"run_id": run_id, "metrics": batch}
                batch = []
    if batch:
        yield {"run_id": run_id, "metrics": batch}


def _by_run(points: Points) -> Iterator[tuple[str, dict[str, bytes]]]:
    runs: dict[str, dict[str, bytes]] = {}
    for (run_id, key), pieces in points.by_series.items():
        runs.setdefault(run_id, {})[key] = b"".join(pieces)
    yield from runs.items()


def _parts(series: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Cut the series of a run into parts that fit into one request."""
    most = PACKED_POINTS * journal.POINT_BYTES
    part: dict[str, bytes] = {}
    room = most
    for key, points in series.items():
        begin = 0
        while begin < len(points):
            part[key] = points[begin : begin + room]
            begin += len(part[key])
            room -= len(part[key])
            if not room or len(part) == packed.MAX_SERIES:
                yield part
                part, room = {}, most
    if part:
        yield part
