"""Which points a series holds: a point of a model may be one that the run logged before."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence

from pegboard.entities import Metric

from pegboard_tracking.series import CHUNK_BITS, Columns, is_later

Point = tuple[int, int, float | None]
"""Step, timestamp and value; the value is None for NaN, which equals nothing."""


def without_held(
    connection: sqlite3.Connection, run: int, name: int, points: Sequence[Metric]
) -> list[Metric]:
    """Return the points of one metric without those of models that the run has already.

    Points that are of no model are all kept.
    """
    plain = {_point(point) for point in points if not point.model_id}
    of_models = {_point(point): point for point in reversed(points) if point.model_id}
    asked = of_models.keys() - plain
    new = asked - _held(connection, run, name, asked)
    return [
        point
        for point in points
        if not point.model_id or (_point(point) in new and of_models[_point(point)] is point)
    ]


def _point(point: Metric) -> Point:
    value = point.value
    return point.step, point.timestamp, None if value != value else value


def _held(
    connection: sqlite3.Connection, run: int, name: int, points: Iterable[Point]
) -> set[Point]:
    """Return those of the points that a run's series holds."""
    found = connection.execute(
        "SELECT id, chunks, step, timestamp, value FROM series WHERE run = ? AND name = ?",
        (run, name),
    ).fetchone()
    if found is None:
        return set()
    series, chunks, *last = found
    latest: Point = (last[0], last[1], last[2])
    # What a model is measured with is nearly always the latest point, or comes after it.
    earlier = {point for point in points if point != latest and not is_later(point, latest)}
    held = {latest}
    if earlier:
        held |= _search(connection, series << CHUNK_BITS, chunks, earlier)
    return held


def _search(
    connection: sqlite3.Connection, base: int, chunks: int, points: Collection[Point]
) -> set[Point]:
    """Return those of the points that lie in so many chunks from an id on, the last ones first.

    Only chunks with the steps of these points are unpacked.
    """
    held: set[Point] = set()
    steps = sorted({step for step, _, _ in points})
    wanted = frozenset(steps)
    bounds = connection.execute(
        "SELECT id, least_step, greatest_step FROM chunk"
        " WHERE id >= ? AND id < ? AND greatest_step >= ? AND least_step <= ? ORDER BY id DESC",
        (base, base + chunks, steps[0], steps[-1]),
    ).fetchall()
    for chunk, least, greatest in bounds:
        at = bisect_left(steps, least)
        if at == len(steps) or steps[at] > greatest:
            continue
        ((data,),) = connection.execute("SELECT data FROM chunk WHERE id = ?", (chunk,)).fetchall()
        columns = Columns.of(data)
        held.update(
            (step, timestamp, None if value != value else value)
            for step, timestamp, value in zip(
                columns.steps, columns.timestamps, columns.values, strict=True
            )
            if step in wanted
        )
        if held.issuperset(points):
            break
    return held
