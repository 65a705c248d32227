"""The methods of Anthropic's clients that are traced, and the span of one call."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from pegboard_models.autologging import Call, Integration
from pegboard_tracing import calls

from pegboard_anthropic import managed, streams

INTEGRATION = Integration("anthropic", "anthropic", ("0.40", "2.14"), subject="The call")

_PROVIDER = "anthropic"


def install() -> None:
    """Observe the methods of both classes."""
    from anthropic.resources import AsyncMessages, Messages

    for kind in (Messages, AsyncMessages):
        INTEGRATION.observe_method(kind, "create", a_call)
        INTEGRATION.observe_method(kind, "stream", a_stream)
    managed.install(INTEGRATION)


def a_call(call: Call) -> Generator[None, Any, None]:
    """Make a span of a call."""
    span, given = _begun(call)
    try:
        result = yield
    except BaseException as error:
        _failed(span, given, error)
        raise
    if streams.is_one(result):
        calls.tap(result, _sink(span, given))
    else:
        _end(span, given, result)


def a_stream(call: Call) -> Generator[None, Any, None]:
    """Make a span of a stream that is used in a ``with`` block, which sends the request."""
    span, given = _begun(call)
    try:
        manager = yield
    except BaseException as error:
        _failed(span, given, error)
        raise
    managed.expect(manager, _sink(span, given), lambda error: _failed(span, given, error))


def _begun(call: Call) -> tuple[calls.CallSpan, dict[str, Any]]:
    """Begin a span and say so in the headers; return it and what was given."""
    given = calls.arguments(call.function, call.args, call.kwargs)
    name = f"{type(call.args[0]).__name__}.{call.function.__name__}"
    span = calls.begin(name, "CHAT_MODEL", given, {calls.FORMAT: "anthropic"})
    with INTEGRATION.guard("reading tools"):
        tools = _tools(given.get("tools"))
        if tools:
            span.set_attribute(calls.TOOLS, tools)
    call.kwargs = calls.with_headers(call.kwargs, span)
    return span, given


def _sink(span: calls.CallSpan, given: Mapping[str, Any]) -> calls.Collected:
    return calls.Collected(
        span, INTEGRATION.guard, lambda events: _end(span, given, streams.whole(events))
    )


def _failed(span: calls.CallSpan, given: Mapping[str, Any], error: BaseException) -> None:
    calls.tell_model(span, given.get("model"), provider=_PROVIDER)
    span.record_exception(error)
    span.end()


def _end(span: calls.CallSpan, given: Mapping[str, Any], answer: Any) -> None:
    try:
        calls.tell_model(span, given.get("model"), _usage(answer), _PROVIDER)
    finally:
        span.end(outputs=answer)


def _tools(tools: Any) -> list[dict[str, Any]]:
    """Return tools in the form that OpenAI has for them."""
    if not isinstance(tools, (list, tuple)):
        return []
    return [
        {
            "type": "function",
            "function": {
                "name": tool.get("name"),
                "description": tool.get("description"),
                "parameters": tool.get("input_schema"),
            },
        }
        for tool in tools
        if isinstance(tool, Mapping)
    ]


def _usage(answer: Any) -> dict[str, int] | None:
    """Return tokens by MLflow's names; the vendor counts those of the cache beside the others."""
    usage = getattr(answer, "usage", None)
    if not usage:
        return None
    read = getattr(usage, "cache_read_input_tokens", None)
    written = getattr(usage, "cache_creation_input_tokens", None)
    details = getattr(usage, "cache_creation", None)
    asked = usage.input_tokens + (read or 0) + (written or 0)
    counts = {
        "input_tokens": asked,
        "output_tokens": usage.output_tokens,
        "total_tokens": asked + usage.output_tokens,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation_input_tokens_above_1hr": getattr(
            details, "ephemeral_1h_input_tokens", None
        ),
    }
    return {name: count for name, count in counts.items() if count is not None}
