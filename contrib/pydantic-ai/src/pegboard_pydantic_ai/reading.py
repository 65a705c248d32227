"""What Pydantic AI's objects hold, as MLflow has it in spans."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pegboard_tracing import calls

_ASKED = ("messages", "model_settings", "model_request_parameters")
_INTERNAL = {"_state", "_stream_response", "_bridge", "_streamed_run_result", "_on_complete"}
"""What results hold for the library's own use: much, and nothing that is not elsewhere."""


def instrument(agent: Any) -> None:
    """Have the library tell of an agent's requests and tools."""
    if getattr(agent, "instrument", None) is None:
        agent.instrument = True


def name(agent: Any) -> None:
    """Name an agent after the caller's variable.

    The library does so itself, but would look for it in the observer, which calls it now.
    """
    if agent.name is not None:
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    for variables in (frame.f_locals, frame.f_globals):
        for variable, value in variables.items():
            if value is agent:
                agent.name = variable
                return


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"contextlib", "pegboard_models", "pegboard_pydantic_ai"}


def arguments(text: Any) -> Any:
    """Return what a model gave for a tool: a dict, or a text if it is not even JSON."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def given(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run was given, without what it hands to tools."""
    found = calls.arguments(function, args, kwargs)
    found.pop("deps", None)
    return {name: _shown(value) for name, value in found.items() if value is not None}


def _shown(value: Any) -> Any:
    if isinstance(value, type):
        return value.__name__
    return value.__dict__ if hasattr(value, "__dict__") else value


def asked(request: Any) -> dict[str, Any]:
    """Return what a model is asked."""
    found = {name: getattr(request, name, None) for name in _ASKED}
    return {name: value for name, value in found.items() if value is not None}


def attributes(thing: Any) -> dict[str, Any]:
    """Return what is public of an agent or a model, and plain enough to be kept."""
    found: dict[str, Any] = {calls.FORMAT: "pydantic_ai"}
    for name in dir(thing):
        if name.startswith("_"):
            continue
        try:
            value = getattr(thing, name, None)
        except Exception:  # noqa: S112
            # A property may raise whatever it likes: it is no part of the run.
            continue
        if isinstance(value, type):
            found[name] = value.__name__
        elif not callable(value) and _is_plain(value):
            found[name] = value
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return isinstance(value, dict) and all(_is_plain(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(each) for each in value)
    return isinstance(value, (str, int, float, bool, type)) or is_dataclass(value)


def named(model: Any) -> tuple[Any, None, str | None]:
    """Return the name of a model, no tokens yet, and who provides it."""
    name, provider = getattr(model, "model_name", None), getattr(model, "system", None)
    if provider is None and isinstance(name, str) and ":" in name:
        provider = name.partition(":")[0]
    return name, None, provider


def tell_output(span: calls.CallSpan, result: Any) -> None:
    """Set what a tool returned."""
    if result is not None:
        span.set_outputs(_shown(result))


def tell_result(span: calls.CallSpan, result: Any) -> None:
    """Set what a run or a model came to, and the tokens that it took."""
    used = _usage(result)
    if used:
        calls.tell_usage(span, used)
    span.set_outputs(_outputs(result))


def _outputs(result: Any) -> Any:
    messages = getattr(result, "new_messages", None)
    if not callable(messages):
        return _shown(result)
    if is_dataclass(result):
        found = {each.name: getattr(result, each.name) for each in fields(result)}
    else:
        found = dict(vars(result))
    kept = {name: value for name, value in found.items() if name not in _INTERNAL}
    return {**kept, "_new_messages_serialized": messages()}


def _usage(result: Any) -> dict[str, int] | None:
    usage = getattr(result, "usage", None)
    if callable(usage) and not hasattr(usage, "input_tokens"):
        usage = usage()
    if usage is None:
        return None
    found = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    more = {
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
    }
    return found | {name: count for name, count in more.items() if count}
