"""The methods of google-genai's clients that are traced, and the span of one call."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from pegboard_models.autologging import Call, Integration
from pegboard_tracing import calls

from pegboard_gemini import tools

INTEGRATION = Integration("gemini", "google-genai", ("1.20", "3.6"), subject="The call")

_PROVIDER = "gemini"
_MODELS = ("generate_content", "_generate_content", "count_tokens", "embed_content")
_TYPES = {"send_message": "CHAT_MODEL", "embed_content": "EMBEDDING"}
_USAGE = (
    ("input_tokens", "prompt_token_count"),
    ("output_tokens", "candidates_token_count"),
    ("total_tokens", "total_token_count"),
    ("cache_read_input_tokens", "cached_content_token_count"),
)


def install() -> None:
    """Observe the methods of models and chats.

    ``generate_content`` calls ``_generate_content`` for each step, if tools are called meanwhile.
    """
    from google.genai import chats, models

    for kind in (models.Models, models.AsyncModels):
        for method in _MODELS:
            INTEGRATION.observe_method(kind, method, a_call)
    for talk in (chats.Chat, chats.AsyncChat):
        INTEGRATION.observe_method(talk, "send_message", a_call)


def a_call(call: Call) -> Generator[None, Any, None]:
    """Make a span of a call, within which the calls are that it makes."""
    owner, method = call.args[0], call.function.__name__
    given = calls.arguments(call.function, call.args, call.kwargs)
    span_type = _TYPES.get(method, "LLM")
    span = calls.begin(
        f"{type(owner).__name__}.{method}", span_type, given, {calls.FORMAT: "gemini"}
    )
    with INTEGRATION.guard("reading tools"):
        offered = tools.read(owner, given.get("config"))
        if offered:
            span.set_attribute(calls.TOOLS, offered)
    if method != "generate_content" and "config" in call.kwargs:
        with INTEGRATION.guard("adding headers"):
            call.kwargs["config"] = _with_headers(call.kwargs["config"], calls.headers(span))
    token = calls.activate(span)
    model = given.get("model") or getattr(owner, "_model", None)
    try:
        answer = yield
    except BaseException as error:
        calls.deactivate(token)
        calls.tell_model(span, model, provider=_PROVIDER)
        span.record_exception(error)
        span.end()
        raise
    calls.deactivate(token)
    try:
        calls.tell_model(span, model, _usage(answer), _PROVIDER)
    finally:
        span.end(outputs=answer)


def _usage(answer: Any) -> dict[str, int]:
    """Return tokens by MLflow's names."""
    told = getattr(answer, "usage_metadata", None)
    counts = ((name, getattr(told, theirs, None)) for name, theirs in _USAGE)
    return {name: count for name, count in counts if count is not None}


def _with_headers(config: Any, headers: Mapping[str, str]) -> Any:
    """Return a configuration with the span's headers, before which those of the user go."""
    if not headers:
        return config
    options = _part(config, "http_options")
    merged = {**headers, **(_part(options, "headers") or {})}
    return _changed(config, "http_options", _changed(options, "headers", merged))


def _part(whole: Any, name: str) -> Any:
    return whole.get(name) if isinstance(whole, Mapping) else getattr(whole, name, None)


def _changed(whole: Any, name: str, value: Any) -> Any:
    """Return a copy of a dict or a model with something else in it; what was given stays."""
    if whole is None or isinstance(whole, Mapping):
        return {**(whole or {}), name: value}
    if isinstance(value, Mapping) and name == "http_options":
        from google.genai.types import HttpOptions

        value = HttpOptions(**value)
    return whole.model_copy(update={name: value})
