"""Metric series in the tables: appending packed points, reading them back, reducing them.

A packed point is 24 bytes: int64 step, int64 timestamp in ms, float64 value. The points of a
series lie in chunks that are numbered from its id, so that a series is one range of rows.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Iterator

from attrs import define
from pegboard.entities import Metric
from pegboard_stores.sampling import reduce_points

from pegboard_tracking.points.journal import POINT_BYTES
from pegboard_tracking.points.series_held import Held, new_points
from pegboard_tracking.tables import summaries
from pegboard_tracking.tables.summaries import CHUNK_BITS

CHUNK_POINTS = 4096
"""The most points of a chunk: 96 KiB."""

TAIL_POINTS = 170
"""A last chunk of fewer points is filled up first: it fits on a page, so rewriting is cheap."""


@define
class Columns:
    """Points of one series as columns of equal length, in the order they were logged."""

    steps: array[int]
    timestamps: array[int]
    values: array[float]
    ordered: bool
    """Whether the steps never go down."""

    @classmethod
    def of(cls, packed: bytes, *, ordered: bool = False) -> Columns:
        """Unpack points."""
        whole, real = array("q", packed), array("d", packed)
        return cls(whole[0::3], whole[1::3], real[2::3], ordered)

    def extend(self, other: Columns) -> None:
        """Add the points of other columns, which come later."""
        self.steps += other.steps
        self.timestamps += other.timestamps
        self.values += other.values

    def cut(self, points: int) -> None:
        """Keep only this many points."""
        del self.steps[points:], self.timestamps[points:], self.values[points:]


def pack(points: list[tuple[int, int, float]]) -> bytes:
    """Pack (step, timestamp, value) points."""
    whole = array("q", bytes(POINT_BYTES * len(points)))
    whole[0::3] = array("q", [step for step, _, _ in points])
    whole[1::3] = array("q", [timestamp for _, timestamp, _ in points])
    whole[2::3] = array("q", array("d", [value for _, _, value in points]).tobytes())
    return whole.tobytes()


def append(
    connection: sqlite3.Connection, run: int, experiment: int, name: int, packed: bytes
) -> None:
    """Add points to the series of a run's metric, which is created if need be.

    Points that it has already are left out.
    """
    found = connection.execute(
        "SELECT id, value, step, timestamp, chunks, newest, settled FROM series"
        " WHERE run = ? AND name = ?",
        (run, name),
    ).fetchone()
    if found is None:
        _create(connection, run, experiment, name, packed)
        return
    series, old_value, old_step, old_timestamp, chunks, newest, settled = found
    if newest is None:
        newest, settled = _times(connection, series, chunks)
    held = Held(series, chunks, old_step, newest, settled)
    packed, ordered = new_points(connection, held, packed)
    if not packed:
        return
    columns = Columns.of(packed, ordered=ordered)
    latest = _last(columns)
    if not is_later(latest, (old_step, old_timestamp, old_value)):
        latest = (old_step, old_timestamp, old_value)
    chunks, settled = _append_chunks(connection, held, columns, packed)
    connection.execute(
        "UPDATE series SET step = ?, timestamp = ?, value = ?, chunks = ?, points = points + ?,"
        " newest = ?, settled = ? WHERE id = ?",
        (
            *latest,
            chunks,
            len(columns.steps),
            max(newest, max(columns.timestamps)),
            settled,
            series,
        ),
    )


def _create(
    connection: sqlite3.Connection, run: int, experiment: int, name: int, packed: bytes
) -> None:
    packed, ordered = new_points(connection, None, packed)
    columns = Columns.of(packed, ordered=ordered)
    connection.execute(
        "INSERT INTO series (run, name, experiment, step, timestamp, value, points, chunks, newest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (run, name, experiment, *_last(columns), len(columns.steps), max(columns.timestamps)),
    )
    ((series,),) = connection.execute(
        "SELECT id FROM series WHERE run = ? AND name = ?", (run, name)
    ).fetchall()
    chunks, settled = _append_chunks(connection, Held(series, 0, 0, 0, None), columns, packed)
    connection.execute(
        "UPDATE series SET chunks = ?, settled = ? WHERE id = ?", (chunks, settled, series)
    )


def _times(connection: sqlite3.Connection, series: int, chunks: int) -> tuple[int, int | None]:
    """Return ``newest`` and ``settled`` of a series that an older version wrote."""
    greatest = [max(columns.timestamps) for columns in read(connection, series, chunks)]
    return max(greatest), max(greatest[:-1], default=None)


def _append_chunks(
    connection: sqlite3.Connection, held: Held, columns: Columns, packed: bytes
) -> tuple[int, int | None]:
    """Write points, packed and in columns, behind the chunks that are there.

    Returns how many chunks there are then, and the greatest time of all but the last of them.
    """
    first, settled = held.chunks, held.newest if held.chunks else None
    ordered = columns.ordered
    if held.chunks:
        tail = connection.execute(
            "SELECT data FROM chunk WHERE id = ? AND points < ?",
            (held.base + held.chunks - 1, TAIL_POINTS),
        ).fetchone()
        if tail is not None:
            first, ordered = first - 1, False
            packed = tail[0] + packed
            if len(packed) <= CHUNK_POINTS * POINT_BYTES:
                settled = held.settled
    chunk, size = first, CHUNK_POINTS * POINT_BYTES
    for start in range(0, len(packed), size):
        data = packed[start : start + size]
        whole = array("q", data)
        steps = whole[0::3]
        rise = ordered or (known := steps.tolist()) == sorted(known)
        bounds = (steps[0], steps[-1]) if rise else (min(steps), max(steps))
        connection.execute(
            "INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?, ?, ?)",
            (held.base + chunk, len(steps), *bounds, rise, data),
        )
        if chunk >= summaries.FIRST_CHUNK and rise and len(steps) >= summaries.LEAST_POINTS:
            values = array("d", data)[2::3]
            summaries.add(connection, held.base + chunk, steps, whole[1::3], values)
        chunk += 1
    if earlier := columns.timestamps[: max(len(columns.timestamps) - len(steps), 0)]:
        settled = max(earlier) if settled is None else max(settled, max(earlier))
    return chunk, settled


def _last(columns: Columns) -> tuple[int, int, float]:
    """Return the latest point: the greatest step, then time, then value."""
    greatest = columns.steps[-1] if columns.ordered else max(columns.steps)
    best: tuple[int, int, float] | None = None
    if columns.steps.count(greatest) == 1:
        at = columns.steps.index(greatest)
        return greatest, columns.timestamps[at], columns.values[at]
    for step, timestamp, value in zip(
        columns.steps, columns.timestamps, columns.values, strict=True
    ):
        if step == greatest and (best is None or is_later((step, timestamp, value), best)):
            best = (step, timestamp, value)
    assert best is not None
    return best


def is_later(new: tuple[int, int, float | None], old: tuple[int, int, float | None]) -> bool:
    """Whether the step, time and value of a point make it the later of two."""
    if new[:2] != old[:2]:
        return new[:2] > old[:2]
    # Of two values at one step and time the greater counts; NaN counts as less than any value.
    new_value, old_value = (-math.inf if v is None or v != v else v for v in (new[2], old[2]))
    return new_value > old_value


def find(connection: sqlite3.Connection, run: int, key: str) -> tuple[int, int] | None:
    """Return the id and the number of chunks of a run's series; None if it has none."""
    found: tuple[int, int] | None = connection.execute(
        "SELECT series.id, chunks FROM series JOIN name ON name.id = series.name"
        " WHERE run = ? AND name.text = ?",
        (run, key),
    ).fetchone()
    return found


