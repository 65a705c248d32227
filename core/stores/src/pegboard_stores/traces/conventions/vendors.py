"""What some programs write in forms of their own: Gemini CLI, Claude Code, Vercel's AI SDK."""

from __future__ import annotations

from typing import Any

from pegboard_stores.traces.conventions.attributes import Attributes, first, text_of, told, whole

_OPERATION = "gen_ai.operation.name"
_CLAUDE_STEPS = frozenset({"interaction", "llm_request", "tool"})
_CLAUDE_DETAILS = ("full_command", "file_path", "skill_name", "subagent_type")
_HIDDEN = "<REDACTED>"
_VERCEL_CHATS = frozenset({"ai.generateText.doGenerate", "ai.streamText.doStream"})


# -- Gemini CLI --------------------------------------------------------------------------------


def is_gemini_cli(given: Attributes) -> bool:
    """Whether Gemini CLI made a span."""
    return text_of(given, "gen_ai.agent.name") == "gemini-cli"


def gemini_inputs(given: Attributes) -> Any:
    """Return what Gemini CLI asked, in the form of Gemini's API."""
    if not is_gemini_cli(given):
        return None
    found = first(given, ("gen_ai.input.messages", "gen_ai.tool.call.arguments"))
    if isinstance(found, list) and text_of(given, _OPERATION) == "system_prompt":
        found = [_as_system(item) for item in found]
    return {"contents": found} if isinstance(found, (list, str)) else found


def _as_system(item: Any) -> Any:
    is_user = isinstance(item, dict) and item.get("role") == "user"
    return {**item, "role": "system"} if is_user else item


def gemini_outputs(given: Attributes) -> Any:
    """Return what Gemini answered, as one candidate: a message comes in pieces."""
    if not is_gemini_cli(given):
        return None
    found = first(given, ("gen_ai.output.messages", "gen_ai.tool.call.result"))
    if not isinstance(found, list):
        return found
    pieces = [item["parts"] for item in found if isinstance(item, dict) and "parts" in item]
    parts = [part for piece in pieces if isinstance(piece, list) for part in piece]
    return {"candidates": [{"content": {"role": "model", "parts": parts}}]} if parts else found


# -- Claude Code -------------------------------------------------------------------------------


def claude_step(given: Attributes) -> str:
    """Return which step of Claude Code a span is, "" if it is none."""
    step = text_of(given, "span.type").removeprefix("claude_code.") if "span.type" in given else ""
    return step if step in _CLAUDE_STEPS else ""


def _shown(given: Attributes, *keys: str) -> Any:
    """Return the first of these that the user allowed to be written."""
    values = (told(given.get(key)) for key in keys)
    return next((value for value in values if value and value != _HIDDEN), None)


def claude_inputs(given: Attributes) -> Any:
    """Return what a step of Claude Code got."""
    step = claude_step(given)
    if step == "interaction":
        return _shown(given, "user_prompt", "new_context")
    if step == "llm_request":
        return _shown(given, "new_context")
    if step != "tool":
        return None
    return _shown(given, "tool_input") or {
        key: value for key in _CLAUDE_DETAILS if (value := _shown(given, key))
    }


def claude_outputs(given: Attributes) -> Any:
    """Return what a step of Claude Code led to."""
    names = {"llm_request": "response.model_output", "tool": "new_context"}
    step = claude_step(given)
    return _shown(given, names[step]) if step in names else None


def claude_tool_output(event: Attributes) -> Any:
    """Return the output of a tool that an event of Claude Code tells."""
    return _shown(event, "output", "content", "diff")


def claude_usage(given: Attributes) -> dict[str, int]:
    """Return tokens: Claude Code counts those of the cache beside the others, MLflow among them."""
    if claude_step(given) != "llm_request":
        return {}
    read = whole(given.get("cache_read_tokens"))
    written = whole(given.get("cache_creation_tokens"))
    asked, answered = whole(given.get("input_tokens")), whole(given.get("output_tokens"))
    counts = {
        "input_tokens": None if asked is None else asked + (read or 0) + (written or 0),
        "output_tokens": answered,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }
    return {name: count for name, count in counts.items() if count is not None}


# -- Vercel's AI SDK ---------------------------------------------------------------------------


def is_vercel_chat(given: Attributes) -> bool:
    """Whether a span is the call of a model by Vercel's AI SDK."""
    return text_of(given, "ai.operationId") in _VERCEL_CHATS if "ai.operationId" in given else False


def vercel_inputs(given: Attributes) -> Any:
    """Return messages, tools and settings of a call."""
    if not is_vercel_chat(given):
        return first(given, ("ai.prompt", "ai.toolCall.args", "ai.value", "ai.values"))
    found = _under("ai.prompt.", given)
    if isinstance(found.get("tools"), list):
        found["tools"] = [told(tool) for tool in found["tools"]]
    return found


def vercel_outputs(given: Attributes) -> Any:
    """Return the answer of a call."""
    if is_vercel_chat(given):
        return _under("ai.response.", given)
    keys = ("ai.response.text", "ai.toolCall.result", "ai.response.object", "ai.embedding",
            "ai.embeddings")  # fmt: skip
    return first(given, keys)


def _under(prefix: str, given: Attributes) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): told(value)
        for key, value in given.items()
        if key.startswith(prefix)
    }
