"""How many traces fit two filters, alone and together."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from pegboard.entities import ViewType
from pegboard_stores.filters import Expr
from pegboard_stores.sql.patterns import patterns
from pegboard_stores.sql.pieces import ALWAYS, joined
from pegboard_stores.trace_figures import TraceFilterCorrelation

from pegboard_tracking.search.scope import Scope
from pegboard_tracking.traces import search


def count(
    connection: sqlite3.Connection,
    experiments: Sequence[int],
    base: Expr | None,
    one: Expr | None,
    other: Expr | None,
) -> TraceFilterCorrelation:
    """Count traces of experiments; None is a filter that all traces fit."""
    scope = Scope.of(connection, experiments, ViewType.ALL)
    with patterns():
        wanted, first, second = (
            ALWAYS if expr is None else search.condition(scope, expr) for expr in (base, one, other)
        )
        inside = joined(" AND ", [scope.in_experiments("m.experiment"), wanted])
        fits = joined(", ", [first, second])
        found = connection.execute(
            "SELECT total(one), total(other), total(one AND other), count(*)"  # noqa: S608
            f" FROM (SELECT {first.text} AS one, {second.text} AS other"
            f" FROM trace m WHERE {inside.text})",
            (*fits.values, *inside.values),
        ).fetchone()
    return TraceFilterCorrelation(*map(int, found))
