"""Messages, tokens and tools of LangChain, as MLflow has them in spans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGenerationChunk, LLMResult

_ROLES: tuple[tuple[type[BaseMessage], str], ...] = (
    (AIMessage, "assistant"),
    (FunctionMessage, "function"),
    (ToolMessage, "tool"),
    (HumanMessage, "user"),
    (SystemMessage, "system"),
)
_AUDIO = {"x-wav": "wav", "mpeg": "mp3"}
_TOKENS = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_input_tokens",
    "cache_creation_input_tokens": "cache_creation_input_tokens",
    "cached_content_token_count": "cache_read_input_tokens",
}
_DETAILS = (
    ("input_token_details", "cache_read", "cache_read_input_tokens"),
    ("input_token_details", "cache_creation", "cache_creation_input_tokens"),
    ("prompt_tokens_details", "cached_tokens", "cache_read_input_tokens"),
)


def asked(messages: Sequence[Sequence[BaseMessage]]) -> Any:
    """Return the inputs of a chat model: of one conversation in the form of chats."""
    if len(messages) != 1:
        return messages
    return {"messages": [message(each) for each in messages[0]]}


def message(given: BaseMessage) -> dict[str, Any]:
    """Return a message in the form of chats."""
    role = given.role if isinstance(given, ChatMessage) else _role(given)
    content = _content(given.content)
    calls = _calls(given)
    if calls:
        if isinstance(content, list):
            # Anthropic's calls of tools are among the content, too.
            content = [part for part in content if not _is_call(part)]
        content = content or None
    return {
        "role": role,
        "content": content,
        "tool_calls": calls or None,
        "refusal": None,
        "tool_call_id": given.tool_call_id if isinstance(given, ToolMessage) else None,
    }


def _role(given: BaseMessage) -> str:
    return next((role for kind, role in _ROLES if isinstance(given, kind)), given.type)


def _is_call(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "tool_use"


def _calls(given: BaseMessage) -> list[dict[str, Any]]:
    return [
        {
            "id": call.get("id"),
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
        }
        for call in getattr(given, "tool_calls", None) or ()
    ]


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [_part(part) for part in content]


def _part(part: Any) -> Any:
    """Return a part of a message, audio in OpenAI's form."""
    if not isinstance(part, Mapping) or part.get("type") != "audio" or "data" not in part:
        return part
    kind = str(part.get("mime_type", "")).rpartition("/")[2].partition(";")[0].strip()
    audio = {"data": part["data"], "format": _AUDIO.get(kind, kind)}
    return {"type": "input_audio", "input_audio": audio}


def answered(result: LLMResult) -> Any:
    """Return the outputs of a model: of one prompt in the form of chats."""
    if len(result.generations) != 1:
        return result
    return {
        "choices": [
            {"message": _generated(generation), "finish_reason": None}
            for generation in result.generations[0]
        ]
    }


def _generated(generation: Any) -> dict[str, Any]:
    if hasattr(generation, "message"):
        return message(generation.message)
    return {"role": "assistant", "content": generation.text}


def usage(result: LLMResult) -> dict[str, int] | None:
    """Return the tokens of all answers; of a stream, those told last, which are of all of it."""
    generations = [each for several in result.generations for each in several]
    found = [tokens for each in generations if (tokens := _tokens(each))]
    if not found:
        return None
    if any(isinstance(each, ChatGenerationChunk) for each in generations):
        return found[-1]
    return {name: sum(each.get(name, 0) for each in found) for name in dict.fromkeys(_names(found))}


def _names(found: Iterable[Mapping[str, int]]) -> Iterable[str]:
    return (name for each in found for name in each)


def _tokens(generation: Any) -> dict[str, int] | None:
    told = getattr(generation, "message", None)
    if told is None:
        return None
    metadata = getattr(told, "response_metadata", None) or {}
    given = (
        getattr(told, "usage_metadata", None)
        or metadata.get("usage")
        or metadata.get("token_usage")
    )
    if not given:
        return None
    found = {_TOKENS[key]: value for key, value in given.items() if key in _TOKENS}
    for group, key, name in _DETAILS:
        details = given.get(group)
        if isinstance(details, Mapping) and isinstance(details.get(key), int):
            found.setdefault(name, details[key])
    if found and found.get("total_tokens") is None:
        found["total_tokens"] = found.get("input_tokens", 0) + found.get("output_tokens", 0)
    return found or None


def tools(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tools that a model was offered, in the form of chats."""
    found = []
    for tool in given.get("tools") or ():
        if isinstance(tool, Mapping) and tool.get("type") == "function" and "function" in tool:
            found.append(dict(tool))
        elif isinstance(tool, Mapping) and tool.get("name"):
            described = {"name": tool["name"], "description": tool.get("description")}
            found.append({"type": "function", "function": described})
    return found
