"""Curves of series: which chunks a chart needs, and how their points become its x and y."""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, cast

from attrs import evolve, frozen
from pegboard.entities import Metric
from pegboard_stores import cancellation, curve_reduction
from pegboard_stores.curve_reduction import Part, Points, Summary
from pegboard_stores.curves import RELATIVE, STEP, Curve, CurveShape

from pegboard_tracking.points import series
from pegboard_tracking.points.curves_known import KnownCurves, state_of
from pegboard_tracking.points.series import Columns
from pegboard_tracking.tables import runs
from pegboard_tracking.tables.summaries import CHUNK_BITS

_Column: TypeAlias = "memoryview[int]"
_Summed = list[Any]
"""The least value, its x, the greatest value, its x, the first time, the last time."""


@frozen
class _Series:
    """A metric of a run, as its row tells."""

    number: int
    chunks: int
    points: int
    last: Metric


def of(
    connection: sqlite3.Connection, run_id: str, key: str, shape: CurveShape, known: KnownCurves
) -> Curve:
    """Return the curve of a run's metric; NotFound."""
    run = runs.get(connection, run_id).row
    names = (key,) if shape.metric is None else (key, shape.metric)
    state = state_of(connection, run, names)
    curve = known.get((run, key, shape), state)
    if curve is None:
        curve = _made(connection, run, key, shape)
        known.put((run, key, shape), state, curve)
    return curve


def _made(connection: sqlite3.Connection, run: int, key: str, shape: CurveShape) -> Curve:
    found = _find(connection, run, key)
    if found is None:
        return Curve()
    if shape.metric is not None:
        curve = _over_metric(connection, found, _find(connection, run, shape.metric), shape)
    elif shape.x == STEP:
        curve = curve_reduction.reduce(*_by_step(connection, found), shape)
    else:
        curve = _by_time(connection, run, found, shape)
    return evolve(curve, total=found.points, last=found.last)


def _find(connection: sqlite3.Connection, run: int, key: str) -> _Series | None:
    row = connection.execute(
        "SELECT series.id, chunks, points, value, timestamp, step FROM series"
        " JOIN name ON name.id = series.name WHERE run = ? AND name.text = ?",
        (run, key),
    ).fetchone()
    if row is None:
        return None
    number, chunks, points, value, timestamp, step = row
    last = Metric(key, math.nan if value is None else value, timestamp, step)
    return _Series(number, chunks, points, last)


def _origin(connection: sqlite3.Connection, run: int, parts: Sequence[Part]) -> float:
    started: int = connection.execute("SELECT start_time FROM run WHERE id = ?", (run,)).fetchone()[
        0
    ]
    return min([started, *(part.least for part in parts)])


