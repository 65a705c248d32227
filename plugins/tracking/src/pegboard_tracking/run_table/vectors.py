"""All values of a column, kept packed: what orders, groups and histograms of many runs read.

After a change only the runs that were changed are read again.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from attrs import frozen
from pegboard_stores import cancellation
from pegboard_stores.filters import Field
from pegboard_stores.run_table.columns import is_number

from pegboard_tracking.run_table import cells
from pegboard_tracking.run_table.looked import Looked

_FEW = 2_000
"""So many runs are asked one by one."""


@frozen
class Vector:
    """The rows of the runs that have a value, and the values beside them.

    Numbers rise; the last ``nan`` of them are not numbers.
    """

    rows: array[int]
    values: array[float] | list[str]
    nan: int = 0

    def __len__(self) -> int:
        return len(self.rows)


def vector(looked: Looked, column: Field) -> Vector:
    """Return the values of all runs in view."""

    def renew(old: Vector, revision: int) -> Vector | None:
        return _renewed(looked, column, old, revision)

    return looked.kept_column(column, lambda: _read(looked, column), renew)


def of_fitting(looked: Looked, column: Field) -> Iterable[tuple[int, Any]]:
    """Return the row and the value of every run that fits and has a value in a column."""
    members = looked.members
    if members is not None and len(members) <= _FEW:
        rows = sorted(members)
        few = cells.of_rows(looked, rows, [column])[column]
        return [(r, v) for r, v in zip(rows, few, strict=True) if v is not None]
    whole = vector(looked, column)
    pairs = zip(whole.rows, whole.values, strict=True)
    return pairs if members is None else [pair for pair in pairs if pair[0] in members]


def of_fitting_in_order(looked: Looked, column: Field) -> Vector:
    """Return numbers that runs have, in order: those of a few that fit, else of all."""
    members = looked.members
    if members is None or len(members) > _FEW:
        return vector(looked, column)
    found = [(row, None if v != v else v) for row, v in of_fitting(looked, column)]
    return _packed(column, found)


def _read(looked: Looked, column: Field) -> Vector:
    cancellation.check()
    return _packed(column, cells.of_all(looked, column))


def _packed(column: Field, found: list[tuple[int, Any]]) -> Vector:
    if not is_number(column):
        # Texts come again and again: each is kept once.
        known: dict[str, str] = {}
        texts = [known.setdefault(text, text) for _, text in found]
        return Vector(array("q", [row for row, _ in found]), texts)
    nan = [row for row, value in found if value is None]
    if nan:
        found = [pair for pair in found if pair[1] is not None]
    # Most often they come in this order, from an index.
    found.sort(key=itemgetter(1))
    rows, values = array("q", [row for row, _ in found]), array("d", [v for _, v in found])
    rows.extend(nan)
    values.extend([math.nan] * len(nan))
    return Vector(rows, values, len(nan))


def _renewed(looked: Looked, column: Field, old: Vector, revision: int) -> Vector | None:
    changed = looked.changed_rows(revision)
    if changed is None:
        return None
    seen = list(looked.seen(changed))
    found = zip(seen, cells.of_rows(looked, seen, [column])[column], strict=True)
    gone = set(changed)
    rows, values, nan = old.rows[:], old.values[:], old.nan
    for place in reversed([place for place, row in enumerate(rows) if row in gone]):
        nan -= place >= len(rows) - nan
        del rows[place], values[place]
    for row, value in found:
        if value is None:
            continue
        place, nan = len(rows), nan + (value != value)
        if isinstance(value, (int, float)) and value == value:
            place = bisect_right(values, value, hi=len(rows) - nan)
        rows.insert(place, row)
        values.insert(place, value)  # type: ignore[arg-type]
    return Vector(rows, values, nan)
