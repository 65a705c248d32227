"""Spans of OpenTelemetry for calls, by its conventions for generative AI.

They are made from records, in the writer's thread, if ``opentelemetry`` is installed and somebody
has set it up; the span of a call has one of its own for each attempt. They hold no texts.

Source: OpenTelemetry semantic conventions 1.37, generative AI client spans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from pegboard_gateway.control.rows import Row, record_of
from pegboard_gateway.entities import Attempt, Outcome, UsageRecord
from pegboard_gateway.money import DOLLAR
from pegboard_gateway.usage import exporting

_OPERATIONS = {
    "llm/v1/chat": "chat",
    "llm/v1/completions": "text_completion",
    "llm/v1/embeddings": "embeddings",
}
_BAD = frozenset({Outcome.FAILED, Outcome.LOST})


def observer() -> Callable[[Sequence[Row]], None] | None:
    """Return what makes spans of rows; None if OpenTelemetry is not installed."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.trace") is None:
        return None

    def observe(rows: Sequence[Row]) -> None:
        tracer = exporting.tracer()
        if tracer is not None:
            for row in rows:
                emit(tracer, record_of(row))

    return observe


def emit(tracer: Any, record: UsageRecord) -> None:
    """Make the spans of one call."""
    from opentelemetry import trace

    start = record.started_ms * 1_000_000
    end = start + int(record.seconds * 1e9)
    operation = _OPERATIONS.get(record.task, record.task)
    span = tracer.start_span(
        f"{operation} {record.endpoint}",
        kind=trace.SpanKind.SERVER,
        start_time=start,
        attributes=attributes(record, operation),
    )
    if record.outcome in _BAD:
        span.set_status(trace.StatusCode.ERROR, record.trouble)
    context = trace.set_span_in_context(span)
    began = start
    for attempt in record.attempts:
        over = began + int(attempt.seconds * 1e9)
        child = tracer.start_span(
            f"{operation} {attempt.model}",
            context=context,
            kind=trace.SpanKind.CLIENT,
            start_time=began,
            attributes=_attributes_of_attempt(attempt, operation),
        )
        if attempt.trouble:
            child.set_status(trace.StatusCode.ERROR, attempt.trouble)
        child.end(over)
        began = over
    span.end(max(end, began))


def attributes(record: UsageRecord, operation: str) -> dict[str, Any]:
    """Return the attributes of a call's span."""
    found: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.endpoint,
        "gen_ai.response.model": record.model,
        "gen_ai.usage.input_tokens": record.tokens.input,
        "gen_ai.usage.output_tokens": record.tokens.output,
        "http.response.status_code": record.status,
        "pegboard.gateway.request_id": record.id,
        "pegboard.gateway.outcome": str(record.outcome),
        "pegboard.gateway.cost": "" if record.is_unpriced else record.cost / DOLLAR,
        "pegboard.gateway.key_id": record.caller.key_id,
        "pegboard.gateway.prompt": record.prompt,
        "pegboard.gateway.stream": record.stream,
        "enduser.id": record.caller.user,
        "error.type": record.trouble,
    }
    return {name: value for name, value in found.items() if value != ""}


def _attributes_of_attempt(attempt: Attempt, operation: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": attempt.provider,
        "gen_ai.request.model": attempt.model,
        "gen_ai.usage.input_tokens": attempt.tokens.input,
        "gen_ai.usage.output_tokens": attempt.tokens.output,
        "http.response.status_code": attempt.status,
        "pegboard.gateway.target": attempt.target,
        "error.type": attempt.trouble,
    }
    return {name: value for name, value in found.items() if value not in ("", 0)}
