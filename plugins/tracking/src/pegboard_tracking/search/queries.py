"""Search in the SQLite store: filters and orders to rows, and rows to runs.

Filters are those of ``pegboard_stores.filters``, whose ``matches`` and ``sorted_by`` define the
answers. All values reach SQLite bound, never as a part of its language.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard_stores.sql.patterns import patterns

from pegboard_tracking.search.load import load_infos, load_runs

if TYPE_CHECKING:
    from pegboard.entities import ViewType
    from pegboard_stores.filters import Expr, OrderBy

    from pegboard_tracking.search.sets import Limits

# What only searches need is imported by them: a script that only logs does without.

__all__ = [
    "load_infos",
    "load_runs",
    "search_experiment_rows",
    "search_run_rows",
]


def search_run_rows(
    connection: sqlite3.Connection,
    experiments: Sequence[int],
    expr: Expr | None,
    order_by: Sequence[OrderBy],
    view: ViewType,
    limit: int,
    page_token: str | None,
    *,
    limits: Limits | None = None,
) -> tuple[list[int], str | None]:
    """Return the rows of up to ``limit`` runs in order, and the token of the next page.

    InvalidValue for a token of another search, and for a regular expression that costs too much.
    ``limits`` change how runs are found, not which.
    """
    from pegboard_stores import search_tokens
    from pegboard_stores.filters import RUNS, complete

    from pegboard_tracking.search import keys
    from pegboard_tracking.search.runs import Planner, Query
    from pegboard_tracking.search.scope import Scope
    from pegboard_tracking.search.sets import Limits, conjuncts

    order = complete(order_by, RUNS)
    scope = Scope.of(connection, experiments, view)
    query = (scope.experiments, expr, order, view)
    after = search_tokens.decode(page_token, query, keys.types(order))
    if not scope.experiments:
        return [], None
    with patterns():
        rows = Planner(scope, limits or Limits()).page(
            Query(conjuncts(expr)), order, limit + 1, after
        )
    if len(rows) <= limit:
        return rows, None
    ((key, _),) = keys.keys(scope, [rows[limit - 1]], order, ())
    return rows[:limit], search_tokens.encode(key, query)


def search_experiment_rows(
    connection: sqlite3.Connection,
    expr: Expr | None,
    order_by: Sequence[OrderBy],
    view: ViewType,
    limit: int,
    page_token: str | None,
) -> tuple[list[int], str | None]:
    """Return the rows of up to ``limit`` experiments in order, and the token of the next page.

    InvalidValue for a token of another search, and for a regular expression that costs too much.
    """
    from pegboard_stores import search_tokens
    from pegboard_stores.filters import EXPERIMENTS, complete

    from pegboard_tracking.search import experiments as search_experiments

    order = complete(order_by, EXPERIMENTS)
    query = (expr, order, view)
    after = search_tokens.decode(page_token, query, search_experiments.types(order))
    with patterns():
        found = search_experiments.find(connection, expr, order, view)
    if after is not None:
        begin = search_tokens.sortable(after, order)
        found = [item for item in found if search_tokens.sortable(item[0], order) > begin]
    token = search_tokens.encode(found[limit - 1][0], query) if len(found) > limit else None
    return [row for _, row in found[:limit]], token