class _Chunks:
    """The chunks of a series, read one by one."""

    def __init__(self, connection: sqlite3.Connection, found: _Series) -> None:
        self._connection = connection
        self.base = found.number << CHUNK_BITS
        self.end = self.base + found.chunks

    def columns(self, chunk: int) -> tuple[bool, _Column, _Column, list[float]]:
        """Return whether the steps of a chunk never go down; its steps, its times, its values.

        Steps and times are looked at where they lie: of most of them nothing is asked.
        """
        ordered, data = self._connection.execute(
            "SELECT ordered, data FROM chunk WHERE id = ?", (chunk,)
        ).fetchone()
        whole = memoryview(data)
        numbers, real = whole.cast("q"), whole.cast("d")
        values = cast("list[float]", real[2::3].tolist())
        return bool(ordered), numbers[0::3], numbers[1::3], values

    def by_step(self) -> Iterator[Part]:
        """Yield chunks with their least and greatest steps."""
        known = self._summaries("least_step", "greatest_step")
        for chunk, points, least, greatest in self._connection.execute(
            "SELECT id, points, least_step, greatest_step FROM chunk"
            " WHERE id >= ? AND id < ? ORDER BY id",
            (self.base, self.end),
        ):
            yield Part(least, greatest, chunk, _summary(points, known.get(chunk)))

    def by_time(self, *, rise: bool) -> Iterator[Part]:
        """Yield chunks with their least and greatest times.

        ``rise``: with the times of their first and last points, which is quicker.
        """
        known = self._summaries("least_time", "greatest_time")
        wanted = "substr(data, 9, 8), substr(data, -16, 8)" if rise else "data"
        for chunk, points in self._connection.execute(
            "SELECT id, points FROM chunk WHERE id >= ? AND id < ? ORDER BY id",
            (self.base, self.end),
        ).fetchall():
            cancellation.check()
            if (row := known.get(chunk)) is not None:
                yield Part(row[4], row[5], chunk, _summary(points, row))
                continue
            [found] = self._connection.execute(
                f"SELECT {wanted} FROM chunk WHERE id = ?",  # noqa: S608
                (chunk,),
            ).fetchall()
            times = array("q", b"".join(found))
            if not rise:
                times = times[1::3]
            yield Part(min(times), max(times), chunk)

    def _summaries(self, least_x: str, greatest_x: str) -> dict[int, _Summed]:
        rows = self._connection.execute(
            f"SELECT id, least, {least_x}, greatest, {greatest_x}, first_time, last_time"  # noqa: S608
            " FROM chunk_summary WHERE id >= ? AND id < ?",
            (self.base, self.end),
        )
        return {chunk: row for chunk, *row in rows}


def _summary(points: int, row: _Summed | None) -> Summary | None:
    return None if row is None else Summary(points, *row[:4])


def _by_step(connection: sqlite3.Connection, found: _Series) -> tuple[list[Part], _LoadBySteps]:
    chunks = _Chunks(connection, found)
    return list(chunks.by_step()), _LoadBySteps(chunks)


@frozen
class _LoadBySteps:
    _chunks: _Chunks

    def __call__(self, chunk: int) -> Points:
        ordered, steps, _, values = self._chunks.columns(chunk)
        return (steps, values) if ordered else curve_reduction.in_order(steps, values)


class _OutOfOrder(Exception):
    """The times of a chunk go down."""


def _by_time(connection: sqlite3.Connection, run: int, found: _Series, shape: CurveShape) -> Curve:
    # Chunks do not tell their times. Nearly always these rise, so that the ends tell all: which
    # shows when all chunks are looked into.
    chunks = _Chunks(connection, found)
    is_whole = shape.low is None and shape.high is None
    for rise in (True, False) if is_whole else (False,):
        parts = list(chunks.by_time(rise=rise))
        origin = _origin(connection, run, parts) if shape.x == RELATIVE else 0
        try:
            load = _LoadByTimes(chunks, rise)
            return curve_reduction.reduce(parts, load, shape, origin=origin)
        except _OutOfOrder:
            pass
    raise AssertionError("the extremes hold in any order")


@frozen
class _LoadByTimes:
    _chunks: _Chunks
    _rise: bool

    def __call__(self, chunk: int) -> Points:
        _, _, seen, values = self._chunks.columns(chunk)
        times = seen.tolist()
        if times == sorted(times):
            return times, values
        if self._rise:
            raise _OutOfOrder
        return curve_reduction.in_order(times, values)


def _over_metric(
    connection: sqlite3.Connection, y: _Series, x: _Series | None, shape: CurveShape
) -> Curve:
    if x is None:
        return Curve()
    curve_reduction.check_joinable(x.points, y.points)
    over, shown = _whole(connection, x), _whole(connection, y)
    parts, load = curve_reduction.over_metric(shown.steps, shown.values, over.steps, over.values)
    return curve_reduction.reduce(parts, load, shape)


def _whole(connection: sqlite3.Connection, found: _Series) -> Columns:
    return series.by_step(list(series.read(connection, found.number, found.chunks)))
