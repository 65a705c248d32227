"""Searching logged models: filters and orders to SQL, with all values bound.

Each model ``m`` of the experiments is checked, in the wanted order.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

from pegboard.contracts.logged_models import DatasetFilter, ModelOrder
from pegboard.entities import ViewType
from pegboard_stores.filters import And, Comparison, Expr, Kind, Not, Operator, Or
from pegboard_stores.mapping_models_search import attribute_of_order, check, has_metric
from pegboard_stores.paged import Key, page
from pegboard_stores.sql.comparing import compare
from pegboard_stores.sql.patterns import patterns
from pegboard_stores.sql.pieces import ALWAYS, NEVER, Sql, joined

from pegboard_tracking.search.scope import Scope

_COLUMNS = {
    "name": "name",
    "model_id": "model_id",
    "model_type": "model_type",
    "status": "status",
    "source_run_id": "source_run_id",
    "creation_timestamp": "creation_time",
    "last_updated_timestamp": "last_update_time",
}
_NUMBERS = frozenset({"creation_time", "last_update_time"})
_NULLABLE = frozenset({"model_type", "source_run_id"})
_TABLES = {Kind.METRIC: "model_metric", Kind.PARAM: "model_param", Kind.TAG: "model_tag"}
_TIES = (ModelOrder("creation_timestamp", ascending=False), ModelOrder("model_id"))


def find(
    connection: sqlite3.Connection,
    experiments: Sequence[int],
    expr: Expr | None,
    datasets: Sequence[DatasetFilter],
    order_by: Sequence[ModelOrder],
    limit: int,
    page_token: str | None,
) -> tuple[list[int], str | None]:
    """Return the rows of up to ``limit`` models in order, and the token of the next page."""
    check(datasets, order_by)
    scope = Scope.of(connection, experiments, ViewType.ACTIVE_ONLY)
    keys = _keys(scope, order_by)
    query = (tuple(experiments), expr, tuple(datasets), tuple(order_by))
    wanted = joined(" AND ", _conditions(scope, expr, datasets))
    with patterns():
        return page(connection, "model", wanted, keys, query, limit, page_token)


# -- orders ----------------------------------------------------------------------------------------


def _keys(scope: Scope, order_by: Sequence[ModelOrder]) -> list[Key]:
    keys: dict[str, Key] = {}
    for order in (*order_by, *_TIES):
        attribute = attribute_of_order(order)
        if attribute is None:
            metric = order.field_name.partition(".")[2]
            keys[repr(order)] = Key(_latest(scope, metric, order), float, True, order.ascending)
            continue
        column = _COLUMNS[attribute]
        kept = float if column in _NUMBERS else str
        keys.setdefault(column, Key(Sql(f"m.{column}"), kept, column in _NULLABLE, order.ascending))
    return list(keys.values())


def _latest(scope: Scope, metric: str, order: ModelOrder) -> Sql:
    number = scope.name(metric)
    if number is None:
        return Sql("CAST(NULL AS REAL)")
    on = [Sql("v.model = m.id AND v.name = ?", (number,))]
    if order.dataset_name:
        on.append(Sql("v.dataset_name = ?", (order.dataset_name,)))
    if order.dataset_digest:
        on.append(Sql("v.dataset_digest = ?", (order.dataset_digest,)))
    condition = joined(" AND ", on)
    return Sql(
        f"(SELECT v.value FROM model_metric v WHERE {condition.text}"  # noqa: S608
        " ORDER BY v.timestamp DESC, v.step DESC, v.run LIMIT 1)",
        condition.values,
    )


# -- filters ---------------------------------------------------------------------------------------


def _conditions(
    scope: Scope, expr: Expr | None, datasets: Sequence[DatasetFilter]
) -> Iterator[Sql]:
    yield Sql(
        "m.experiment IN (SELECT value FROM json_each(?)) AND m.lifecycle = 'active'",
        (json.dumps(list(scope.experiments)),),
    )
    measured = _on(datasets)
    if expr is not None:
        yield _condition(scope, expr, measured)
    if datasets and not has_metric(expr):
        yield Sql(
            f"EXISTS (SELECT 1 FROM model_metric v WHERE v.model = m.id AND {measured.text})",  # noqa: S608
            measured.values,
        )


def _on(datasets: Sequence[DatasetFilter]) -> Sql:
    """Return the condition that a metric was measured on one of these datasets."""
    if not datasets:
        return ALWAYS
    ways = [
        Sql("v.dataset_name = ?", (dataset.name,))
        if dataset.digest is None
        else Sql("v.dataset_name = ? AND v.dataset_digest = ?", (dataset.name, dataset.digest))
        for dataset in datasets
    ]
    inner = joined(" OR ", ways)
    return Sql(f"({inner.text})", inner.values)


def _condition(scope: Scope, expr: Expr, measured: Sql) -> Sql:
    """Return a condition that is true or false, never NULL."""
    if isinstance(expr, Not):
        inner = _condition(scope, expr.item, measured)
        return Sql(f"NOT ({inner.text})", inner.values)
    if isinstance(expr, (And, Or)):
        word = " AND " if isinstance(expr, And) else " OR "
        inner = joined(word, [_condition(scope, item, measured) for item in expr.items])
        return Sql(f"({inner.text})", inner.values)
    if expr.field.kind is Kind.ATTRIBUTE:
        return _attribute(expr)
    number = scope.name(expr.field.key)
    lacks = expr.operator is Operator.IS_NULL
    if number is None:
        return ALWAYS if lacks else NEVER
    parts = [Sql("v.model = m.id AND v.name = ?", (number,)), _value(expr)]
    if expr.field.kind is Kind.METRIC:
        parts.append(measured)
    inner = joined(" AND ", parts)
    return Sql(
        f"{'NOT ' if lacks else ''}EXISTS (SELECT 1 FROM {_TABLES[expr.field.kind]} v"  # noqa: S608
        f" WHERE {inner.text})",
        inner.values,
    )


def _attribute(expr: Comparison) -> Sql:
    column = f"m.{_COLUMNS[expr.field.key]}"
    if expr.operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        return Sql(f"{column} {expr.operator}")
    inner = compare(column, expr.operator, expr.value)
    return Sql(f"coalesce({inner.text}, 0)", inner.values)


def _value(expr: Comparison) -> Sql:
    """Return the comparison of a metric, param or tag whose row is ``v``."""
    if expr.operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        return ALWAYS
    if expr.field.kind is Kind.METRIC:
        if expr.operator is Operator.NE:
            return Sql("v.value IS NOT ?", (expr.value,))  # NaN, which is NULL, differs from all
        return compare("v.value", expr.operator, expr.value)
    numeric = not isinstance(expr.value, (str, tuple))
    return compare("v.number" if numeric else "v.value", expr.operator, expr.value)
