"""Spans of generators: each lasts until its generator is exhausted, fails or is closed.

The span is the active one only while the generator itself runs, not while who uses it does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeAlias

from pegboard_tracing import keys
from pegboard_tracing.capturing import capture_of
from pegboard_tracing.entities.status import SpanEvent
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.scopes import activate, deactivate
from pegboard_tracing.tracer import complain
from pegboard_tracing.values import encode

Begin: TypeAlias = Callable[[], LiveSpan | NoOpSpan]
Reduce: TypeAlias = Callable[[list[Any]], Any] | None

_MOST_CHUNKS = 10_000
"""How many pieces of a stream become events of its span."""


class _Stream:
    """The span of one generator, and what it has yielded."""

    def __init__(self, span: LiveSpan | NoOpSpan, inputs: Any, reduce: Reduce) -> None:
        self.span = span
        self._reduce = reduce
        self._chunks: list[Any] = []
        if isinstance(span, LiveSpan) and inputs is not None:
            span.set_inputs(inputs)

    def add(self, chunk: Any) -> None:
        """Note what was yielded."""
        if not isinstance(self.span, LiveSpan):
            return
        number = len(self._chunks)
        self._chunks.append(chunk)
        if number < _MOST_CHUNKS:
            event = SpanEvent(
                f"mlflow.chunk.item.{number}", attributes={"mlflow.chunk.value": encode(chunk)}
            )
            self.span.add_event(event)

    def fail(self, error: BaseException) -> None:
        """End the span with what went wrong."""
        if isinstance(self.span, LiveSpan):
            self.span.record_exception(error)
            self.span.end()

    def finish(self) -> None:
        """End the span with all that was yielded."""
        span = self.span
        if not isinstance(span, LiveSpan):
            return
        outputs: Any = self._chunks
        if self._reduce is not None:
            try:
                outputs = self._reduce(self._chunks)
            except Exception as error:
                complain("The output of %r could not be reduced: %r", span.name, error)
        span.end(outputs=outputs if span.get_attribute(keys.OUTPUTS) is None else None)


def of_generator(
    function: Callable[..., Generator[Any, Any, Any]], begin: Begin, reduce: Reduce
) -> Callable[..., Generator[Any, Any, Any]]:
    """Return a generator function that makes a span of each use of another."""
    capture = capture_of(function)

    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        stream = _Stream(begin(), capture(args, kwargs), reduce)
        step: Callable[[], Any] = generator.__next__
        while True:
            token = activate(stream.span)
            try:
                value = step()
            except StopIteration as end:
                stream.finish()
                return end.value
            except BaseException as error:
                stream.fail(error)
                raise
            finally:
                deactivate(token)
            stream.add(value)
            try:
                sent = yield value
            except GeneratorExit:
                generator.close()
                stream.finish()
                raise
            except BaseException as error:
                step = _throwing(generator, error)
            else:
                step = generator.__next__ if sent is None else _sending(generator, sent)

    return wrapper


def _throwing(generator: Generator[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: generator.throw(error)


def _sending(generator: Generator[Any, Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: generator.send(value)


def of_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], begin: Begin, reduce: Reduce
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an async generator function that makes a span of each use of another."""
    capture = capture_of(function)

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        stream = _Stream(begin(), capture(args, kwargs), reduce)
        step: Callable[[], Any] = generator.__anext__
        while True:
            token = activate(stream.span)
            try:
                value = await step()
            except StopAsyncIteration:
                stream.finish()
                return
            except BaseException as error:
                stream.fail(error)
                raise
            finally:
                deactivate(token)
            stream.add(value)
            try:
                sent = yield value
            except GeneratorExit:
                await generator.aclose()
                stream.finish()
                raise
            except BaseException as error:
                step = _athrowing(generator, error)
            else:
                step = generator.__anext__ if sent is None else _asending(generator, sent)

    return wrapper


def _athrowing(generator: AsyncGenerator[Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: generator.athrow(error)


def _asending(generator: AsyncGenerator[Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: generator.asend(value)
