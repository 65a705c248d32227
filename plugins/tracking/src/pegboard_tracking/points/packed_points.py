"""Points on their way to a server of ours: packed, as journals and tables keep them.

The body of such a request: a uint32, how long the head is; the head, as JSON ``{"run_id": …,
"series": [[key, points], …]}``; then the points of each series, of 24 bytes each: int64 step,
int64 timestamp in ms, float64 value (little-endian).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

from pegboard.errors import InvalidValue
from pegboard_stores import json_size

from pegboard_tracking.points.journal import POINT_BYTES

PATH = "/api/pegboard/1.0/runs/log-packed"

MAX_BYTES = 64 << 20
"""How long a body may be."""
MAX_SERIES = 10_000
"""For how many metrics a body may hold points."""

_LENGTH = struct.Struct("<I")


def pack(run_id: str, series: Mapping[str, bytes]) -> bytes:
    """Return the body that brings packed points to series of a run."""
    counts = [(key, len(points) // POINT_BYTES) for key, points in series.items()]
    head = json.dumps({"run_id": run_id, "series": counts}).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *series.values()])


def unpack(body: bytes) -> tuple[str, dict[str, bytes]]:
    """Return the run and, by key, the packed points that a body holds; else InvalidValue."""
    begin = _LENGTH.size
    try:
        end = begin + _LENGTH.unpack_from(body)[0]
        head = json.loads(_bounded(body[begin:end]))
        run_id, counts = head["run_id"], [(key, points) for key, points in head["series"]]
    except (struct.error, ValueError, KeyError, TypeError, RecursionError):
        raise _wrong("does not begin with a head that says of which run and series it is") from None
    if not isinstance(run_id, str):
        raise _wrong("names a run by something that is not text")
    if len(counts) > MAX_SERIES:
        raise _too_many()
    series: dict[str, bytes] = {}
    for key, points in counts:
        if not isinstance(key, str) or key in series or type(points) is not int or points < 1:
            raise _wrong("counts the points of its series in a wrong way")
        begin, end = end, end + points * POINT_BYTES
        series[key] = body[begin:end]
    if end != len(body) or not series:
        raise _wrong(f"has {len(body)} bytes, but its head speaks of {end}")
    return run_id, series


def _bounded(head: bytes) -> bytes:
    # A series has a pair, a key and a number.
    if json_size.has_more_values(head, 4 * MAX_SERIES + 100):
        raise _too_many()
    return head


def _too_many() -> InvalidValue:
    return _wrong(f"has more than {MAX_SERIES} series")


def _wrong(what: str) -> InvalidValue:
    return InvalidValue(f"A body of packed points {what}.")
