"""Search in the SQLite store: filters and orders to rows, and rows to runs.

Filters are those of ``pegboard.filters``, whose ``matches`` and ``sorted_by`` define the answers.
All values reach SQLite bound, never as a part of its language.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pegboard_tracking.search_load import load_infos, load_runs

if TYPE_CHECKING:
    from pegboard.entities import ViewType
    from pegboard.filters import Expr, OrderBy

    from pegboard_tracking.search_sets import Limits

# What only searches need is imported by them: a script that only logs does without.

__all__ = [
    "load_infos",
    "load_runs",
    "patterns",
    "prepare",
    "search_experiment_rows",
    "search_run_rows",
]

_FUNCTION = "pegboard_matches"


def prepare(connection: sqlite3.Connection) -> None:
    """Teach a connection what searches need; doing so again changes nothing."""
    known = "SELECT 1 FROM pragma_function_list WHERE name = ?"
    if connection.execute(known, (_FUNCTION,)).fetchone() is None:
        connection.create_function(_FUNCTION, 2, _matches, deterministic=True)


def _matches(pattern: str, text: str | None) -> bool | None:
    from pegboard.filters.regex import search

    return None if text is None else search(pattern, text)


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
    from pegboard.filters import RUNS, complete

    from pegboard_tracking import search_keys, search_tokens
    from pegboard_tracking.search_runs import Planner, Query
    from pegboard_tracking.search_scope import Scope
    from pegboard_tracking.search_sets import Limits, conjuncts

    order = complete(order_by, RUNS)
    scope = Scope.of(connection, experiments, view)
    query = (scope.experiments, expr, order, view)
    after = search_tokens.decode(page_token, query, search_keys.types(order))
    if not scope.experiments:
        return [], None
    with patterns():
        rows = Planner(scope, limits or Limits()).page(
            Query(conjuncts(expr)), order, limit + 1, after
        )
    if len(rows) <= limit:
        return rows, None
    ((key, _),) = search_keys.keys(scope, [rows[limit - 1]], order, ())
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
    from pegboard.filters import EXPERIMENTS, complete

    from pegboard_tracking import search_experiments, search_tokens

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


@contextlib.contextmanager
def patterns() -> Iterator[None]:
    """Give the regular expressions of a search their budget, and pass on their errors."""
    from pegboard.filters import searching

    with searching() as budget:
        try:
            yield
        except sqlite3.OperationalError:
            # SQLite says only that a function failed.
            if budget.is_exceeded:
                raise budget.exceeded() from None
            raise
