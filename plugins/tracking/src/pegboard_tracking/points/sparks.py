"""The course of a series in a few of its values, read from a few of its chunks."""

from __future__ import annotations

import json
import math
import sqlite3
import struct

from pegboard_tracking.points.journal import POINT_BYTES
from pegboard_tracking.tables.summaries import CHUNK_BITS

POINTS = 32

_POINT = struct.Struct("<qqd")


def of(connection: sqlite3.Connection, series: int, chunks: int) -> list[float]:
    """Return up to POINTS finite values in the order of steps, evenly taken from all points."""
    base = series << CHUNK_BITS
    wanted = [base + each for each in _evenly(chunks, POINTS)]
    points: list[tuple[int, int, float]] = []
    for count, (data,) in enumerate(
        connection.execute(
            "SELECT data FROM chunk WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(wanted),),
        ),
        1,
    ):
        each = max(POINTS // len(wanted), 1)
        # One value of a chunk: of the last the last, so that a spark ends where its line ends.
        last_alone = each == 1 and count == len(wanted)
        size = len(data) // POINT_BYTES
        places = [size - 1] if last_alone else _evenly(size, each)
        points += [_POINT.unpack_from(data, place * POINT_BYTES) for place in places]
    points.sort(key=lambda point: point[:2])
    return [value for _, _, value in points if math.isfinite(value)]


def _evenly(count: int, most: int) -> list[int]:
    """Return up to ``most`` of the numbers below ``count``, the first and the last among them."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [0]
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
