"""The rows of a table in order."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

from pegboard_stores.filters import RUNS, Kind, OrderBy, complete
from pegboard_stores.run_table import DURATION
from pegboard_stores.sql.pieces import Sql

from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.search.keys import ranked
from pegboard_tracking.search.runs import Planner, Query
from pegboard_tracking.search.sets import Limits

_FAR = 1_000
"""Pages that begin behind so many rows are cut out of all rows, which are kept."""


def completed(sort: OrderBy | None) -> tuple[OrderBy, ...]:
    """Return an order with what decides between equals."""
    return complete(() if sort is None else (sort,), RUNS)


def first(
    looked: Looked, sort: OrderBy | None, members: AbstractSet[int] | None, need: int, of: str
) -> Sequence[int]:
    """Return the first ``need`` of the runs ``members``, or of all, in order.

    ``of`` tells these members from others of the same scope.
    """
    if need <= _FAR:
        return _ordered(looked, sort, members, need)
    most = looked.total if members is None else len(members)
    return looked.kept(
        ("order", of, looked.key, sort), lambda: array("q", _ordered(looked, sort, members, most))
    )[:need]


def few(looked: Looked, sort: OrderBy | None, rows: Collection[int]) -> list[int]:
    """Return these runs in order."""
    if _is_duration(sort):
        return _ordered(looked, sort, set(rows), len(rows))
    return ranked(looked.scope, rows, completed(sort), len(rows))


def _ordered(
    looked: Looked, sort: OrderBy | None, members: AbstractSet[int] | None, need: int
) -> list[int]:
    if not looked.scope.experiments or (members is not None and not members):
        return []
    if sort is not None and _is_duration(sort):
        found = looked.rows(_by_duration(looked, sort))
        return [row for row in found if members is None or row in members][:need]
    known = looked.conditions if members is not None and members is looked.members else ()
    query = Query((), members, known)
    return Planner(looked.scope, Limits()).page(query, completed(sort), need, None)


def _is_duration(sort: OrderBy | None) -> bool:
    return sort is not None and (sort.field.kind, sort.field.key) == (Kind.ATTRIBUTE, DURATION)


def _by_duration(looked: Looked, sort: OrderBy) -> Sql:
    inside = looked.scope.in_experiments("r.experiment")
    shown = looked.scope.in_stages("r.lifecycle")
    way = "" if sort.ascending else " DESC"
    return Sql(
        f"SELECT r.id AS id FROM run r WHERE {inside.text} AND {shown.text}"  # noqa: S608
        f" ORDER BY r.end_time IS NULL, r.end_time - r.start_time{way}, r.start_time DESC,"
        " r.run_id",
        (*inside.values, *shown.values),
    )
