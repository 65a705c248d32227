"""All values of a column, kept packed: what orders, groups and histograms of many runs read.

After a change only the runs that were changed are read again.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
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
    """The rows of the runs that have a value, and the values beside them."""

    rows: array[int]
    values: array[float] | list[str]

    def __len__(self) -> int:
        return len(self.rows)


def vector(looked: Looked, column: Field) -> Vector:
    """Return the values of all runs that are looked at."""

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


def _read(looked: Looked, column: Field) -> Vector:
    cancellation.check()
    found = cells.of_all(looked, column)
    values = [value for _, value in found]
    return Vector(array("q", [row for row, _ in found]), _packed(column, values))


def _packed(column: Field, values: list[Any]) -> array[float] | list[str]:
    if not is_number(column):
        # Texts come again and again: each is kept once.
        known: dict[str, str] = {}
        return [known.setdefault(text, text) for text in values]
    try:
        return array("d", values)
    except TypeError:
        return array("d", [math.nan if value is None else value for value in values])


def _renewed(looked: Looked, column: Field, old: Vector, revision: int) -> Vector | None:
    changed = looked.changed_rows(revision)
    if changed is None:
        return None
    seen = list(looked.seen(changed))
    found = zip(seen, cells.of_rows(looked, seen, [column])[column], strict=True)
    new = {row: value for row, value in found if value is not None}
    gone = set(changed)
    rows, values = old.rows[:], old.values[:]
    places = [place for place, row in enumerate(rows) if row in gone]
    for place in reversed(places):
        value: Any = new.pop(rows[place], None)
        if value is not None:
            values[place] = value
        else:
            del rows[place], values[place]
    rows.extend(new)
    values.extend(new.values())  # type: ignore[arg-type]
    return Vector(rows, values)
