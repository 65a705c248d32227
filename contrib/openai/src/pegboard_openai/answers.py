"""What an answer of OpenAI's API tells: which model, which tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pegboard_tracing import calls

_BUILT_IN = frozenset({
    "file_search", "computer_use_preview", "web_search_preview", "local_shell", "mcp",
    "code_interpreter", "image_generation",
})  # fmt: skip
_READ = (
    ("openai.types.chat", "ChatCompletion"),
    ("openai.types.responses", "Response"),
)
_NAMING = (
    *_READ,
    ("openai.types.completion", "Completion"),
    ("openai.types.create_embedding_response", "CreateEmbeddingResponse"),
)


def parsed(result: Any) -> Any:
    """Return the answer behind a raw response, and everything else as it is."""
    from openai._legacy_response import LegacyAPIResponse

    # What it returns is kept: the user gets the same object.
    return result.parse() if isinstance(result, LegacyAPIResponse) else result


def end(span: calls.CallSpan, given: Mapping[str, Any], answer: Any) -> None:
    """End the span of a call with its answer."""
    try:
        tools = tools_of(given.get("tools"))
        if tools:
            span.set_attribute(calls.TOOLS, tools)
        named = getattr(answer, "model", None) if _is_one(answer, _NAMING) else None
        usage = usage_of(answer) if _is_one(answer, _READ) else None
        calls.tell_model(span, named or given.get("model"), usage)
    finally:
        span.end(outputs=answer)


def _is_one(answer: Any, kinds: Iterable[tuple[str, str]]) -> bool:
    """Whether an answer is of one of these classes, or one derived from them."""
    known = {f"{base.__module__}.{base.__name__}" for base in type(answer).__mro__}
    return any(
        name.startswith(module) and name.endswith(f".{kind}")
        for module, kind in kinds
        for name in known
    )


def usage_of(answer: Any) -> dict[str, int] | None:
    """Return the tokens of an answer, by MLflow's names."""
    usage = getattr(answer, "usage", None)
    if not usage:
        return None
    if hasattr(usage, "prompt_tokens"):
        return chat_usage(usage)
    found = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    cached = getattr(getattr(usage, "input_tokens_details", None), "cached_tokens", None)
    return found if cached is None else {**found, "cache_read_input_tokens": cached}


def chat_usage(usage: Any) -> dict[str, int]:
    """Return the tokens of a chat; some servers name those of a cache as Claude does."""
    found = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None)
    if cached is None:
        cached = getattr(usage, "cache_read_input_tokens", None)
    written = getattr(usage, "cache_creation_input_tokens", None)
    if cached is not None:
        found["cache_read_input_tokens"] = cached
    if written is not None:
        found["cache_creation_input_tokens"] = written
    return found


def tools_of(tools: Any) -> list[dict[str, Any]]:
    """Return tools in the form of chats; nothing if one of them has no such form."""
    if not isinstance(tools, (list, tuple)):
        return []
    found = [_tool(tool) for tool in tools if isinstance(tool, Mapping)]
    return [tool for tool in found if tool] if all(found) and len(found) == len(tools) else []


def _tool(tool: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = tool.get("type", "function")
    if kind == "function":
        if "function" in tool:
            return dict(tool)
        definition = {key: value for key, value in tool.items() if key != "type"}
        return {"type": "function", "function": definition}
    return {"type": "function", "function": {"name": kind}} if kind in _BUILT_IN else None
