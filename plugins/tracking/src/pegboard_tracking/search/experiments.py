"""Searches of experiments."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from pegboard.entities import ViewType
from pegboard_stores.filters import And, Comparison, Expr, Field, Kind, Not, Operator, Or, OrderBy
from pegboard_stores.filters.ordering import id_key
from pegboard_stores.search_tokens import Key, sortable
from pegboard_stores.sql.comparing import compare
from pegboard_stores.sql.pieces import Sql, any_of, joined

from pegboard_tracking.search.scope import stages

_COLUMNS = {
    "name": "x.name",
    "experiment_id": "CAST(x.id AS TEXT)",
    "creation_time": "x.creation_time",
    "last_update_time": "x.last_update_time",
}


def types(order: Sequence[OrderBy]) -> list[type]:
    """Return for each value of a key whether it is a number (float) or a text (str)."""
    return [float if by.field.key.endswith("_time") else str for by in order]


def find(
    connection: sqlite3.Connection, expr: Expr | None, order: Sequence[OrderBy], view: ViewType
) -> list[tuple[Key, int]]:
    """Return the key and the row of the experiments that match, in order."""
    shown = any_of("x.lifecycle", stages(view))
    wanted = shown if expr is None else joined(" AND ", [shown, _probe(expr)])
    columns = [_COLUMNS[by.field.key] for by in order]
    found = connection.execute(
        f"SELECT x.id, {', '.join(columns)} FROM experiment x WHERE {wanted.text}",  # noqa: S608
        wanted.values,
    )
    ids = [by.field.key == "experiment_id" for by in order]
    keyed = [
        (tuple(id_key(v) if is_id else v for v, is_id in zip(key, ids, strict=True)), row)
        for row, *key in found
    ]
    keyed.sort(key=lambda item: sortable(item[0], order))
    return keyed


def _probe(expr: Expr) -> Sql:
    """Return the condition on the experiment ``x``, true or false, never NULL."""
    if isinstance(expr, Not):
        inner = _probe(expr.item)
        return Sql(f"NOT ({inner.text})", inner.values)
    if isinstance(expr, (And, Or)):
        inner = joined(" AND " if isinstance(expr, And) else " OR ", map(_probe, expr.items))
        return Sql(f"({inner.text})", inner.values)
    return _probe_tag(expr) if expr.field.kind is Kind.TAG else _probe_attribute(expr)


def _probe_attribute(comparison: Comparison) -> Sql:
    column = _COLUMNS[comparison.field.key]
    if comparison.operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        return Sql(f"{column} {comparison.operator}")
    return compare(column, comparison.operator, comparison.value)


def _probe_tag(comparison: Comparison) -> Sql:
    field: Field = comparison.field
    condition = Sql("1")
    if comparison.operator not in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        condition = compare("t.value", comparison.operator, comparison.value)
    negation = "NOT " if comparison.operator is Operator.IS_NULL else ""
    return Sql(
        f"{negation}EXISTS (SELECT 1 FROM experiment_tag t WHERE t.experiment = x.id"  # noqa: S608
        f" AND t.key = ? AND {condition.text})",
        (field.key, *condition.values),
    )