def read(
    connection: sqlite3.Connection, series: int, chunks: int, skip: int = 0
) -> Iterator[Columns]:
    """Yield the points of a series chunk by chunk, without the first ``skip`` of them."""
    base = series << CHUNK_BITS
    for points, ordered, data in connection.execute(
        "SELECT points, ordered, data FROM chunk WHERE id >= ? AND id < ? ORDER BY id",
        (base, base + chunks),
    ):
        if skip >= points:
            skip -= points
            continue
        yield Columns.of(data[skip * POINT_BYTES :], ordered=bool(ordered))
        skip = 0


def sample(
    connection: sqlite3.Connection,
    key: str,
    series: int,
    chunks: int,
    points: int,
    bounds: tuple[int | None, int | None],
) -> list[Metric]:
    """Return at most ``points`` points ordered by step that draw the same curve.

    ``bounds`` are the first and last step wanted, both included.
    """
    whole = by_step(_within(connection, series, chunks, bounds))
    if bounds != (None, None):
        whole = _cut(whole, bounds)
    kept = reduce_points(whole.values, points)
    return [Metric(key, whole.values[i], whole.timestamps[i], whole.steps[i]) for i in kept]


def _within(
    connection: sqlite3.Connection, series: int, chunks: int, bounds: tuple[int | None, int | None]
) -> list[Columns]:
    base = series << CHUNK_BITS
    low, high = bounds
    rows = connection.execute(
        "SELECT ordered, data FROM chunk WHERE id >= ? AND id < ?"
        " AND (? IS NULL OR greatest_step >= ?) AND (? IS NULL OR least_step <= ?) ORDER BY id",
        (base, base + chunks, low, low, high, high),
    )
    return [Columns.of(data, ordered=bool(ordered)) for ordered, data in rows]


def by_step(parts: list[Columns]) -> Columns:
    """Join columns, ordered by step, then time."""
    joined = Columns(array("q"), array("q"), array("d"), ordered=True)
    for part in parts:
        goes_on = not joined.steps or (part.ordered and part.steps[0] >= joined.steps[-1])
        joined.ordered = joined.ordered and part.ordered and goes_on
        joined.steps += part.steps
        joined.timestamps += part.timestamps
        joined.values += part.values
    if joined.ordered:
        return joined
    order = sorted(
        range(len(joined.steps)),
        key=list(zip(joined.steps, joined.timestamps, strict=True)).__getitem__,
    )
    return Columns(
        array("q", map(joined.steps.__getitem__, order)),
        array("q", map(joined.timestamps.__getitem__, order)),
        array("d", map(joined.values.__getitem__, order)),
        ordered=True,
    )


def _cut(columns: Columns, bounds: tuple[int | None, int | None]) -> Columns:
    from bisect import bisect_left, bisect_right

    low, high = bounds
    start = 0 if low is None else bisect_left(columns.steps, low)
    end = len(columns.steps) if high is None else bisect_right(columns.steps, high)
    return Columns(
        columns.steps[start:end], columns.timestamps[start:end], columns.values[start:end], True
    )


def purge(connection: sqlite3.Connection, run: int) -> None:
    """Remove the points of all series of a run."""
    for (number,) in connection.execute("SELECT id FROM series WHERE run = ?", (run,)).fetchall():
        base = number << CHUNK_BITS
        end = base + (1 << CHUNK_BITS)
        connection.execute("DELETE FROM chunk WHERE id >= ? AND id < ?", (base, end))
        summaries.remove(connection, base, end)
