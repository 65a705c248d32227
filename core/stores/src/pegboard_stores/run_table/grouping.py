"""Groups of runs that have the same value in a column."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
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
    of = _places(values)
    runs, alive = Counter(map(of.get, rows)), Counter(map(of.get, live))
    figures = {column: _figures(each, of) for column, each in numbers.items()}
    return [
        Group(
            value,
            count,
            alive[value],
            {column: each[value] for column, each in figures.items() if value in each},
        )
        for value, count in runs.items()
    ]


def _places(values: Mapping[R, Value]) -> dict[R, Value]:
    """Return the group of each row."""
    # NaN differs from NaN, but one and the same is found in a mapping.
    return {row: math.nan if value != value else value for row, value in values.items()}


def _figures(numbers: Iterable[tuple[R, float]], of: Mapping[R, Value]) -> dict[Value, Figures]:
    found: dict[Value, list[float]] = defaultdict(list)
    group = of.get
    for row, number in numbers:
        found[group(row)].append(number)
    finite = {value: [n for n in each if n - n == 0] for value, each in found.items()}
    return {
        value: Figures(len(each), min(each), _mean(each), max(each))
        for value, each in finite.items()
        if each
    }


def _mean(numbers: Sequence[float]) -> float:
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:
        # The sum of the greatest numbers overflows.
        return math.fsum(number / len(numbers) for number in numbers)


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
        return None if group.value != group.value else group.value
    figures = group.figures.get(field)
    return None if figures is None else figures.mean


def _sortable(value: Value) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (float(value or 0), "")
