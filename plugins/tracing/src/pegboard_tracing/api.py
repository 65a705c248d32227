"""What other distributions use of traces: making one, assessing it, reading it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import evolve
from pegboard.errors import InvalidState

from pegboard_tracing import destinations, tracer
from pegboard_tracing.assessing import delete_assessment, log_assessments, takes_many
from pegboard_tracing.entities.assessments import (
    SOURCE_RUN_ID,
    Assessment,
    AssessmentError,
    AssessmentSource,
    AssessmentSourceType,
    Expectation,
    Feedback,
)
from pegboard_tracing.entities.spans import Span
from pegboard_tracing.entities.status import SpanType
from pegboard_tracing.entities.traces import Trace
from pegboard_tracing.fluent import get_last_active_trace_id, set_trace_tag
from pegboard_tracing.frames import table
from pegboard_tracing.keys import SESSION, SOURCE_RUN
from pegboard_tracing.reading import flush, get_trace, search_traces, traces_of
from pegboard_tracing.scopes import start_span
from pegboard_tracing.tracer import current_span
from pegboard_tracing.tracing import context, in_context
from pegboard_tracing.tracing.distributed import (
    get_tracing_context_headers_for_http_request as carried,
)
from pegboard_tracing.tracing.distributed import (
    set_tracing_context_from_http_request_headers as taken_up,
)
from pegboard_tracing.values import encode

__all__ = [
    "SESSION",
    "SOURCE_RUN",
    "SOURCE_RUN_ID",
    "Assessment",
    "AssessmentError",
    "AssessmentSource",
    "AssessmentSourceType",
    "Expectation",
    "Feedback",
    "Span",
    "SpanType",
    "Trace",
    "carried",
    "check_kept",
    "context",
    "current_span",
    "delete_assessment",
    "encode",
    "flush",
    "get_last_active_trace_id",
    "get_trace",
    "in_context",
    "kept",
    "log_assessments",
    "search_traces",
    "set_trace_tag",
    "start_span",
    "table",
    "taken_up",
    "takes_many",
    "traces_of",
]


def check_kept() -> None:
    """InvalidState if traces are not made at present, or not kept in stores."""
    given = tracer.scope.get()
    if not tracer.configuration.enabled or (given is not None and given.enabled is False):
        raise InvalidState("Tracing is off.", hint="Switch it on with pegboard.tracing.enable().")
    if not destinations.is_kept():
        raise InvalidState("Traces go to OpenTelemetry alone, and are not kept in the store.")


@contextmanager
def kept(
    experiment_id: str, metadata: Mapping[str, str], tags: Mapping[str, str]
) -> Iterator[None]:
    """Within this block every new trace is kept in an experiment, whatever part is otherwise."""
    outer = tracer.scope.get() or tracer.Scope()
    inner = evolve(
        outer,
        metadata={**outer.metadata, **metadata},
        tags={**outer.tags, **tags},
        experiment_id=experiment_id,
    )
    scope, ratio = tracer.scope.set(inner), tracer.ratio_override.set(1.0)
    try:
        yield
    finally:
        tracer.ratio_override.reset(ratio)
        tracer.scope.reset(scope)
