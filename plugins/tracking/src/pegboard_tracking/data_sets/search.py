"""Searching data sets: filters and orders to SQL, with all values bound."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from pegboard_stores.filters import And, Comparison, Expr, Field, Kind, Not, Operator, Or, OrderBy
from pegboard_stores.paged import Key, page
from pegboard_stores.sql.comparing import compare
from pegboard_stores.sql.patterns import patterns
from pegboard_stores.sql.pieces import ALWAYS, Sql, joined

_NUMBERS = frozenset({"created_time", "last_update_time"})
_TIES = (
    OrderBy(Field(Kind.ATTRIBUTE, "created_time"), ascending=False),
    OrderBy(Field(Kind.ATTRIBUTE, "dataset_id"), ascending=False),
)
_NULLS = (Operator.IS_NULL, Operator.IS_NOT_NULL)


def find(
    connection: sqlite3.Connection,
    experiments: Sequence[int] | None,
    expr: Expr | None,
    order_by: Sequence[OrderBy],
    limit: int,
    page_token: str | None,
) -> tuple[list[int], str | None]:
    """Return the rows of up to ``limit`` data sets in order, and the token of the next page."""
    wanted = [ALWAYS if expr is None else _condition(expr)]
    if experiments is not None:
        belongs = (
            "m.id IN (SELECT data_set FROM data_set_experiment"
            " WHERE experiment IN (SELECT value FROM json_each(?)))"
        )
        wanted.append(Sql(belongs, (json.dumps(list(experiments)),)))
    named = {order.field for order in order_by}
    order = (*order_by, *(tie for tie in _TIES if tie.field not in named))
    keys = [
        Key(
            Sql(_column(each.field.key)),
            float if each.field.key in _NUMBERS else str,
            ascending=each.ascending,
        )
        for each in order
    ]
    query = (experiments, expr, order)
    with patterns():
        condition = joined(" AND ", wanted)
        return page(connection, "data_set", condition, keys, query, limit, page_token)


def _column(attribute: str) -> str:
    return "m.data_set_id" if attribute == "dataset_id" else f"m.{attribute}"


def _condition(expr: Expr) -> Sql:
    """Return a condition that is true or false, never NULL."""
    if isinstance(expr, Not):
        inner = _condition(expr.item)
        return Sql(f"NOT ({inner.text})", inner.values)
    if isinstance(expr, (And, Or)):
        inner = joined(" AND " if isinstance(expr, And) else " OR ", map(_condition, expr.items))
        return Sql(f"({inner.text})", inner.values)
    return _tag(expr) if expr.field.kind is Kind.TAG else _attribute(expr)


def _attribute(expr: Comparison) -> Sql:
    column = _column(expr.field.key)
    if expr.operator in _NULLS:
        return Sql(f"{column} {expr.operator}")
    inner = compare(column, expr.operator, expr.value)
    return Sql(f"coalesce({inner.text}, 0)", inner.values)


def _tag(expr: Comparison) -> Sql:
    value = ALWAYS if expr.operator in _NULLS else compare("t.value", expr.operator, expr.value)
    negation = "NOT " if expr.operator is Operator.IS_NULL else ""
    return Sql(
        f"{negation}EXISTS (SELECT 1 FROM data_set_tag t"  # noqa: S608
        f" WHERE t.data_set = m.id AND t.key = ? AND {value.text})",
        (expr.field.key, *value.values),
    )
