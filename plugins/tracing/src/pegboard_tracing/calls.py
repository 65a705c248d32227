"""Spans of calls to language models, for those who trace other libraries' calls.

Such a span is not made the active one: what the library does meanwhile is its own affair. No
function here raises for what is traced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from pegboard_tracing import scopes, tracer
from pegboard_tracing.entities.status import SpanEvent
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.values import encode

FORMAT, TOOLS = "mlflow.message.format", "mlflow.chat.tools"
_MODEL, _PROVIDER = "mlflow.llm.model", "mlflow.llm.provider"
_USAGE, _COST = "mlflow.chat.tokenUsage", "mlflow.llm.cost"

MOST_CHUNKS = 10_000
"""How many pieces of a stream are kept as events."""

CallSpan: TypeAlias = LiveSpan | NoOpSpan


def begin(
    name: str, span_type: str, inputs: Any, attributes: Mapping[str, Any] | None = None
) -> CallSpan:
    """Begin the span of a call, within the one that is active."""
    span = tracer.begin(name, span_type, scopes.current_parent())
    if inputs is not None:
        span.set_inputs(inputs)
    if attributes:
        span.set_attributes(attributes)
    return span


def headers(span: CallSpan) -> dict[str, str]:
    """Return the headers by which a server lets its spans begin in this one."""
    if isinstance(span, LiveSpan):
        digits = span.trace_id.removeprefix("tr-")
        return {"traceparent": f"00-{digits}-{span.span_id}-01"}
    return {"traceparent": span.header} if span.header else {}


def fail(span: CallSpan, error: BaseException) -> None:
    """End a span with what went wrong."""
    span.add_event(SpanEvent.from_exception(error))
    span.end(status="ERROR")


def tell_model(
    span: CallSpan,
    model: Any,
    usage: Mapping[str, int] | None = None,
    provider: str | None = None,
) -> None:
    """Set the model that answered, and what it took: tokens by MLflow's names, and their cost."""
    if isinstance(model, str) and model:
        span.set_attribute(_MODEL, model)
    if provider:
        span.set_attribute(_PROVIDER, provider)
    if not usage:
        return
    span.set_attribute(_USAGE, dict(usage))
    if isinstance(model, str):
        from pegboard_llm.costs import cost_of

        cost = cost_of(model, provider, usage)
        if cost:
            span.set_attribute(_COST, cost)


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
