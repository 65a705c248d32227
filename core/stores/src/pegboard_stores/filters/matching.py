"""What filters mean: whether a run, an experiment or another record in memory matches."""

from __future__ import annotations

import math
import operator as python
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pegboard.entities import Experiment, Run

from pegboard_stores import cancellation
from pegboard_stores.filters.budget import searching
from pegboard_stores.filters.nodes import And, Comparison, Expr, Field, Not, Operator, Or
from pegboard_stores.filters.numbers import as_number
from pegboard_stores.filters.patterns import like
from pegboard_stores.filters.schema import CONTEXT_TAG, RUN_NAME_TAG, Kind


class Tagged(Protocol):
    """Anything else with tags, whose attributes are named as filters name them."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags by key."""
        ...


Record = TypeVar("Record", bound="Run | Experiment | Tagged")


def select(expr: Expr | None, records: Iterable[Record]) -> list[Record]:
    """Return those records that the filter looks for, as one search.

    InvalidValue if its patterns cost too much on them altogether.
    """
    with searching():
        return [each for each in cancellation.checked(records) if matches(expr, each)]


def matches(expr: Expr | None, record: Run | Experiment | Tagged) -> bool:
    """Whether a record is one that the filter looks for; None looks for all."""
    if expr is None:
        return True
    if isinstance(expr, And):
        return all(matches(item, record) for item in expr.items)
    if isinstance(expr, Or):
        return any(matches(item, record) for item in expr.items)
    if isinstance(expr, Not):
        return not matches(expr.item, record)
    return compare(expr, _values(record, expr.field))


def attribute(record: Run | Experiment | Tagged, key: str) -> Any:
    """Return an attribute of a record, None if it has no value yet."""
    value = getattr(record.info if isinstance(record, Run) else record, key)
    return str(value) if isinstance(value, str) else value


def _values(record: Run | Experiment | Tagged, field: Field) -> list[Any]:
    """Return the values of a field: none if it is missing, several only of datasets."""
    if isinstance(record, Run) and field.kind is Kind.DATASET:
        return _datasets(record, field.key)
    return [value for value in [_single(record, field)] if value is not None]


def _single(record: Run | Experiment | Tagged, field: Field) -> Any:
    if field.kind is Kind.ATTRIBUTE:
        if isinstance(record, Run) and field.key == "run_name":
            return record.data.tags.get(RUN_NAME_TAG)
        return attribute(record, field.key)
    if not isinstance(record, Run):
        return record.tags.get(field.key)
    if field.kind is Kind.METRIC:
        point = record.data.latest.get(field.key)
        return None if point is None else point.value
    return (record.data.params if field.kind is Kind.PARAM else record.data.tags).get(field.key)


def _datasets(run: Run, key: str) -> list[str]:
    inputs = run.inputs.dataset_inputs
    if key == "context":
        return [tag.value for each in inputs for tag in each.tags if tag.key == CONTEXT_TAG]
    return [getattr(each.dataset, key) for each in inputs]


def compare(comparison: Comparison, values: Sequence[Any]) -> bool:
    """Whether one of the values of a field fits a comparison; none of them: it is missing."""
    if comparison.operator is Operator.IS_NULL:
        return not values
    if comparison.operator is Operator.IS_NOT_NULL:
        return bool(values)
    wanted: Any = comparison.value
    if isinstance(wanted, tuple):
        wanted = comparison.choices
    if comparison.field.kind is Kind.PARAM and isinstance(wanted, (int, float)):
        values = [number for number in map(as_number, values) if number is not None]
    fits = _COMPARE[comparison.operator]
    return any(fits(value, wanted) for value in values)


def _search(text: str, pattern: str) -> bool:
    from pegboard_stores.filters.regex import search

    return search(pattern, text)


def _differ(value: Any, wanted: Any) -> bool:
    return value != wanted or (isinstance(value, float) and math.isnan(value))


_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: python.eq,
    Operator.NE: _differ,
    Operator.LT: python.lt,
    Operator.LE: python.le,
    Operator.GT: python.gt,
    Operator.GE: python.ge,
    Operator.LIKE: like,
    Operator.ILIKE: lambda text, pattern: like(text, pattern, fold=True),
    Operator.IN: lambda value, wanted: value in wanted,
    Operator.NOT_IN: lambda value, wanted: value not in wanted,
    Operator.MATCHES: _search,
    Operator.MATCHES_NOT: lambda text, pattern: not _search(text, pattern),
}
