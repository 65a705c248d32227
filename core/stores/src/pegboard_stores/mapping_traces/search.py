"""Searching traces in memory: which match, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from pegboard.entities.traces import SOURCE_RUN, TRACE_NAME, Span
from pegboard.errors import InvalidValue

from pegboard_stores import cancellation, filters
from pegboard_stores.filters import (
    TRACES,
    And,
    Comparison,
    Expr,
    Field,
    Kind,
    Not,
    Operator,
    Or,
    OrderBy,
    key_part,
)
from pegboard_stores.filters.matching import compare
from pegboard_stores.mapping_records import TraceRecord
from pegboard_stores.traces.checks import prompts_in
from pegboard_stores.traces.figures import number_of
from pegboard_stores.traces.outline import as_text, described, dumps

_TIME, _ID = Field(Kind.ATTRIBUTE, "timestamp"), Field(Kind.ATTRIBUTE, "trace_id")
_TEXT = Field(Kind.ATTRIBUTE, "text")
_ATTRIBUTE = "attributes."
_OF_SPAN = ("name", "type", "status", "content")
_OF_TRACE = frozenset(TRACES.attributes) - {"prompt", "text"}


@frozen
class Search:
    """What is looked for; None: all."""

    expr: Expr | None

    @classmethod
    def of(cls, text: str) -> Search:
        """Return the search of a filter's text; InvalidValue."""
        expr = filters.parse_filter(text, TRACES)
        if expr is not None:
            _check(expr)
        return cls(expr)

    def found(self, records: Iterable[TraceRecord]) -> list[TraceRecord]:
        """Return the traces that match."""
        with filters.searching():
            return [
                record
                for record in cancellation.checked(records)
                if self.expr is None or _matches(self.expr, record)
            ]


def _is_of_span(item: Comparison) -> bool:
    return item.field.kind is Kind.SPAN or item.field == _TEXT


def _check(expr: Expr) -> None:
    """Refuse comparisons that spans do not have, whether there are any spans or not."""
    if isinstance(expr, Not):
        _check(expr.item)
    elif isinstance(expr, And | Or):
        for item in expr.items:
            _check(item)
    elif _is_of_span(expr):
        key = expr.field.key
        if expr.operator is Operator.IS_NULL:
            raise InvalidValue(
                "IS NULL cannot be used with spans.", hint="Use NOT before another comparison."
            )
        if expr.field != _TEXT and key not in _OF_SPAN and not key.startswith(_ATTRIBUTE):
            raise InvalidValue(
                f"Spans have no attribute {key!r} to search by.",
                hint="Possible are name, type, status, content and attributes.KEY.",
            )


def _matches(expr: Expr, record: TraceRecord) -> bool:
    """Whether a trace fits; what AND joins of spans is about one and the same span."""
    if isinstance(expr, Not):
        return not _matches(expr.item, record)
    if isinstance(expr, Or):
        return any(_matches(item, record) for item in expr.items)
    of_spans: list[Comparison] = []
    for item in expr.items if isinstance(expr, And) else (expr,):
        if not isinstance(item, Comparison):
            if not _matches(item, record):
                return False
        elif _is_of_span(item):
            of_spans.append(item)
        elif not _fits(item, record):
            return False
    return not of_spans or any(
        all(compare(item, _of_span(item.field.key, span)) for item in of_spans)
        for span in record.spans
    )


def _fits(item: Comparison, record: TraceRecord) -> bool:
    if item.field == Field(Kind.ATTRIBUTE, "run_id") and item.operator is Operator.EQ:
        # A trace is of the run that made it, and of those it was linked to.
        return item.value in (record.info.trace_metadata.get(SOURCE_RUN), *record.runs)
    return compare(item, _values(item, record))


def _values(item: Comparison, record: TraceRecord) -> Sequence[Any]:
    field = item.field
    if field == Field(Kind.ATTRIBUTE, "prompt"):
        return [*record.prompts, *prompts_in(record.info.tags)]
    if field.kind in (Kind.FEEDBACK, Kind.EXPECTATION):
        judged = [
            each.value
            for each in record.assessments
            if each.valid and each.name == field.key and str(each.kind) == str(field.kind)
        ]
        if isinstance(item.value, int | float):
            return [number for number in map(number_of, judged) if number is not None]
        return [as_text(value) for value in judged]
    value = _value(field, record)
    return [] if value is None else [value]


def _value(field: Field, record: TraceRecord) -> Any:
    """Return the value of a field of which a trace has one at the most."""
    info, key = record.info, field.key
    if field.kind is Kind.TAG:
        return info.tags.get(key)
    if field.kind is Kind.METADATA or key == "run_id":
        return info.trace_metadata.get(SOURCE_RUN if field.kind is Kind.ATTRIBUTE else key)
    found = {
        "trace_id": info.trace_id,
        "client_request_id": info.client_request_id,
        "name": info.tags.get(TRACE_NAME),
        "status": str(info.state),
        "timestamp": info.request_time,
        "execution_time": info.execution_duration,
        "end_time": info.request_time + (info.execution_duration or 0),
        "experiment_id": info.experiment_id,
    }
    return found[key]


def _of_span(key: str, span: Span) -> list[Any]:
    """Return the values that a span has of something: one, or none."""
    if key.startswith(_ATTRIBUTE):
        value = span.attributes.get(key.removeprefix(_ATTRIBUTE).strip("`"))
        return [] if value is None else [as_text(value)]
    if key in ("content", "text"):
        return [dumps(described(span))]
    return [{"name": span.name, "type": span.span_type, "status": str(span.status)}[key]]


# -- orders ----------------------------------------------------------------------------------------


def complete(order_by: Sequence[OrderBy]) -> tuple[OrderBy, ...]:
    """Return an order with what decides between equals: the last first, then the id."""
    chosen = {order.field: order for order in order_by}
    for field in chosen:
        of_trace = field.kind is Kind.ATTRIBUTE and field.key in _OF_TRACE
        if not of_trace and field.kind not in (Kind.TAG, Kind.METADATA):
            raise InvalidValue(f"Traces cannot be ordered by {field.key!r}.")
    chosen.setdefault(_TIME, OrderBy(_TIME, ascending=False))
    # What comes last tells each from each.
    last = chosen.pop(_ID, OrderBy(_ID))
    return (*chosen.values(), last)


def ordered(records: Sequence[TraceRecord], order: Sequence[OrderBy]) -> list[TraceRecord]:
    """Return traces in order."""

    def key(record: TraceRecord) -> list[Any]:
        return [key_part(_value(by.field, record), ascending=by.ascending) for by in order]

    return sorted(cancellation.checked(records), key=key)
