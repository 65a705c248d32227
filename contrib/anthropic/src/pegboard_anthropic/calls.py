"""The methods of Anthropic's clients that are traced, and the span of one call."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Mapping
from typing import Any

from pegboard_models.autologging import Call, Integration
from pegboard_tracing import calls

from pegboard_anthropic import streams

INTEGRATION = Integration("anthropic", "anthropic", ("0.40", "2.14"), subject="The call")

_PROVIDER = "anthropic"


def install() -> None:
    """Observe the methods of both classes."""
    from anthropic.resources import AsyncMessages, Messages

    for kind in (Messages, AsyncMessages):
        INTEGRATION.observe_method(kind, "create", a_call)


def a_call(call: Call) -> Generator[None, Any, None]:
    """Make a span of a call."""
    given = _arguments(call)
    name = f"{type(call.args[0]).__name__}.{call.function.__name__}"
    span = calls.begin(name, "CHAT_MODEL", given, {calls.FORMAT: "anthropic"})
    with INTEGRATION.guard("reading tools"):
        tools = _tools(given.get("tools"))
        if tools:
            span.set_attribute(calls.TOOLS, tools)
    call.kwargs = calls.with_headers(call.kwargs, span)
    try:
        result = yield
    except BaseException as error:
        calls.tell_model(span, given.get("model"), provider=_PROVIDER)
        span.record_exception(error)
        span.end()
        raise
    if not streams.tap(INTEGRATION, span, result, lambda answer: _end(span, given, answer)):
        _end(span, given, result)


def _end(span: calls.CallSpan, given: Mapping[str, Any], answer: Any) -> None:
    try:
        calls.tell_model(span, given.get("model"), _usage(answer), _PROVIDER)
    finally:
        span.end(outputs=answer)


def _arguments(call: Call) -> dict[str, Any]:
    """Return what was given, in the order in which the library has it."""
    bound = inspect.signature(call.function).bind_partial(*call.args, **call.kwargs).arguments
    return {name: value for name, value in bound.items() if name != "self"}


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
