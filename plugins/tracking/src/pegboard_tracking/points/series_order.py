"""Histories of metrics in the order of time, which they nearly always have already."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from itertools import islice
from operator import ge, gt
from typing import Any

from pegboard_tracking.points.series import Columns

_MOST_KNOWN = 10_000


class TimeOrder:
    """Whether series have the order of time, remembered as long as nothing is added to them.

    May be used from several threads.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Sequence[Any], bool]] = {}

    def of(self, connection: sqlite3.Connection, series: int) -> bool | None:
        """Return whether a series has the order of time, None if that is not known."""
        state, ordered = self._known.get(series, (None, None))
        return ordered if state == _state(connection, series) else None

    def note(self, connection: sqlite3.Connection, series: int, ordered: bool) -> None:
        """Remember whether a series has the order of time."""
        if len(self._known) >= _MOST_KNOWN:
            self._known = {}
        self._known[series] = _state(connection, series), ordered


def _state(connection: sqlite3.Connection, series: int) -> Sequence[Any]:
    """Return what changes with each point, and with the series that has this number."""
    found: Sequence[Any] = connection.execute(
        "SELECT run, name, points, step, timestamp, value FROM series WHERE id = ?", (series,)
    ).fetchone()
    return found


def is_by_time(columns: Columns) -> bool:
    """Whether points are in the order of time, then step, then value."""
    times = columns.timestamps.tolist()
    if not any(map(ge, times, islice(times, 1, None))):
        return True
    if any(map(gt, times, islice(times, 1, None))):
        return False
    rows = _rows(columns)
    return not any(map(gt, rows, islice(rows, 1, None)))


def by_time(columns: Columns) -> Columns:
    """Return points in the order of time, then step, then value, of which NaN counts as 0."""
    order = sorted(range(len(columns.steps)), key=_rows(columns).__getitem__)
    return Columns(
        array("q", map(columns.steps.__getitem__, order)),
        array("q", map(columns.timestamps.__getitem__, order)),
        array("d", map(columns.values.__getitem__, order)),
        ordered=False,
    )


def since(columns: Columns, offset: int) -> Columns:
    """Return points without the first ``offset`` ones."""
    if not offset:
        return columns
    return Columns(
        columns.steps[offset:],
        columns.timestamps[offset:],
        columns.values[offset:],
        columns.ordered,
    )


def _rows(columns: Columns) -> list[tuple[int, int, float]]:
    values = (0.0 if value != value else value for value in columns.values)
    return list(zip(columns.timestamps, columns.steps, values, strict=True))
