"""Our spans as OpenTelemetry sees them: in its context, and in its processors."""

from __future__ import annotations

from typing import Any

import opentelemetry.context as otel_context
from attrs import frozen
from opentelemetry import trace as otel
from opentelemetry.context.context import _RuntimeContext
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.status import Status, StatusCode

from pegboard_tracing.live import LiveSpan
from pegboard_tracing.tracer import active
from pegboard_tracing.values import encode

SCOPE = InstrumentationScope("pegboard")
MARK = otel_context.create_key("pegboard-span")
"""Under which a context of OpenTelemetry holds the span of ours that it was made in."""


@frozen
class Outside:
    """What a trace of ours is in OpenTelemetry: within a span there, or a trace of its own."""

    number: int
    """The trace there."""
    around: otel.SpanContext | None
    is_sampled: bool


class Ours(otel.NonRecordingSpan):
    """One of our spans, as OpenTelemetry sees it: others begin within it."""


class Context(_RuntimeContext):
    """OpenTelemetry's own context, in which our spans are, too."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def get_current(self) -> otel_context.Context:
        """Return what is current, with the span of ours in it that began last."""
        context: otel_context.Context = self.inner.get_current()
        span = active.get()
        if type(span) is not LiveSpan or context.get(MARK) is span:
            return context
        ours = otel.set_span_in_context(Ours(_context_of(span)), context)
        return otel_context.Context({**ours, MARK: span})

    def attach(self, context: otel_context.Context) -> Any:
        """Make another one current, which goes before the span that is active."""
        return self.inner.attach(otel_context.Context({**context, MARK: active.get()}))

    def detach(self, token: Any) -> None:
        """Make that current which was before."""
        self.inner.detach(token)


def pass_on(
    provider: TracerProvider, span: LiveSpan, around: otel.SpanContext | None = None
) -> None:
    """Give a span that ended to the processors of a provider; ``around``: where it began there."""
    readable = _readable(span, around or _parent_of(span), provider.resource)
    provider._active_span_processor.on_end(readable)


def _context_of(span: LiveSpan, span_id: str | None = None) -> otel.SpanContext:
    outside = span.trace.outside
    number = outside.number if outside else int(span.trace_id.removeprefix("tr-"), 16)
    is_sampled = outside is None or outside.is_sampled
    flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if is_sampled else otel.TraceFlags.DEFAULT)
    return otel.SpanContext(number, int(span_id or span.span_id, 16), False, flags)


def _parent_of(span: LiveSpan) -> otel.SpanContext | None:
    if span.parent_id:
        return _context_of(span, span.parent_id)
    return span.trace.outside.around if span.trace.outside else None


def _readable(span: LiveSpan, parent: otel.SpanContext | None, resource: Resource) -> ReadableSpan:
    status = span.status
    return ReadableSpan(
        span.name,
        context=_context_of(span),
        parent=parent,
        resource=resource,
        attributes=span.attribute_texts(),
        events=[
            Event(each.name, {k: _text(v) for k, v in each.attributes.items()}, each.timestamp)
            for each in span.events
        ],
        status=Status(
            StatusCode[str(status.status_code)],
            status.description or None if status.status_code == "ERROR" else None,
        ),
        start_time=span.start_time_ns,
        end_time=span.end_time_ns,
        instrumentation_scope=SCOPE,
    )


def _text(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) else encode(value)
