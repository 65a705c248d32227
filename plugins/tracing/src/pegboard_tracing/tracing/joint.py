"""One trace with OpenTelemetry: its spans and ours are within one another, and kept together.

Nothing here is imported until ``use_opentelemetry`` is called, which needs ``opentelemetry-sdk``.
What is active is said in two places, OpenTelemetry's context and ours. Who asks the former gets
ours, if that began last; who attaches a span there makes it ours, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Any

import opentelemetry.context as otel_context
from attrs import frozen
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.status import StatusCode
from pegboard.entities.traces import Span, SpanEvent, SpanLink, SpanStatusCode
from pegboard_stores.traces.conventions import translated
from pegboard_stores.traces.records import SPAN

from pegboard_tracing import destinations, keys, outlines, tracer
from pegboard_tracing.live import LiveSpan, OpenTrace
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.tracer import Parent, Remote, active, complain
from pegboard_tracing.tracing import passing, views
from pegboard_tracing.values import encode

_STATUS = {
    StatusCode.UNSET: SpanStatusCode.UNSET,
    StatusCode.OK: SpanStatusCode.OK,
    StatusCode.ERROR: SpanStatusCode.ERROR,
}


class Joint:
    """What is in place while both trace together."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self._runtime = otel_context._RUNTIME_CONTEXT
        self._ending = LiveSpan.ending
        self._kept = _Keeping()
        provider.add_span_processor(self._kept)
        otel_context._RUNTIME_CONTEXT = _Context(self._runtime)
        LiveSpan.ending = staticmethod(self._end)

    def undo(self) -> None:
        """Let each trace for itself again."""
        otel_context._RUNTIME_CONTEXT = self._runtime
        LiveSpan.ending = staticmethod(self._ending)
        self._kept.is_on = False

    def _end(self, span: LiveSpan, end_time_ns: int) -> None:
        self._ending(span, end_time_ns)
        try:
            views.pass_on(self.provider, span)
        except Exception as error:
            complain("The span %r did not reach OpenTelemetry: %r", span.name, error)


# -- what is active --------------------------------------------------------------------------------


class _Context(views.Context):
    """OpenTelemetry's own context, in which our spans are, too, and what is in it is active."""

    def attach(self, context: otel_context.Context) -> Any:
        token = self.inner.attach(context)
        return token, _activate(context)

    def detach(self, token: Any) -> None:
        inner, own = token if isinstance(token, tuple) else (token, None)
        if own is not None:
            try:
                active.reset(own)
            except ValueError:
                # Another task attached it.
                active.set(None)
        self.inner.detach(inner)


def _activate(context: otel_context.Context) -> Token[Parent | None] | None:
    """Make the span of a context the one that ours begin in."""
    span = otel.get_current_span(context)
    if isinstance(span, views.Ours):
        marked = context.get(views.MARK)
        return active.set(marked) if isinstance(marked, LiveSpan) else None
    told = span.get_span_context()
    if not told.is_valid or isinstance(active.get(), NoOpSpan):
        return None
    if not told.trace_flags.sampled:
        header = f"00-{told.trace_id:032x}-{told.span_id:016x}-00"
        return active.set(NoOpSpan(header))
    return active.set(Remote(_trace_of(told.trace_id), f"{told.span_id:016x}"))


def _trace_of(number: int) -> OpenTrace:
    trace_id = f"tr-{number:032x}"
    found = tracer.find(trace_id)
    if found is not None:
        return found
    return OpenTrace(trace_id, destinations.current(tracer.chosen()), is_remote=True)


# -- theirs to ours --------------------------------------------------------------------------------


