"""Searching logged models in memory: which match, and in what order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from pegboard.contracts.logged_models import DatasetFilter, ModelOrder
from pegboard.entities import LoggedModel, Metric
from pegboard.errors import InvalidValue

from pegboard_stores import cancellation, filters, validation
from pegboard_stores.filters import LOGGED_MODELS, And, Comparison, Expr, Kind, Not, key_part
from pegboard_stores.filters.matching import compare
from pegboard_stores.filters.parser import MAX_COMPARISONS, MAX_ORDERS

_TIES = (ModelOrder("creation_timestamp", ascending=False), ModelOrder("model_id"))


def attribute_of_order(order: ModelOrder) -> str | None:
    """Return the attribute that an order names, None if it is a metric; else InvalidValue."""
    kind, dot, name = order.field_name.partition(".")
    if dot and kind != "attributes":
        if LOGGED_MODELS.kinds.get(kind) is not Kind.METRIC or not name:
            raise _unknown(order.field_name)
        return None
    given = name if dot else kind
    attribute = LOGGED_MODELS.aliases.get(given, given)
    if attribute not in LOGGED_MODELS.attributes:
        raise _unknown(order.field_name)
    return attribute


def _unknown(name: str) -> InvalidValue:
    return InvalidValue(
        f"Logged models cannot be ordered by {name!r}.",
        hint=f"Possible are metrics.KEY, {', '.join(LOGGED_MODELS.attributes)}.",
    ).about("no_order_field", name=name)


def check(datasets: Sequence[DatasetFilter], order_by: Sequence[ModelOrder]) -> None:
    """Refuse datasets without a name, and too many of anything; InvalidValue."""
    if not all(dataset.name for dataset in datasets):
        raise InvalidValue("A dataset to search by has no name.")
    validation.at_most(len(order_by), MAX_ORDERS, "fields to order by")
    validation.at_most(len(datasets), MAX_COMPARISONS, "datasets")


def has_metric(expr: Expr | None) -> bool:
    """Whether a filter compares a metric."""
    if expr is None:
        return False
    if isinstance(expr, Comparison):
        return expr.field.kind is Kind.METRIC
    if isinstance(expr, Not):
        return has_metric(expr.item)
    return any(map(has_metric, expr.items))


@frozen
class ModelSearch:
    """What is looked for, and in what order."""

    expr: Expr | None
    datasets: tuple[DatasetFilter, ...]
    order_by: tuple[ModelOrder, ...]

    @classmethod
    def of(
        cls, text: str, datasets: Sequence[DatasetFilter], order_by: Sequence[ModelOrder]
    ) -> ModelSearch:
        """Return the search of a filter's text; InvalidValue."""
        check(datasets, order_by)
        for order in order_by:
            attribute_of_order(order)
        return cls(filters.parse_filter(text, LOGGED_MODELS), tuple(datasets), (*order_by, *_TIES))

    def found(self, models: Iterable[LoggedModel]) -> list[LoggedModel]:
        """Return the models that match, in order."""
        with filters.searching():
            matching = [m for m in cancellation.checked(models) if self._wants(m)]
        return sorted(matching, key=lambda model: [_key(model, order) for order in self.order_by])

    def _wants(self, model: LoggedModel) -> bool:
        if self.datasets and not has_metric(self.expr) and not any(map(self._on, model.metrics)):
            return False
        return self.expr is None or self._matches(self.expr, model)

    def _on(self, point: Metric) -> bool:
        """Whether a point was measured on one of the datasets, if any are given."""
        return not self.datasets or any(
            point.dataset_name == data.name and data.digest in (None, point.dataset_digest)
            for data in self.datasets
        )

    def _matches(self, expr: Expr, model: LoggedModel) -> bool:
        if isinstance(expr, Not):
            return not self._matches(expr.item, model)
        if not isinstance(expr, Comparison):
            every = all if isinstance(expr, And) else any
            return every(self._matches(item, model) for item in expr.items)
        return compare(expr, self._values(expr, model))

    def _values(self, expr: Comparison, model: LoggedModel) -> list[Any]:
        kind, key = expr.field.kind, expr.field.key
        if kind is Kind.METRIC:
            return [p.value for p in model.metrics if p.key == key and self._on(p)]
        if kind is Kind.ATTRIBUTE:
            value = getattr(model, key)
            value = str(value) if isinstance(value, str) else value
        else:
            value = (model.params if kind is Kind.PARAM else model.tags).get(key)
        return [] if value is None else [value]


def _key(model: LoggedModel, order: ModelOrder) -> Any:
    attribute = attribute_of_order(order)
    if attribute is None:
        value: Any = _latest(model, order)
    else:
        value = getattr(model, attribute)
    return key_part(value, ascending=order.ascending)


def _latest(model: LoggedModel, order: ModelOrder) -> float | None:
    """Return the latest value of a metric, by time and then by step; None for NaN too."""
    key = order.field_name.partition(".")[2]
    points = [
        point
        for point in model.metrics
        if point.key == key
        and order.dataset_name in (None, "", point.dataset_name)
        and order.dataset_digest in (None, "", point.dataset_digest)
    ]
    if not points:
        return None
    value = max(points, key=lambda point: (point.timestamp, point.step)).value
    return None if math.isnan(value) else value
