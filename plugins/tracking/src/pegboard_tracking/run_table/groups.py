"""Runs that have the same value in a column, and figures of each such group."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard_stores.filters import Field, Kind
from pegboard_stores.run_table import Group, Groups, TableQuery
from pegboard_stores.run_table.columns import is_number
from pegboard_stores.run_table.grouping import grouped, in_order

from pegboard_tracking.run_table import choice, vectors
from pegboard_tracking.run_table.looked import Looked

_STATUS = Field(Kind.ATTRIBUTE, "status")


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
    values = dict(vectors.of_fitting(looked, by))
    rows = looked.everything() if looked.members is None else looked.members
    live = (row for row, status in vectors.of_fitting(looked, _STATUS) if status == "RUNNING")
    numbers = {each: vectors.of_fitting(looked, each) for each in figured}
    return in_order(grouped(rows, values, live, numbers), by, query.sort)