class _Keeping(SpanProcessor):
    """Keeps OpenTelemetry's spans where ours go."""

    is_on = True

    def on_start(
        self,
        span: SdkSpan,
        parent_context: otel_context.Context | None = None,  # noqa: ARG002
    ) -> None:
        if span.parent is not None or not self._keeps(span):
            return
        told = span.get_span_context()
        try:
            # Its first span ends the trace, and what was said of it is written then.
            tracer.open_trace(f"tr-{told.trace_id:032x}")
        except Exception as error:
            complain("The trace of OpenTelemetry's span %r could not begin: %r", span.name, error)

    def _keeps(self, span: ReadableSpan) -> bool:
        if not self.is_on or span.instrumentation_scope is views.SCOPE:
            return False
        said = tracer.scope.get()
        is_off = said is not None and said.enabled is False
        is_wanted = tracer.configuration.enabled and not is_off
        return is_wanted and not isinstance(active.get(), NoOpSpan)

    def on_end(self, span: ReadableSpan) -> None:
        if not self._keeps(span):
            return
        told = span.get_span_context()
        if told is None:
            return
        try:
            trace = _trace_of(told.trace_id)
            kept = translated(_span(span, told), _price)
            lines = _line(trace, kept)
            if kept.parent_id is None and not trace.is_remote:
                tracer.close_trace(trace)
                lines = f"{lines}\n{outlines.line(trace, _First(kept))}"
            trace.destination.write(lines)
        except Exception as error:
            complain("OpenTelemetry's span %r could not be kept: %r", span.name, error)


@frozen
class _First:
    """The span of OpenTelemetry that a trace began with, for its outline."""

    span: Span

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def start_time_ns(self) -> int:
        return self.span.start_time_ns

    @property
    def end_time_ns(self) -> int | None:
        return self.span.end_time_ns

    @property
    def code(self) -> SpanStatusCode:
        return self.span.status

    @property
    def texts(self) -> Mapping[str, str]:
        given = self.span.attributes
        return {key: encode(given[key]) for key in (keys.INPUTS, keys.OUTPUTS) if key in given}


def _span(given: ReadableSpan, told: otel.SpanContext) -> Span:
    return Span(
        f"tr-{told.trace_id:032x}",
        f"{told.span_id:016x}",
        given.name,
        given.start_time or 0,
        given.end_time,
        None if given.parent is None else f"{given.parent.span_id:016x}",
        _STATUS[given.status.status_code],
        given.status.description or "",
        given.kind.name,
        _plain(given.attributes),
        [SpanEvent(each.name, each.timestamp, _plain(each.attributes)) for each in given.events],
        [
            SpanLink(
                f"tr-{link.context.trace_id:032x}",
                f"{link.context.span_id:016x}",
                _plain(link.attributes),
            )
            for link in given.links
        ],
    )


def _plain(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in (attributes or {}).items()
    }


def _line(trace: OpenTrace, span: Span) -> str:
    fields = encode(
        [
            span.trace_id,
            span.span_id,
            span.parent_id,
            span.name,
            span.start_time_ns,
            span.end_time_ns,
            str(span.status),
            span.status_message,
            dict(span.attributes),
            [[each.name, each.timestamp, dict(each.attributes)] for each in span.events],
            [[each.trace_id, each.span_id, dict(each.attributes)] for each in span.links],
        ]
    )
    return f'["{SPAN}",{trace.experiment},{fields[1:]}'


def _price(
    model: str, provider: str | None, usage: Mapping[str, int]
) -> Mapping[str, float] | None:
    # The list of prices is read when the first span tells of a model and tokens.
    from pegboard_llm.costs import cost_of

    return cost_of(model, provider, usage)


_joint: Joint | None = None


def send_to(exporter: SpanExporter, *, alone: bool = True) -> None:
    """Pass traces that begin now to an exporter, and if ``alone``, keep them nowhere else."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    join(provider)
    destinations.keep(not alone)


def join(provider: TracerProvider | None = None) -> None:
    """Trace together with a provider, by default the global one, which is made if there is none."""
    global _joint
    leave()
    passing.stop()
    found: Any = otel.get_tracer_provider() if provider is None else provider
    if not isinstance(found, TracerProvider):
        found = TracerProvider()
        otel.set_tracer_provider(found)
    _joint = Joint(found)


def leave() -> None:
    """Let each trace for itself again."""
    global _joint
    if _joint is not None:
        _joint.undo()
        _joint.provider.force_flush()
        _joint = None
        destinations.keep(True)
