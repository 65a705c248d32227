"""Which points are new to a series: it keeps the first of several equal points.

Clients send points again when an answer was lost, and journals may hold what was sent twice. NaN
counts as equal to NaN here, as in MLflow.

Nearly always all points are new, which their steps or times show at once: they are later than all
that is held. Else only the chunks are read in which an equal point can be.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from itertools import islice
from math import isnan
from operator import lt
from struct import iter_unpack

from attrs import frozen

from pegboard_tracking.points.journal import POINT_BYTES
from pegboard_tracking.tables.summaries import CHUNK_BITS

Point = tuple[int, int, float | None]
"""Step, timestamp and value; the value is None for NaN, which equals nothing."""


@frozen
class Held:
    """What is known of the points that a series holds; it has at least one chunk."""

    series: int
    chunks: int
    step: int
    """The greatest step."""
    newest: int
    """The greatest timestamp."""
    settled: int | None
    """The greatest timestamp of all chunks but the last; None if there is one chunk."""

    @property
    def base(self) -> int:
        """The id of the first chunk."""
        return self.series << CHUNK_BITS


def new_points(
    connection: sqlite3.Connection, held: Held | None, packed: bytes
) -> tuple[bytes, bool]:
    """Return those of the packed points that ``held`` does not have, each once, in their order.

    The second tells whether each step is known to be greater than the one before.
    """
    whole = array("q", packed)
    steps, times = whole[0::3], whole[1::3]
    steps_rise = _rise(steps)
    seen: set[Point] = set()
    least_step = steps[0] if steps_rise else min(steps)
    if held is not None and least_step <= held.step and min(times) <= held.newest:
        asked = {p for p in _points(packed) if p[0] <= held.step and p[1] <= held.newest}
        seen = _held(connection, held, asked)
    if not seen and (steps_rise or _rise(times) or _differ(array("d", packed)[2::3])):
        return packed, steps_rise
    points = _points(packed)
    if not seen and len(set(points)) == len(points):
        return packed, steps_rise
    kept = []
    for position, point in enumerate(points):
        if point not in seen:
            seen.add(point)
            kept.append(packed[position * POINT_BYTES : (position + 1) * POINT_BYTES])
    return b"".join(kept), steps_rise


def _rise(numbers: Sequence[int]) -> bool:
    """Whether each number is greater than the one before."""
    return all(map(lt, numbers, islice(numbers, 1, None)))


def _differ(values: Sequence[float]) -> bool:
    """Whether each value is known to differ from all others; NaN is not."""
    return len(set(values)) == len(values) and not any(map(isnan, values))


def _points(packed: bytes) -> list[Point]:
    points: list[Point] = list(iter_unpack("<qqd", packed))
    if any(map(isnan, array("d", packed)[2::3])):
        points = [(step, time, None if v != v else v) for step, time, v in points]
    return points


def _held(connection: sqlite3.Connection, held: Held, asked: set[Point]) -> set[Point]:
    """Return those of the points that a series has."""
    last = held.base + held.chunks - 1
    found = asked & _in_chunk(connection, last)
    left = asked - found
    if held.settled is not None:
        left = {point for point in left if point[1] <= held.settled}
    if held.chunks < 2 or not left:
        return found
    steps = [step for step, _, _ in left]
    ids = connection.execute(
        "SELECT id FROM chunk WHERE id >= ? AND id < ? AND greatest_step >= ? AND least_step <= ?"
        " ORDER BY id DESC",
        (held.base, last, min(steps), max(steps)),
    ).fetchall()
    for (chunk,) in ids:
        same = left & _in_chunk(connection, chunk)
        found |= same
        left -= same
        if not left:
            break
    return found


def _in_chunk(connection: sqlite3.Connection, chunk: int) -> set[Point]:
    ((data,),) = connection.execute("SELECT data FROM chunk WHERE id = ?", (chunk,)).fetchall()
    return set(_points(data))
