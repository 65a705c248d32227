"""Our spans reach the provider that the process has set for OpenTelemetry, without being asked to.

There they are within the span that is current; spans that are begun by OpenTelemetry's API are
within ours. What is kept in stores stays as it is without OpenTelemetry, as with MLflow: a trace of
its own, with its own id, which spans carry there as ``mlflow.traceRequestId``. ``joint`` makes one
trace of both in the store, too.

``tracer`` calls ``begun`` where OpenTelemetry's SDK was imported, by others than us.
"""

from __future__ import annotations

import os
from typing import Any

import opentelemetry.context as otel_context
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision

from pegboard_tracing import tracer
from pegboard_tracing.live import LiveSpan, OpenTrace
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.tracer import Parent, complain
from pegboard_tracing.tracing import views

_APART = "MLFLOW_USE_DEFAULT_TRACER_PROVIDER"
"""The variable by which MLflow keeps its spans from the provider of the process."""


class Passing:
    """What is in place while the processors of a provider get our spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self.runtime = otel_context._RUNTIME_CONTEXT
        self._around: dict[str, otel.SpanContext] = {}
        """The spans of OpenTelemetry that spans of ours began in, by our ids."""
        self._beginning, self._ending = tracer.begin, LiveSpan.ending
        otel_context._RUNTIME_CONTEXT = views.Context(self.runtime)
        # Put in place only here, so that spans cost no more where there is no provider.
        tracer.begin = self._begin
        LiveSpan.ending = staticmethod(self._end)

    def undo(self) -> None:
        """Let each trace for itself again."""
        otel_context._RUNTIME_CONTEXT = self.runtime
        tracer.begin = self._beginning
        LiveSpan.ending = staticmethod(self._ending)

    def place(self, trace: OpenTrace, name: str) -> None:
        """Find the place of a new trace in OpenTelemetry: within what is current, or alone."""
        around = otel.get_current_span(self.runtime.get_current()).get_span_context()
        if around.is_valid:
            trace.outside = views.Outside(around.trace_id, around, bool(around.trace_flags.sampled))
            return
        number = int(trace.trace_id.removeprefix("tr-"), 16)
        chosen = self.provider.sampler.should_sample(None, number, name)
        trace.outside = views.Outside(number, None, chosen.decision is Decision.RECORD_AND_SAMPLE)

    def _begin(
        self, name: str, span_type: str | None, parent: Parent | None, **given: Any
    ) -> LiveSpan | NoOpSpan:
        span = self._beginning(name, span_type, parent, **given)
        if isinstance(span, LiveSpan) and isinstance(parent, LiveSpan):
            context = self.runtime.get_current()
            if context.get(views.MARK) is parent:
                self._around[span.span_id] = otel.get_current_span(context).get_span_context()
        return span

    def _end(self, span: LiveSpan, end_time_ns: int) -> None:
        self._ending(span, end_time_ns)
        outside = span.trace.outside
        around = self._around.pop(span.span_id, None)
        if outside is not None and outside.is_sampled:
            try:
                views.pass_on(self.provider, span, around)
            except Exception as error:
                complain("The span %r did not reach OpenTelemetry: %r", span.name, error)


_is_on = os.environ.get(_APART, "").strip().lower() not in ("1", "true")
_passing: Passing | None = None


def begun(trace: OpenTrace, name: str) -> None:
    """Find the place of a trace that begins in OpenTelemetry, if there is a provider."""
    global _passing
    if not _is_on:
        return
    provider: Any = otel.get_tracer_provider()
    if _passing is None or provider is not _passing.provider:
        _undo()
        if not isinstance(provider, TracerProvider):
            return
        _passing = Passing(provider)
    _passing.place(trace, name)


def start() -> None:
    """Let the provider have our spans from now on, if there is one."""
    global _is_on
    _is_on = True


def stop() -> None:
    """Keep them to ourselves."""
    global _is_on
    _is_on = False
    _undo()


def _undo() -> None:
    global _passing
    if _passing is not None:
        _passing.undo()
        _passing = None
