"""Anthropic's Messages API in the standard form: what is asked, and the answer.

Source: Anthropic's API reference, Messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import Json
from pegboard_llm import shapes
from pegboard_llm.values import missing

from pegboard_gateway.faces.values import (
    copied,
    data_url,
    dumped,
    mapping,
    new_id,
    objects,
    parsed,
    refuse_others,
    text,
    wrong,
)

_FIELDS = frozenset(
    {
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "service_tier",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
_NAMES = {
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "stream": "stream",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
}
_EFFORTS = ((2048, "low"), (8192, "medium"))
"""The most tokens to think with, and what OpenAI calls that; more are ``high``."""
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_WHAT = "The Messages API"


# -- what is asked -------------------------------------------------------------------------------


def read(body: Mapping[str, Any]) -> Json:
    """Return the body of a chat completion for that of a message; LLMError."""
    refuse_others(body, _FIELDS, _WHAT)
    made = copied(body, _NAMES)
    if "max_tokens" not in made:
        wrong(missing("max_tokens", body, _FIELDS), "max_tokens")
    made["messages"] = messages_of(body)
    if (user := mapping(body.get("metadata") or {}, "metadata").get("user_id")) is not None:
        made["user"] = text(user, "metadata.user_id")
    if body.get("tools"):
        made["tools"] = [_tool(tool, where) for tool, where in objects(body["tools"], "tools")]
    if body.get("tool_choice") is not None:
        _add_choice(mapping(body["tool_choice"], "tool_choice"), made)
    if body.get("thinking") is not None:
        effort = _effort(mapping(body["thinking"], "thinking"))
        if effort:
            made["reasoning_effort"] = effort
    if body.get("output_config") is not None:
        _add_output(mapping(body["output_config"], "output_config"), made)
    return made


def messages_of(body: Mapping[str, Any]) -> list[Json]:
    """Return the messages, the system's first."""
    found: list[Json] = []
    system = body.get("system")
    if system:
        if type(system) is not str:
            system = [_text_part(part, where) for part, where in objects(system, "system")]
        found.append({"role": "system", "content": system})
    for message, where in objects(body.get("messages"), "messages"):
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant"):
            wrong(f"'{where}.role' must be 'user' or 'assistant'.", f"{where}.role")
        if type(content) is str:
            found.append({"role": role, "content": content})
        elif role == "user":
            found += _user(content, f"{where}.content")
        else:
            found.append(_assistant(content, f"{where}.content"))
    return found


def _user(content: Any, param: str) -> list[Json]:
    """Return a user's message; results of tools become messages of their own, before it."""
    results: list[Json] = []
    parts: list[Json] = []
    for block, where in objects(content, param):
        kind = block.get("type")
        if kind == "tool_result":
            results.append(_result(block, where))
        elif kind == "text":
            parts.append(_text_part(block, where))
        elif kind == "image":
            parts.append(_image(block, where))
        elif kind == "document":
            parts.append(_document(block, where))
        else:
            wrong(f"'{where}.type' must be text, image, document or tool_result.", f"{where}.type")
    return [*results, {"role": "user", "content": parts}] if parts or not results else results


def _text_part(block: Json, param: str) -> Json:
    if block.get("type") != "text":
        wrong(f"'{param}.type' must be 'text'.", f"{param}.type")
    return {"type": "text", "text": text(block.get("text"), f"{param}.text")}


def _image(block: Json, param: str) -> Json:
    where = f"{param}.source"
    source = mapping(block.get("source"), where)
    if source.get("type") == "url":
        url = text(source.get("url"), f"{where}.url")
    elif source.get("type") == "base64":
        url = data_url(source.get("media_type"), source.get("data"), where)
    else:
        wrong(f"'{where}.type' must be 'base64' or 'url'.", f"{where}.type")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: Json, param: str) -> Json:
    where = f"{param}.source"
    source = mapping(block.get("source"), where)
    if source.get("type") == "text":
        return {"type": "text", "text": text(source.get("data"), f"{where}.data")}
    if source.get("type") != "base64":
        wrong(f"'{where}.type' must be 'base64' or 'text'.", f"{where}.type")
    file = {"file_data": data_url(source.get("media_type"), source.get("data"), where)}
    file["filename"] = text(block.get("title") or "document.pdf", f"{param}.title")
    return {"type": "file", "file": file}


def _result(block: Json, param: str) -> Json:
    content = block.get("content")
    if content is None:
        content = ""
    elif type(content) is not str:
        parts = [_text_part(part, where) for part, where in objects(content, f"{param}.content")]
        content = parts or ""
    if block.get("is_error") and type(content) is str:
        content = f"Error: {content}"
    call = text(block.get("tool_use_id"), f"{param}.tool_use_id")
    return {"role": "tool", "tool_call_id": call, "content": content}


