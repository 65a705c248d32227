"""Runs that have the same value in a column, and figures of each such group."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from pegboard_stores.filters import Field, Kind
from pegboard_stores.run_table import Figures, Group, Groups, TableQuery
from pegboard_stores.run_table.contract import Value

from pegboard_tracking.run_table import cells, choice
from pegboard_tracking.run_table.looked import Looked, is_number

_LIVE = Field(Kind.ATTRIBUTE, "status")


def groups(looked: Looked, query: TableQuery, by: Field) -> Groups:
    """Return a page of groups."""
    asked, chosen = choice.columns(looked, query.columns, query.sort, by)
    figured = [each for each in chosen if is_number(each) and each != by]
    key = ("groups", looked.key, by, query.sort, tuple(figured))
    whole = looked.kept(key, lambda: _groups(looked, query, by, figured))
    return Groups(
        total=looked.total,
        matched=looked.matched,
        live=looked.live,
        revision=looked.revision,
        asked=asked,
        chosen=chosen,
        count=len(whole),
        groups=whole[query.offset : query.offset + query.limit],
    )


def _groups(looked: Looked, query: TableQuery, by: Field, figured: Sequence[Field]) -> list[Group]:
    values: dict[int, Value] = {row: _same(value) for row, value in cells.of_all(looked, by)}
    counts: dict[Value, int] = defaultdict(int)
    for value in values.values():
        counts[value] += 1
    if lacking := looked.matched - len(values):
        counts[None] = lacking
    live: dict[Value, int] = defaultdict(int)
    for row, status in cells.of_all(looked, _LIVE):
        if status == "RUNNING":
            live[values.get(row)] += 1
    figures = {each: _figures(looked, each, values) for each in figured}
    found = [
        Group(
            value,
            runs,
            live.get(value, 0),
            {each: of[value] for each, of in figures.items() if value in of},
        )
        for value, runs in counts.items()
    ]
    return _sorted(found, query, by)


def _same(value: Value) -> Value:
    """Return NaN as one value, which is equal to itself where it is looked up."""
    return math.nan if isinstance(value, float) and math.isnan(value) else value


def _figures(looked: Looked, column: Field, groups: dict[int, Value]) -> dict[Value, Figures]:
    numbers: dict[Value, list[float]] = defaultdict(list)
    for row, value in cells.of_all(looked, column):
        if math.isfinite(value):
            numbers[groups.get(row)].append(value)
    return {
        group: Figures(len(of), min(of), math.fsum(of) / len(of), max(of))
        for group, of in numbers.items()
    }


def _sorted(found: list[Group], query: TableQuery, by: Field) -> list[Group]:
    """Return groups in order: those without what they are ordered by last, the missing one too."""
    found.sort(key=lambda each: (each.value is None, -each.runs, str(each.value)))
    sort = query.sort
    if sort is None:
        return found

    def key(group: Group) -> Value:
        if sort.field == by:
            return group.value
        of = group.figures.get(sort.field)
        return None if of is None else of.mean

    known = [each for each in found if key(each) is not None]
    known.sort(key=key, reverse=not sort.ascending)  # type: ignore[arg-type]
    return known + [each for each in found if key(each) is None]
