"""The methods of openai's clients that are traced, and the span of one call."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from importlib import import_module
from typing import Any

from pegboard_models.autologging import Call, Integration
from pegboard_tracing import calls

from pegboard_openai import answers, streams

INTEGRATION = Integration("openai", "openai", ("1.60", "3.57"), subject="The call")

_CHAT, _LLM, _EMBEDDING, _TOOL = "CHAT_MODEL", "LLM", "EMBEDDING", "TOOL"
_TRACED = (
    ("chat.completions", "Completions", _CHAT, ("create", "parse")),
    ("beta.chat.completions", "Completions", _CHAT, ("parse",)),
    ("completions", "Completions", _LLM, ("create",)),
    ("embeddings", "Embeddings", _EMBEDDING, ("create",)),
    ("images", "Images", _TOOL, ("generate",)),
    ("responses", "Responses", _CHAT, ("create", "parse")),
)
"""Modules in ``openai.resources``, their classes, the types of spans, and methods."""


def install() -> None:
    """Observe the methods of the classes that this version of the library has."""
    for place, name, span_type, methods in _TRACED:
        try:
            module = import_module(f"openai.resources.{place}")
        except ImportError:
            continue
        for kind in (getattr(module, name, None), getattr(module, f"Async{name}", None)):
            for method in methods:
                if isinstance(kind, type) and method in vars(kind):
                    INTEGRATION.observe_method(kind, method, _observer(span_type))


def _observer(span_type: str) -> Any:
    def a_call(call: Call) -> Generator[None, Any, None]:
        given: Mapping[str, Any] = call.kwargs
        span = calls.begin(
            type(call.args[0]).__name__, span_type, given, _attributes(given, span_type)
        )
        call.kwargs = calls.with_headers(given, span)
        try:
            result = answers.parsed((yield))
        except BaseException as error:
            calls.tell_model(span, given.get("model"))
            calls.fail(span, error)
            raise
        if not streams.tap(INTEGRATION, span, given, result):
            answers.end(span, given, result)

    return a_call


def _attributes(given: Mapping[str, Any], span_type: str) -> dict[str, Any]:
    found = {key: value for key, value in given.items() if key not in ("messages", "input")}
    if span_type in (_CHAT, _LLM):
        found[calls.FORMAT] = "openai"
    return found
