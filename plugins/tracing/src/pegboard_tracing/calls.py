"""Spans of calls to language models, for those who trace other libraries' calls.

Such a span is made the active one only by ``activate``: what a library does meanwhile is mostly its
own affair. No function here raises for what is traced.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from pegboard_tracing import keys, scopes, tracer
from pegboard_tracing.entities.status import SpanEvent, SpanStatus, message_of
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.scopes import activate as activate
from pegboard_tracing.scopes import deactivate as deactivate
from pegboard_tracing.tracer import Parent
from pegboard_tracing.values import encode

FORMAT, TOOLS = "mlflow.message.format", "mlflow.chat.tools"
_PROVIDER, _USAGE = "mlflow.llm.provider", "mlflow.chat.tokenUsage"

MOST_CHUNKS = 10_000
"""How many pieces of a stream are kept as events."""

CallSpan: TypeAlias = LiveSpan | NoOpSpan


def begin(
    name: str,
    span_type: str,
    inputs: Any,
    attributes: Mapping[str, Any] | None = None,
    *,
    parent: Parent | None = None,
    start_time_ns: int | None = None,
) -> CallSpan:
    """Begin the span of a call, within the one that is given or else active."""
    span = tracer.begin(
        name, span_type, parent or scopes.current_parent(), start_time_ns=start_time_ns
    )
    if inputs is not None:
        span.set_inputs(inputs)
    if attributes:
        span.set_attributes(attributes)
    return span


def arguments(function: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """Return what a method was called with, by the names and in the order of its parameters."""
    bound = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    return {name: value for name, value in bound.items() if name != "self"}


def inner_of(span: CallSpan | None) -> Parent | None:
    """Return the innermost of this span and the active one; this one if neither is in the other."""
    active = scopes.current_parent()
    if span is None or not isinstance(active, LiveSpan) or not isinstance(span, LiveSpan):
        return span or active
    around: LiveSpan | None = active
    while around is not None and around is not span:
        around = around.trace.open.get(around.parent_id or "")
    return span if around is None else active


def set_session(span: CallSpan, session: Any) -> None:
    """Say to which conversation the trace of a span belongs."""
    if isinstance(span, LiveSpan):
        span.trace.metadata[keys.SESSION] = str(session)


def set_tags(span: CallSpan, tags: Mapping[str, str]) -> None:
    """Add tags to the trace of a span."""
    if isinstance(span, LiveSpan):
        span.trace.tags.update(tags)


def note(span: CallSpan, name: str, attributes: Mapping[str, Any]) -> None:
    """Add something that happened."""
    span.add_event(SpanEvent(name, attributes=attributes))


def headers(span: CallSpan) -> dict[str, str]:
    """Return the headers by which a server lets its spans begin in this one."""
    if isinstance(span, LiveSpan):
        digits = span.trace_id.removeprefix("tr-")
        return {"traceparent": f"00-{digits}-{span.span_id}-01"}
    return {"traceparent": span.header} if span.header else {}


def with_headers(given: Mapping[str, Any], span: CallSpan) -> dict[str, Any]:
    """Return keywords with the span's headers, before which those of the user go."""
    own = headers(span)
    if not own:
        return dict(given)
    return {**given, "extra_headers": {**own, **(given.get("extra_headers") or {})}}


def note_error(span: CallSpan, error: BaseException) -> None:
    """Add an exception."""
    span.add_event(SpanEvent.from_exception(error))


def fail(span: CallSpan, error: BaseException, *, said: bool = False) -> None:
    """End a span with what went wrong; ``said``: its status tells that, too."""
    note_error(span, error)
    span.end(status=SpanStatus("ERROR", message_of(error)) if said else "ERROR")


def tell_model(
    span: CallSpan,
    model: Any,
    usage: Mapping[str, int] | None = None,
    provider: str | None = None,
) -> None:
    """Set the model that answered, and what it took: tokens by MLflow's names, and their cost."""
    if isinstance(model, str) and model:
        span.set_attribute(keys.MODEL, model)
    if provider:
        span.set_attribute(_PROVIDER, provider)
    if usage:
        tell_usage(span, usage)


def tell_usage(span: CallSpan, usage: Mapping[str, int]) -> None:
    """Set tokens by MLflow's names, and what they cost with the model that was told."""
    span.set_attribute(_USAGE, dict(usage))
    model = span.get_attribute(keys.MODEL) if isinstance(span, LiveSpan) else None
    if not isinstance(model, str):
        return
    from pegboard_llm.costs import cost_of

    cost = cost_of(model, span.get_attribute(_PROVIDER), usage)
    if cost:
        span.set_attribute(keys.COST, cost)


# -- streams ---------------------------------------------------------------------------------------


class Sink(Protocol):
    """What looks at a stream. What it raises is its own affair: it must see to it."""

    def add(self, chunk: Any) -> None:
        """Look at a piece, before who asked for it does."""
        ...

    def finish(self) -> None:
        """Note that no more is coming, or that nobody wants it."""
        ...

    def fail(self, error: BaseException) -> None:
        """Note that the stream broke."""
        ...


def tap(stream: Any, sink: Sink) -> None:
    """Look at what comes out of a ``Stream`` or ``AsyncStream`` of OpenAI's or Anthropic's library.

    It is passed on piece by piece, as it comes; a stream that is closed early is over.
    """
    close = stream.close
    if hasattr(stream, "__aiter__"):
        stream._iterator = _tapped_async(stream._iterator, sink)

        async def closed() -> None:
            try:
                await close()
            finally:
                sink.finish()

        stream.close = closed
        return
    stream._iterator = _tapped(stream._iterator, sink)

    def close_and_finish() -> None:
        try:
            close()
        finally:
            sink.finish()

    stream.close = close_and_finish


def _tapped(stream: Iterator[Any], sink: Sink) -> Iterator[Any]:
    try:
        for chunk in stream:
            sink.add(chunk)
            yield chunk
    except GeneratorExit:
        sink.finish()
        raise
    except BaseException as error:
        sink.fail(error)
        raise
    sink.finish()


async def _tapped_async(stream: AsyncIterator[Any], sink: Sink) -> AsyncIterator[Any]:
    try:
        async for chunk in stream:
            sink.add(chunk)
            yield chunk
    except GeneratorExit:
        sink.finish()
        raise
    except BaseException as error:
        sink.fail(error)
        raise
    sink.finish()


class Collected:
    """The chunks of a stream as events of its span, which ends with what they come to.

    ``guard`` makes a context that swallows faults; ``end`` ends the span with the chunks.
    """

    def __init__(
        self, span: CallSpan, guard: Callable[[str], Any], end: Callable[[list[Any]], None]
    ) -> None:
        self._span, self._guard, self._end = span, guard, end
        self._chunks: list[Any] = []
        self._done = False

    def add(self, chunk: Any) -> None:
        """Keep a piece."""
        with self._guard("a stream"):
            number = len(self._chunks)
            self._chunks.append(chunk)
            if number < MOST_CHUNKS:
                told = {"mlflow.chunk.value": encode(chunk)}
                self._span.add_event(SpanEvent(f"mlflow.chunk.item.{number}", attributes=told))

    def finish(self) -> None:
        """End the span, once."""
        if self._done:
            return
        self._done = True
        with self._guard("the end of a stream"):
            self._end(self._chunks)
        self._span.end()

    def fail(self, error: BaseException) -> None:
        """End the span with what went wrong."""
        self._done = True
        with self._guard("a broken stream"):
            fail(self._span, error)
