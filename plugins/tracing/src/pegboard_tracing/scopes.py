"""``start_span``: a span that lasts as long as a ``with`` block."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ContextDecorator
from contextvars import Token
from types import TracebackType
from typing import Any

from pegboard.errors import InvalidValue

from pegboard_tracing import keys, tracer
from pegboard_tracing.entities.status import Link, SpanLogLevel, SpanType
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.tracer import Parent, active, complain

_time_ns = time.time_ns


def activate(span: Parent | None) -> Token[Parent | None]:
    """Make a span the one that new ones begin in."""
    return active.set(span)


def deactivate(token: Token[Parent | None]) -> None:
    """Undo ``activate``."""
    try:
        active.reset(token)
    except ValueError:
        # A generator was closed by another task than the one that ran it.
        before = token.old_value
        active.set(None if before is Token.MISSING else before)


class SpanScope(ContextDecorator):
    """A span that begins and ends with a ``with`` block."""

    __slots__ = ("_begin", "_prepare", "_span", "_token")

    def __init__(
        self,
        begin: Callable[[], LiveSpan | NoOpSpan],
        prepare: Callable[[LiveSpan], None] | None,
    ) -> None:
        self._begin = begin
        self._prepare = prepare

    def _recreate_cm(self) -> SpanScope:
        # As a decorator: each call has a span of its own.
        return SpanScope(self._begin, self._prepare)

    def __enter__(self) -> LiveSpan:
        self._span = span = self._begin()
        if type(span) is LiveSpan and self._prepare is not None:
            self._prepare(span)
        self._token = active.set(span)
        return span  # type: ignore[return-value]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        span = self._span
        deactivate(self._token)
        if type(span) is LiveSpan and span._end is None:
            if error is not None and kind is not GeneratorExit:
                span.record_exception(error)
            span.finish(_time_ns())


def start_span(
    name: str = "span",
    span_type: str | None = SpanType.UNKNOWN,
    attributes: Mapping[str, Any] | None = None,
    trace_destination: Any = None,
    log_level: SpanLogLevel | str | None = None,
    run_id: str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
) -> SpanScope:
    """Begin a span, for a ``with`` statement: within it, it is the active one.

    It is within the span that is active now, or else the first of a new trace. An exception is
    noted in it and passes on unchanged. ``trace_destination`` (an experiment) and ``run_id`` (a run
    that the trace belongs to) are for the first span of a trace.
    """
    experiment_id = getattr(trace_destination, "experiment_id", None)

    def begin() -> LiveSpan | NoOpSpan:
        found = None
        if run_id is not None and experiment_id is None and active.get() is None:
            found = experiment_of(run_id)
        parent = current_parent()
        return tracer.begin(name, span_type, parent, experiment_id=experiment_id or found)

    plain = not attributes and log_level is None and not links
    if plain and run_id is None and description is None:
        return SpanScope(begin, None)

    def prepare(span: LiveSpan) -> None:
        set_up(span, attributes, log_level, links, description)
        if run_id is not None:
            if span is span.trace.root:
                span.trace.metadata[keys.SOURCE_RUN] = run_id
            else:
                complain("run_id is for the first span of a trace; %r is within one.", name)

    return SpanScope(begin, prepare)


def current_parent() -> Parent | None:
    """Return the span that a new one begins in; what takes everything where tracing is off."""
    given = tracer.scope.get()
    if given is not None and given.enabled is False:
        return NoOpSpan()
    return active.get()


def set_up(
    span: LiveSpan,
    attributes: Mapping[str, Any] | None,
    log_level: SpanLogLevel | str | None,
    links: Sequence[Link] | None,
    description: str | None,
) -> None:
    """Give a new span what it is to have; what is wrong is left out with a warning."""
    if attributes:
        span.set_attributes(attributes)
    if description is not None:
        span.set_attribute(keys.DESCRIPTION, description)
    try:
        if log_level is not None:
            span.set_log_level(log_level)
        for link in links or ():
            span.add_link(link)
    except InvalidValue as error:
        complain("%s", error)


def experiment_of(run_id: str) -> str | None:
    """Return the experiment of a run; None, with a warning, if it is not known."""
    from pegboard_scripting.fluent import experiments

    try:
        return experiments.client().get_run(run_id).info.experiment_id
    except Exception as error:
        complain("The experiment of the run %r is not known: %s", run_id, error)
        return None


def start_span_no_context(
    name: str,
    span_type: str = SpanType.UNKNOWN,
    parent_span: LiveSpan | None = None,
    inputs: Any = None,
    attributes: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    experiment_id: str | None = None,
    start_time_ns: int | None = None,
    log_level: SpanLogLevel | str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
) -> LiveSpan:
    """Begin a span that is not made the active one; it ends with its ``end``.

    It is within ``parent_span``, or else the first of a new trace. ``tags`` and ``metadata`` are
    those of the trace.
    """
    given = tracer.scope.get()
    parent: Parent | None = parent_span
    if given is not None and given.enabled is False:
        parent = NoOpSpan()
    span = tracer.begin(
        name, span_type, parent, experiment_id=experiment_id, start_time_ns=start_time_ns
    )
    if isinstance(span, LiveSpan):
        if inputs is not None:
            span.set_inputs(inputs)
        set_up(span, attributes, log_level, links, description)
        if tags:
            span.trace.tags.update(tags)
        if metadata:
            span.trace.metadata.update(metadata)
    return span  # type: ignore[return-value]
