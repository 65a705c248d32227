"""Runs whose answers are streamed: their spans end when the stream does."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from pegboard_models.autologging import Call

from pegboard_pydantic_ai import reading
from pegboard_pydantic_ai.spans import INTEGRATION, Traced

_ITERATORS = ("stream_text", "stream_output", "stream_response")


def install() -> None:
    """Observe both methods that stream, and what the second returns."""
    from pydantic_ai import Agent
    from pydantic_ai.result import StreamedRunResultSync

    _replace(Agent, "run_stream", _run_stream)
    INTEGRATION.observe_method(Agent, "run_stream_sync", a_sync_stream)
    INTEGRATION.observe_method(StreamedRunResultSync, "__enter__", an_entry)
    INTEGRATION.observe_method(StreamedRunResultSync, "__exit__", an_exit)
    INTEGRATION.observe_method(StreamedRunResultSync, "get_output", an_output)
    for name in _ITERATORS:
        if hasattr(StreamedRunResultSync, name):
            _replace(StreamedRunResultSync, name, _iterated)


def _replace(
    owner: type, name: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    original = getattr(owner, name)
    wrapped: Any = functools.wraps(original)(wrapper(original))
    wrapped.pegboard_undone = False
    INTEGRATION.patches.replace(owner, name, wrapped)


# -- asynchronous streams --------------------------------------------------------------------------


def _run_stream(original: Callable[..., Any]) -> Callable[..., Any]:
    def run_stream(*args: Any, **kwargs: Any) -> Any:
        manager = original(*args, **kwargs)
        if not INTEGRATION.is_on():
            return manager
        return _traced(manager, original, args, kwargs)

    return run_stream


@asynccontextmanager
async def _traced(
    manager: AbstractAsyncContextManager[Any], original: Callable[..., Any], args: Any, kwargs: Any
) -> AsyncIterator[Any]:
    """Be the stream's context, within a span."""
    traced: Traced | None = None
    with INTEGRATION.guard("a stream"):
        traced = Traced.of_agent("Agent.run_stream", original, args, kwargs)
    error: BaseException | None = None
    try:
        async with manager as stream:
            try:
                yield stream
            finally:
                if traced is not None:
                    with INTEGRATION.guard("reading a stream"):
                        reading.tell_result(traced.span, stream)
    except BaseException as raised:
        error = raised
        raise
    finally:
        if traced is not None:
            with INTEGRATION.guard("the end of a stream"):
                traced.end(error)


# -- synchronous streams ---------------------------------------------------------------------------


class _Stream:
    """What is known of a synchronous stream; the stream itself has it as an attribute."""

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        self.is_entered = False

    def end(self, stream: Any, error: BaseException | None = None) -> None:
        """End the span, once."""
        vars(stream).pop(_KEY, None)
        with INTEGRATION.guard("reading a stream"):
            reading.tell_result(self.traced.span, stream)
        if isinstance(error, Exception):
            self.traced.span.record_exception(error)
        self.traced.span.end()


_KEY = "_pegboard_stream"


def a_sync_stream(call: Call) -> Generator[None, Any, None]:
    """Begin the span of a stream; it is the active one while the stream begins."""
    traced = Traced.of_agent("Agent.run_stream_sync", call.function, call.args, call.kwargs)
    try:
        stream = yield
    except BaseException as error:
        traced.end(error)
        raise
    traced.leave()
    setattr(stream, _KEY, _Stream(traced))


def an_entry(call: Call) -> Generator[None, Any, None]:
    """Note that the stream ends with a ``with`` block."""
    known = vars(call.args[0]).get(_KEY)
    if known is None:
        return
    yield
    known.is_entered = True


def an_exit(call: Call) -> Generator[None, Any, None]:
    """End the span with the ``with`` block."""
    stream, *raised = call.args
    known = vars(stream).get(_KEY)
    if known is None:
        return
    error = raised[1] if len(raised) > 1 else call.kwargs.get("exc_val")
    try:
        yield
    except BaseException as fault:
        known.end(stream, fault)
        raise
    known.end(stream, error)


def an_output(call: Call) -> Generator[None, Any, None]:
    """End the span with the output, if there is no ``with`` block."""
    stream = call.args[0]
    known = vars(stream).get(_KEY)
    if known is None or known.is_entered:
        return
    try:
        yield
    except BaseException as error:
        known.end(stream, error)
        raise
    known.end(stream)


def _iterated(original: Callable[..., Any]) -> Callable[..., Any]:
    def iterate(stream: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        known = vars(stream).get(_KEY)
        found: Iterator[Any] = original(stream, *args, **kwargs)
        if known is None or known.is_entered:
            return found
        return _to_the_end(found, known, stream)

    return iterate


def _to_the_end(found: Iterator[Any], known: _Stream, stream: Any) -> Iterator[Any]:
    """Pass on what is streamed; end the span when no more is coming, or wanted."""
    error: BaseException | None = None
    try:
        yield from found
    except BaseException as raised:
        error = raised
        raise
    finally:
        if not known.is_entered:
            with INTEGRATION.guard("the end of a stream"):
                known.end(stream, error)
