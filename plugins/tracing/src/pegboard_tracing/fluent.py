"""What scripts ask of, and say about, the trace that is active."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pegboard.entities.traces import TraceState
from pegboard.errors import InvalidValue, NotFound

from pegboard_tracing import keys, tracer
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.reading import traces_of
from pegboard_tracing.scopes import start_span_no_context

logger = logging.getLogger("pegboard")


def get_current_active_span() -> LiveSpan | None:
    """Return the span that new ones would begin in; None if there is none."""
    return tracer.current_span()


def get_active_trace_id() -> str | None:
    """Return the id of the trace that is active here; None if there is none."""
    span = tracer.current_span()
    return None if span is None else span.trace_id


def get_last_active_trace_id(thread_local: bool = False) -> str | None:
    """Return the id of the trace that ended last in this process, or in this thread or task."""
    return tracer.last_of_thread.get() if thread_local else tracer.last_of_process


def update_current_trace(
    tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    client_request_id: str | None = None,
    request_preview: str | None = None,
    response_preview: str | None = None,
    state: TraceState | str | None = None,
    model_id: str | None = None,
    session_id: str | None = None,
    user: str | None = None,
) -> None:
    """Add tags, metadata and more to the trace that is active.

    ``state`` is OK or ERROR, whatever becomes of its first span. Without an active trace a warning
    says so.
    """
    trace = tracer.current_trace()
    if trace is None:
        logger.warning("No trace is active, so none was updated; begin one with start_span first.")
        return
    for name, preview in (("request", request_preview), ("response", response_preview)):
        if preview is not None and not isinstance(preview, str):
            raise InvalidValue(f"{name}_preview is {preview!r}, not a text.")
    if state is not None and str(state) not in (TraceState.OK, TraceState.ERROR):
        raise InvalidValue(f"The state of a trace is set to OK or ERROR, not to {str(state)!r}.")
    given = {keys.SESSION: session_id, keys.USER: user, keys.MODEL_ID: model_id or None}
    told = {key: value for key, value in given.items() if value is not None}
    trace.tags.update(tags or {})
    trace.metadata.update({**(metadata or {}), **told})
    span = tracer.current_span()
    if trace.is_remote and span is not None:
        # So it reaches servers, too, which take no metadata of a trace by itself.
        for key, named in ((keys.SESSION, "session.id"), (keys.USER, "user.id")):
            if key in told:
                span.set_attribute(named, told[key])
    trace.request_preview = request_preview or trace.request_preview
    trace.response_preview = response_preview or trace.response_preview
    if state is not None:
        trace.state = str(state)
    if client_request_id is not None:
        trace.client_request_id = str(client_request_id)


def set_trace_tag(trace_id: str, key: str, value: Any) -> None:
    """Set or change a tag of a trace, whether it is active or has ended."""
    trace = tracer.find(trace_id)
    if trace is not None:
        trace.tags[key] = value
    else:
        traces_of().set_tag(trace_id, key, str(value))


def delete_trace_tag(trace_id: str, key: str) -> None:
    """Remove a tag of a trace, whether it is active or has ended; NotFound."""
    trace = tracer.find(trace_id)
    if trace is None:
        traces_of().delete_tag(trace_id, key)
    elif trace.tags.pop(key, None) is None:
        if trace.is_remote:
            traces_of().delete_tag(trace_id, key)
            return
        raise NotFound(f"The trace {trace_id!r} has no tag {key!r}.")


def log_trace(
    name: str = "Task",
    request: Any = None,
    response: Any = None,
    intermediate_outputs: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    start_time_ms: int | None = None,
    execution_time_ms: int | None = None,
) -> str:
    """Keep a trace of one span, of something that has happened already; return its id."""
    given = dict(attributes or {})
    if intermediate_outputs:
        given[keys.INTERMEDIATE_OUTPUTS] = intermediate_outputs
    begin = None if start_time_ms is None else start_time_ms * 1_000_000
    span = start_span_no_context(
        name, inputs=request, attributes=given, tags=tags, start_time_ns=begin
    )
    end = None
    if begin is not None and execution_time_ms is not None:
        end = begin + execution_time_ms * 1_000_000
    span.end(outputs=response, end_time_ns=end)
    return span.trace_id