def _assistant(content: Any, param: str) -> Json:
    made: Json = {"role": "assistant", "content": None}
    texts: list[Json] = []
    for block, where in objects(content, param):
        kind = block.get("type")
        if kind == "text":
            texts.append(_text_part(block, where))
        elif kind == "tool_use":
            call = shapes.tool_call(
                text(block.get("id"), f"{where}.id"),
                text(block.get("name"), f"{where}.name"),
                dumped(block.get("input") or {}),
            )
            made.setdefault("tool_calls", []).append(call)
        elif kind in ("thinking", "redacted_thinking"):
            made.setdefault("thinking_blocks", []).append(block)
        else:
            wrong(f"'{where}.type' must be text, tool_use or thinking.", f"{where}.type")
    if texts or "tool_calls" not in made:
        made["content"] = texts or ""
    return made


def _tool(tool: Json, param: str) -> Json:
    if tool.get("type") not in (None, "custom"):
        wrong(f"{_WHAT} of this gateway takes no tools that Anthropic runs.", f"{param}.type")
    function = {"name": text(tool.get("name"), f"{param}.name")}
    made: Json = {"type": "function", "function": function}
    if tool.get("description") is not None:
        function["description"] = text(tool["description"], f"{param}.description")
    made["function"]["parameters"] = mapping(tool.get("input_schema"), f"{param}.input_schema")
    if tool.get("strict") is not None:
        made["function"]["strict"] = tool["strict"]
    return made


def _add_choice(choice: Json, made: Json) -> None:
    kind = choice.get("type")
    if kind == "tool":
        name = text(choice.get("name"), "tool_choice.name")
        made["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in _CHOICES:
        made["tool_choice"] = _CHOICES[kind]
    else:
        wrong("'tool_choice.type' must be auto, any, tool or none.", "tool_choice.type")
    if choice.get("disable_parallel_tool_use"):
        made["parallel_tool_calls"] = False


def _effort(thinking: Json) -> str:
    kind = thinking.get("type")
    if kind == "disabled":
        return ""
    if kind == "adaptive":
        return "medium"
    budget = thinking.get("budget_tokens")
    if kind != "enabled" or type(budget) is not int:
        wrong("'thinking' must be disabled, adaptive, or enabled with 'budget_tokens'.", "thinking")
    return next((effort for most, effort in _EFFORTS if budget <= most), "high")


def _add_output(config: Json, made: Json) -> None:
    refuse_others(config, ("effort", "format"), _WHAT, "output_config")
    if config.get("effort") is not None:
        made["reasoning_effort"] = text(config["effort"], "output_config.effort")
    if config.get("format") is not None:
        where = "output_config.format"
        schema = mapping(mapping(config["format"], where).get("schema"), f"{where}.schema")
        wanted = {"name": "answer", "schema": schema, "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": wanted}


# -- the answer ----------------------------------------------------------------------------------


def answer(found: Json, model: str) -> Json:
    """Return a message for the answer of a chat completion."""
    choice = found["choices"][0]
    said = choice["message"]
    content: list[Json] = list(said.get("thinking_blocks") or ())
    if not content and said.get("reasoning_content"):
        content.append({"type": "thinking", "thinking": said["reasoning_content"], "signature": ""})
    if spoken := said.get("content") or said.get("refusal"):
        content.append({"type": "text", "text": spoken})
    for call in said.get("tool_calls") or ():
        function = call.get("function") or {}
        content.append(
            {
                "type": "tool_use",
                "id": call["id"],
                "name": function.get("name", ""),
                "input": parsed(function.get("arguments")),
            }
        )
    return {
        "id": message_id(found.get("id")),
        "type": "message",
        "role": "assistant",
        "model": found.get("model") or model,
        "content": content,
        "stop_reason": REASONS.get(choice.get("finish_reason"), "end_turn"),
        "stop_sequence": None,
        "usage": usage(found.get("usage")),
    }


def message_id(given: Any) -> str:
    """Return an id as Anthropic's are."""
    return given if type(given) is str and given.startswith("msg_") else new_id("msg_")


def usage(given: Mapping[str, Any] | None) -> Json:
    """Return Anthropic's usage: what came from a cache is not part of the input there."""
    given = given or {}
    details = given.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") or 0
    written = details.get("cache_write_tokens") or 0
    return {
        "input_tokens": max((given.get("prompt_tokens") or 0) - cached - written, 0),
        "output_tokens": given.get("completion_tokens") or 0,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written,
    }
