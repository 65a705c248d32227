"""Putting a trace that came from elsewhere into one of this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.entities.traces import TraceState
from pegboard.errors import InvalidValue

from pegboard_tracing import keys, tracer
from pegboard_tracing.entities.spans import Span
from pegboard_tracing.entities.traces import Trace
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.scopes import start_span_no_context

_OF_PLACE = ("mlflow.artifactLocation", "mlflow.trace.spansLocation")
"""Tags that say where the trace itself is."""


def add_trace(trace: Trace | Mapping[str, Any], target: LiveSpan | None = None) -> None:
    """Make a trace that has ended, of a service that was called, say, a part of another.

    It goes below ``target``, else below the active span, else into a new trace.
    """
    if not tracer.configuration.enabled:
        return
    given: Any = trace
    if isinstance(given, Mapping):
        given = Trace.from_dict(given)
    if not isinstance(given, Trace):
        raise InvalidValue(f"{given!r} is not a trace, nor the dict of one.")
    if given.info.state is TraceState.IN_PROGRESS:
        raise InvalidValue(f"The trace {given.trace_id!r} has not ended.")
    below = target or tracer.current_span()
    if below is not None:
        _merge(given, below)
        return
    root = given.data.spans[0]
    added = start_span_no_context(
        f"Remote Trace <{root.name}>",
        inputs=root.inputs,
        attributes={k: v for k, v in root.attributes.items() if k != keys.TRACE_ID},
        start_time_ns=root.start_time_ns - 1,
    )
    if isinstance(added, LiveSpan):
        _merge(given, added)
        ended = None if given.info.state is TraceState.STATE_UNSPECIFIED else str(given.info.state)
        added.end(outputs=root.outputs, status=ended, end_time_ns=root.end_time_ns)


def _merge(trace: Trace, below: LiveSpan) -> None:
    known = {span.span_id for span in trace.data.spans}
    for span in trace.data.spans:
        if span.parent_id and span.parent_id not in known:
            raise InvalidValue(
                f"The span {span.name!r} is within {span.parent_id!r}, "
                "which the trace does not hold."
            )
    for span in trace.data.spans:
        _copy(span, below)
    into = below.trace
    into.tags = {k: v for k, v in trace.info.tags.items() if k not in _OF_PLACE} | into.tags
    into.metadata = {**trace.info.trace_metadata, **into.metadata}


def _copy(span: Span, below: LiveSpan) -> None:
    made = LiveSpan(
        below.trace, span.name, span.span_type, span.parent_id or below.span_id, span.start_time_ns
    )
    # Ids of spans are unique only within a trace, but nothing else in this one has them.
    below.trace.open.pop(made.span_id, None)
    made._span_id = span.span_id
    made.set_attributes({k: v for k, v in span.attributes.items() if k != keys.TRACE_ID})
    made.set_status(span.status)
    for event in span.events:
        made.add_event(event)
    made.end(end_time_ns=span.end_time_ns)
