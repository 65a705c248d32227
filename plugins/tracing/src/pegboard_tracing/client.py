"""The methods of ``pegboard.Client`` about traces; each is a function of the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.entities import Page
from pegboard.errors import InvalidState, NotFound
from pegboard_scripting.fluent import experiments

from pegboard_tracing import keys, tracer
from pegboard_tracing.entities.status import Link, SpanType
from pegboard_tracing.entities.traces import Trace
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.noop import NO_TRACE_ID
from pegboard_tracing.reading import narrowed, search_page, traces_of
from pegboard_tracing.scopes import start_span_no_context

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

_PAGE = 100


def get_trace(client: Client, trace_id: str, display: bool = True, flush: bool = False) -> Trace:
    """Return a trace; NotFound."""
    del display, flush
    return Trace.of(traces_of(client).get(trace_id))


def search_traces(
    client: Client,
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    max_results: int = _PAGE,
    order_by: Sequence[str] | None = None,
    page_token: str | None = None,
    run_id: str | None = None,
    include_spans: bool = True,
    model_id: str | None = None,
    locations: Sequence[str] | None = None,
    flush: bool = False,
) -> Page[Trace]:
    """Return a page of traces that match; the last begun first."""
    del flush
    given = [str(each) for each in (*(locations or ()), *(experiment_ids or ()))]
    return search_page(
        traces_of(client),
        given or [experiments.current_experiment_id()],
        filter_string=narrowed(filter_string, run_id, model_id),
        order_by=order_by or (),
        max_results=max_results,
        page_token=page_token,
        include_spans=include_spans,
    )


def delete_traces(
    client: Client,
    experiment_id: str,
    max_timestamp_millis: int | None = None,
    max_traces: int | None = None,
    trace_ids: Sequence[str] | None = None,
) -> int:
    """Remove traces of an experiment for good; return how many there were."""
    return traces_of(client).delete(
        experiment_id,
        trace_ids=trace_ids,
        max_timestamp=max_timestamp_millis,
        max_traces=max_traces,
    )


def set_trace_tag(client: Client, trace_id: str, key: str, value: Any) -> None:
    """Set or change a tag of a trace, whether it is active or has ended."""
    trace = tracer.find(trace_id)
    if trace is not None:
        trace.tags[key] = value
    else:
        traces_of(client).set_tag(trace_id, key, str(value))


def delete_trace_tag(client: Client, trace_id: str, key: str) -> None:
    """Remove a tag of a trace, whether it is active or has ended; NotFound."""
    trace = tracer.find(trace_id)
    if trace is None:
        traces_of(client).delete_tag(trace_id, key)
    elif trace.tags.pop(key, None) is None:
        raise NotFound(f"The trace {trace_id!r} has no tag {key!r}.")


def link_traces_to_run(client: Client, trace_ids: Sequence[str], run_id: str) -> None:
    """Make traces found as the run's."""
    traces_of(client).link_to_run(trace_ids, run_id)


def start_trace(
    client: Client,
    name: str,
    span_type: str = SpanType.UNKNOWN,
    inputs: Any = None,
    attributes: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    experiment_id: str | None = None,
    start_time_ns: int | None = None,
    run_id: str | None = None,
    links: Sequence[Link] | None = None,
) -> LiveSpan:
    """Begin a trace, which ``end_trace`` ends; return its first span.

    It goes where this process tracks to.
    """
    del client
    span = tracer.current_span()
    if span is not None:
        raise InvalidState(
            f"The trace {span.trace_id!r} is active, so another cannot begin here.",
            hint="Use start_span for a part of it.",
        )
    return start_span_no_context(
        name,
        span_type,
        inputs=inputs,
        attributes=attributes,
        tags=tags,
        metadata=None if run_id is None else {keys.SOURCE_RUN: run_id},
        experiment_id=experiment_id,
        start_time_ns=start_time_ns,
        links=links,
    )


def end_trace(
    client: Client,
    trace_id: str,
    outputs: Any = None,
    attributes: Mapping[str, Any] | None = None,
    status: Any = "OK",
    end_time_ns: int | None = None,
) -> None:
    """End the first span of a trace, and so the trace; InvalidState if it has ended."""
    if trace_id == NO_TRACE_ID:
        return
    trace = tracer.find(trace_id)
    if trace is None or trace.root is None:
        traces_of(client).get(trace_id)
        raise InvalidState(f"The trace {trace_id!r} has ended.")
    trace.root.end(outputs, attributes, status, end_time_ns)


def start_span(
    client: Client,
    name: str,
    trace_id: str,
    parent_id: str,
    span_type: str = SpanType.UNKNOWN,
    inputs: Any = None,
    attributes: Mapping[str, Any] | None = None,
    start_time_ns: int | None = None,
    links: Sequence[Link] | None = None,
) -> LiveSpan:
    """Begin a span within an open one, named by its id; ``end_span`` ends it."""
    del client
    return start_span_no_context(
        name,
        span_type,
        _open(trace_id, parent_id),
        inputs,
        attributes,
        start_time_ns=start_time_ns,
        links=links,
    )


def end_span(
    client: Client,
    trace_id: str,
    span_id: str,
    outputs: Any = None,
    attributes: Mapping[str, Any] | None = None,
    status: Any = "OK",
    end_time_ns: int | None = None,
) -> None:
    """End a span of a trace of this process."""
    del client
    if trace_id != NO_TRACE_ID:
        _open(trace_id, span_id).end(outputs, attributes, status, end_time_ns)


def _open(trace_id: str, span_id: str) -> LiveSpan:
    trace = tracer.find(trace_id)
    span = None if trace is None else trace.open.get(span_id)
    if span is None:
        raise NotFound(f"The trace {trace_id!r} has no open span {span_id!r} in this process.")
    return span
