"""Spans of what LlamaIndex runs, by its ids, and when they end.

A method that streams returns before it is done. Its span stays open until the model that it asked
is told to have ended, and so do the spans around it that return the same stream. A workflow returns
a handler; its span ends when one of its steps returns the event that stops it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.chat_engine.types import StreamingAgentChatResponse
from llama_index.core.instrumentation.span import active_span_id
from llama_index.core.workflow import StopEvent
from llama_index.core.workflow.errors import WorkflowDone
from llama_index.core.workflow.handler import WorkflowHandler
from pegboard_tracing import calls

from pegboard_llamaindex import reading

_RESPONSES = (StreamingResponse, AsyncStreamingResponse)


@define(eq=False)
class _Run:
    """A method that runs. ``stream`` is what it returned, if that is still to be streamed."""

    id: str
    parent_id: str | None
    kind: str
    span: calls.CallSpan
    token: Any
    stream: Any = None
    is_workflow: bool = False
    ended: tuple[str | None, BaseException | None] | None = None
    """With what the stream that it is about to return has ended already."""

    def leave(self) -> None:
        """Be the active span no more."""
        token, self.token = self.token, None
        if token is not None:
            calls.deactivate(token)


_runs: dict[str, _Run] = {}


def find(run_id: str | None) -> calls.CallSpan | None:
    """Return the span of something that has not ended."""
    known = _runs.get(run_id or "")
    return None if known is None else known.span


def enter(run_id: str, arguments: Mapping[str, Any], instance: Any, parent_id: str | None) -> None:
    """Begin a span."""
    around = _runs.get(parent_id or "")
    kind = reading.kind(instance)
    attributes = reading.attributes(instance)
    given = reading.inputs(arguments)
    parent = calls.inner_of(None if around is None else around.span)
    span = calls.begin(run_id.partition("-")[0], kind, dict(given), attributes, parent=parent)
    offered = reading.tools(given)
    if offered and kind == "LLM":
        span.set_attribute(calls.TOOLS, offered)
    _runs[run_id] = _Run(run_id, parent_id, kind, span, calls.activate(span))


def leave(run_id: str, result: Any) -> None:
    """End a span, or leave it open for what is still to come."""
    run = _runs.get(run_id)
    if run is None:
        return
    run.leave()
    if isinstance(result, WorkflowHandler):
        run.is_workflow = True
    elif (stream := _stream(result)) is None:
        _end(run, result)
    elif run.ended is not None:
        # LlamaIndex runs ahead: the model was done before this method returned its stream.
        _resolved(run, *run.ended)
    else:
        run.stream = stream
        if isinstance(result, _RESPONSES):
            run.stream = result.response_gen = _within(stream, _innermost(stream))
    around = _runs.get(run.parent_id or "")
    if around is not None and around.is_workflow and isinstance(result, StopEvent):
        _end(around, result.result)


def drop(run_id: str, error: BaseException | None) -> None:
    """End a span with what went wrong."""
    run = _runs.pop(run_id, None)
    if run is None:
        return
    run.leave()
    if error is None or isinstance(error, WorkflowDone):
        run.span.end()
    else:
        calls.fail(run.span, error)


def finish(run_id: str | None, response: Any, error: BaseException | None = None) -> None:
    """End the span of a stream with what it came to, and those around that return it."""
    run = _runs.get(run_id or "")
    if run is None or run.stream is None:
        return
    if error is not None:
        _runs.pop(run.id, None)
        calls.fail(run.span, error)
    else:
        _end(run, response)
    _around(run, reading.text(response), error)


def clear() -> None:
    """Forget what runs."""
    _runs.clear()


def _end(run: _Run, outputs: Any) -> None:
    _runs.pop(run.id, None)
    run.span.end(outputs=reading.outputs(run.kind, outputs))


def _resolved(run: _Run, text: str | None, error: BaseException | None) -> None:
    """End a span whose stream has ended, and go on with the one around it."""
    _runs.pop(run.id, None)
    run.span.end(outputs=text, status=None if error is None else "ERROR")
    _around(run, text, error)


def _around(run: _Run, text: str | None, error: BaseException | None) -> None:
    around = _runs.get(run.parent_id or "")
    if around is None or around.is_workflow:
        return
    if around.stream is not None:
        _resolved(around, text, error)
    else:
        around.ended = (text, error)


def _stream(result: Any) -> Any:
    """Return what is still to be streamed of a result; None if nothing is."""
    if isinstance(result, _RESPONSES):
        result = result.response_gen
    elif isinstance(result, StreamingAgentChatResponse):
        result = result.chat_stream
    if inspect.isgenerator(result):
        return None if inspect.getgeneratorstate(result) == inspect.GEN_CLOSED else result
    if inspect.isasyncgen(result):
        return None if result.ag_frame is None else result
    return None


# -- work that is done while something is streamed -------------------------------------------------


def _innermost(stream: Any) -> _Run:
    """Return the last begun of those that return a stream."""
    return next(each for each in reversed(list(_runs.values())) if each.stream is stream)


@contextmanager
def _activated(run: _Run) -> Iterator[None]:
    token, inner = calls.activate(run.span), active_span_id.set(run.id)
    try:
        yield
    finally:
        active_span_id.reset(inner)
        calls.deactivate(token)


def _within(stream: Any, run: _Run) -> Any:
    """Return a stream whose pieces are made within a span: methods called then belong there."""
    if inspect.isasyncgen(stream):
        return _within_async(stream, run)
    return _within_sync(stream, run)


def _within_sync(stream: Any, run: _Run) -> Iterator[Any]:
    try:
        while True:
            with _activated(run):
                try:
                    piece = next(stream)
                except StopIteration:
                    return
            yield piece
    finally:
        stream.close()


async def _within_async(stream: Any, run: _Run) -> AsyncIterator[Any]:
    try:
        while True:
            with _activated(run):
                try:
                    piece = await anext(stream)
                except StopAsyncIteration:
                    return
            yield piece
    finally:
        await stream.aclose()
