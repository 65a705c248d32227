"""Groups of runs that have the same value in a column."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from pegboard_stores.filters import Field, OrderBy
from pegboard_stores.run_table.contract import Figures, Group, Value

R = TypeVar("R", bound=Hashable)


def grouped(
    rows: Iterable[R],
    values: Mapping[R, Value],
    live: Iterable[R],
    numbers: Mapping[Field, Iterable[tuple[R, float]]],
) -> list[Group]:
    """Return the groups of rows by their values, those without one too.

    ``live`` are the rows of runs that are RUNNING; ``numbers`` the values of columns to summarize.
    """
    runs = _counts(rows, values)
    alive = _counts(live, values)
    figures = {column: _figures(each, values) for column, each in numbers.items()}
    return [
        Group(
            value,
            count,
            alive.get(value, 0),
            {column: of[value] for column, of in figures.items() if value in of},
        )
        for value, count in runs.items()
    ]


def _counts(rows: Iterable[R], values: Mapping[R, Value]) -> dict[Value, int]:
    counts: dict[Value, int] = defaultdict(int)
    for row in rows:
        counts[_same(values.get(row))] += 1
    return counts


def _same(value: Value) -> Value:
    # NaN differs from NaN, but the same one is found in a mapping.
    return math.nan if isinstance(value, float) and value != value else value


def _figures(numbers: Iterable[tuple[R, float]], values: Mapping[R, Value]) -> dict[Value, Figures]:
    found: dict[Value, list[float]] = defaultdict(list)
    for row, number in numbers:
        if math.isfinite(number):
            found[_same(values.get(row))].append(number)
    return {
        value: Figures(len(of), min(of), math.fsum(each / len(of) for each in of), max(of))
        for value, of in found.items()
    }


def in_order(groups: Sequence[Group], by: Field, sort: OrderBy | None) -> list[Group]:
    """Return groups in order: those without what they are ordered by last.

    Without an order the largest first, and the one of missing values last.
    """
    found = sorted(groups, key=lambda each: (each.value is None, -each.runs, str(each.value)))
    if sort is None:
        return found
    keys = {id(each): _key(each, by, sort.field) for each in found}
    known = [each for each in found if keys[id(each)] is not None]
    known.sort(key=lambda each: _sortable(keys[id(each)]), reverse=not sort.ascending)
    return known + [each for each in found if keys[id(each)] is None]


def _key(group: Group, by: Field, field: Field) -> Value:
    if field == by:
        return None if _same(group.value) is math.nan else group.value
    figures = group.figures.get(field)
    return None if figures is None else figures.mean


def _sortable(value: Value) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (float(value or 0), "")
