"""The rows of a table in order."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from pegboard_stores.filters import RUNS, Kind, OrderBy, complete
from pegboard_stores.sql.pieces import Sql

from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.run_table.vectors import vector
from pegboard_tracking.search.conditions import COMPUTED
from pegboard_tracking.search.keys import ranked
from pegboard_tracking.search.runs import Planner, Query
from pegboard_tracking.search.sets import Limits

_FAR = 1_000
"""Pages that begin after this many rows are cut out of all rows, which stay in memory."""


def first(
    looked: Looked, sort: OrderBy | None, members: AbstractSet[int] | None, need: int, of: str
) -> Sequence[int]:
    """Return the first ``need`` of the runs ``members``, or of all, in order.

    ``of`` tells these members from others of the same scope.
    """
    if not looked.scope.experiments or (members is not None and not members):
        return []
    if need > _FAR or _is_computed(sort):
        key = ("order", of, looked.key, sort)
        return looked.kept(key, lambda: array("q", _all(looked, sort, members)))[:need]
    known = looked.conditions if members is not None and members is looked.members else ()
    query = Query((), members, known)
    return Planner(looked.scope, Limits()).page(query, _completed(sort), need, None)


def few(looked: Looked, sort: OrderBy | None, rows: Collection[int]) -> list[int]:
    """Return these runs in order."""
    if sort is not None and _is_computed(sort):
        return _sorted(looked, sort, ranked(looked.scope, rows, _completed(None), len(rows)))
    return ranked(looked.scope, rows, _completed(sort), len(rows))


def _completed(sort: OrderBy | None) -> tuple[OrderBy, ...]:
    """Return an order with what decides between equals."""
    return complete(() if sort is None else (sort,), RUNS)


def _is_computed(sort: OrderBy | None) -> bool:
    return sort is not None and sort.field.kind is Kind.ATTRIBUTE and sort.field.key in COMPUTED


def _all(looked: Looked, sort: OrderBy | None, members: AbstractSet[int] | None) -> list[int]:
    """Return all of the members in order: last started first, then by the values of a column."""
    rows = looked.rows(_last_started_first(looked))
    if members is not None:
        rows = [row for row in rows if row in members]
    return rows if sort is None else _sorted(looked, sort, rows)


def _sorted(looked: Looked, sort: OrderBy, rows: list[int]) -> list[int]:
    """Return rows by their values; those that are equal, NaN or missing stay as they are."""
    column = vector(looked, sort.field)
    values: dict[int, Any] = dict(zip(column.rows, column.values, strict=True))
    valued = [row for row in rows if (value := values.get(row)) is not None and value == value]
    valued.sort(key=values.__getitem__, reverse=not sort.ascending)
    if len(valued) == len(rows):
        return valued
    nan = [row for row in rows if (value := values.get(row)) is not None and value != value]
    return [*valued, *nan, *(row for row in rows if row not in values)]


def _last_started_first(looked: Looked) -> Sql:
    inside = looked.scope.in_experiments("r.experiment")
    shown = looked.scope.in_stages("r.lifecycle")
    return Sql(
        f"SELECT r.id AS id FROM run r WHERE {inside.text} AND {shown.text}"  # noqa: S608
        " ORDER BY r.start_time DESC, r.run_id",
        (*inside.values, *shown.values),
    )
