"""OpenAI's Responses API in the standard form: what is asked, and the answer.

Nothing is stored, so an answer cannot be gone on with by its id: the client sends what was said.
Source: OpenAI's API reference, Responses.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import Json, LLMError, Trouble
from pegboard_llm import shapes

from pegboard_gateway.faces.values import (
    copied,
    dumped,
    mapping,
    new_id,
    objects,
    refuse_others,
    text,
    wrong,
)

_WHAT = "The Responses API"
_NAMES = {
    "max_output_tokens": "max_completion_tokens",
    "metadata": "metadata",
    "parallel_tool_calls": "parallel_tool_calls",
    "prompt_cache_key": "prompt_cache_key",
    "prompt_cache_retention": "prompt_cache_retention",
    "safety_identifier": "safety_identifier",
    "service_tier": "service_tier",
    "stream": "stream",
    "temperature": "temperature",
    "top_p": "top_p",
    "user": "user",
}
_FIELDS = frozenset(
    {
        *_NAMES,
        "background",
        "include",
        "input",
        "instructions",
        "model",
        "reasoning",
        "store",
        "stream_options",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "truncation",
    }
)
_STORED = ("previous_response_id", "conversation")
_ROLES = frozenset({"user", "assistant", "system", "developer"})


# -- what is asked -------------------------------------------------------------------------------


def read(body: Mapping[str, Any]) -> Json:
    """Return the body of a chat completion for that of a response; LLMError."""
    for key in _STORED:
        if body.get(key) is not None:
            raise LLMError(
                Trouble.UNSUPPORTED,
                f"The gateway stores nothing, so there is no {key!r}.",
                hint="Send all that was said as 'input', and leave it out.",
                param=key,
            )
    for key in ("background", "store"):
        if body.get(key):
            text_ = f"The gateway stores no responses, so {key!r} can only be false."
            raise LLMError(Trouble.UNSUPPORTED, text_, param=key)
    refuse_others(body, _FIELDS, _WHAT)
    if body.get("truncation") not in (None, "disabled"):
        wrong("'truncation' can only be 'disabled' here.", "truncation")
    made = copied(body, _NAMES)
    if body.get("top_logprobs"):
        made["logprobs"], made["top_logprobs"] = True, body["top_logprobs"]
    made["messages"] = _messages(body)
    _add_text(mapping(body.get("text") or {}, "text"), made)
    reasoning = mapping(body.get("reasoning") or {}, "reasoning")
    if reasoning.get("effort") is not None:
        made["reasoning_effort"] = text(reasoning["effort"], "reasoning.effort")
    if body.get("tools"):
        made["tools"] = [_tool(tool, where) for tool, where in objects(body["tools"], "tools")]
    if body.get("tool_choice") is not None:
        _add_choice(body["tool_choice"], made)
    return made


def _messages(body: Mapping[str, Any]) -> list[Json]:
    found: list[Json] = []
    if body.get("instructions"):
        found.append({"role": "system", "content": text(body["instructions"], "instructions")})
    given = body.get("input")
    if type(given) is str:
        return [*found, {"role": "user", "content": given}]
    for item, where in objects(given, "input"):
        kind = item.get("type") or "message"
        if kind == "message":
            found.append(_message(item, where))
        elif kind == "function_call":
            _assistants(found).setdefault("tool_calls", []).append(
                shapes.tool_call(
                    text(item.get("call_id"), f"{where}.call_id"),
                    text(item.get("name"), f"{where}.name"),
                    text(item.get("arguments"), f"{where}.arguments"),
                )
            )
        elif kind == "function_call_output":
            found.append(_result(item, where))
        elif kind != "reasoning":
            # What a model thought is its own; another cannot go on with it.
            wrong(f"{_WHAT} of this gateway takes no items {kind!r}.", f"{where}.type")
    return found


def _assistants(found: list[Json]) -> Json:
    """Return the assistant's message that a call belongs to: the one just before, or a new one."""
    if not found or found[-1]["role"] != "assistant":
        found.append({"role": "assistant", "content": None})
    return found[-1]


def _message(item: Json, param: str) -> Json:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        wrong(f"'{param}.role' must be user, assistant, system or developer.", f"{param}.role")
    if type(content) is not str:
        content = [_part(part, where) for part, where in objects(content, f"{param}.content")]
    return {"role": role, "content": content}


def _part(part: Json, param: str) -> Json:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text"):
        return {"type": "text", "text": text(part.get("text"), f"{param}.text")}
    if kind == "refusal":
        return {"type": "refusal", "refusal": text(part.get("refusal"), f"{param}.refusal")}
    if kind == "input_image":
        image = {"url": text(part.get("image_url"), f"{param}.image_url")}
        if part.get("detail") is not None:
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "input_file":
        names = ("file_data", "filename", "file_id")
        file = {key: part[key] for key in names if part.get(key) is not None}
        return {"type": "file", "file": file}
    if kind != "input_audio":
        wrong(f"{_WHAT} of this gateway takes no content {kind!r}.", f"{param}.type")
    return {"type": kind, "input_audio": part.get("input_audio")}


def _result(item: Json, param: str) -> Json:
    output = item.get("output")
    if type(output) is list:
        output = [_part(part, where) for part, where in objects(output, f"{param}.output")]
    elif type(output) is not str:
        output = dumped(output)
    call = text(item.get("call_id"), f"{param}.call_id")
    return {"role": "tool", "tool_call_id": call, "content": output}


def _add_text(wanted: Json, made: Json) -> None:
    refuse_others(wanted, ("format", "verbosity"), _WHAT, "text")
    if wanted.get("verbosity") is not None:
        made["verbosity"] = wanted["verbosity"]
    given = mapping(wanted.get("format") or {}, "text.format")
    kind = given.get("type", "text")
    if kind == "json_schema":
        schema = {k: v for k, v in given.items() if k != "type" and v is not None}
        made["response_format"] = {"type": kind, "json_schema": schema}
    elif kind == "json_object":
        made["response_format"] = {"type": kind}
    elif kind != "text":
        wrong("'text.format.type' must be text, json_schema or json_object.", "text.format.type")


def _tool(tool: Json, param: str) -> Json:
    if tool.get("type") != "function":
        wrong(f"{_WHAT} of this gateway takes only tools of type 'function'.", f"{param}.type")
    names = ("name", "description", "parameters", "strict")
    function = {key: tool[key] for key in names if tool.get(key) is not None}
    return {"type": "function", "function": function}


def _add_choice(choice: Any, made: Json) -> None:
    if type(choice) is str:
        if "tools" in made or choice not in ("auto", "none"):
            made["tool_choice"] = choice
        return
    chosen = mapping(choice, "tool_choice")
    if chosen.get("type") != "function":
        wrong("'tool_choice.type' must be 'function'.", "tool_choice.type")
    name = text(chosen.get("name"), "tool_choice.name")
    made["tool_choice"] = {"type": "function", "function": {"name": name}}


# -- the answer ----------------------------------------------------------------------------------


def skeleton(body: Mapping[str, Any], model: str) -> Json:
    """Return a response of which nothing is said yet; it repeats what was asked."""
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": model,
        "output": [],
        "prompt": body.get("prompt"),
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "reasoning": body.get("reasoning") or {"effort": None, "summary": None},
        "store": False,
        "temperature": body.get("temperature"),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p"),
        "truncation": "disabled",
        "usage": None,
        "user": body.get("user"),
    }


def answer(found: Json, made: Json) -> Json:
    """Return a response for the answer of a chat completion; ``made`` is its skeleton."""
    choice = found["choices"][0]
    said = choice["message"]
    output = []
    if thought := said.get("reasoning_content"):
        output.append(reasoning_item(new_id("rs_"), thought))
    content = []
    if spoken := said.get("content"):
        content.append(text_part(spoken, (choice.get("logprobs") or {}).get("content")))
    if said.get("refusal"):
        content.append({"type": "refusal", "refusal": said["refusal"]})
    if content or not said.get("tool_calls"):
        output.append(message_item(new_id("msg_"), content))
    output += [call_item(new_id("fc_"), call) for call in said.get("tool_calls") or ()]
    finish(made, output, choice.get("finish_reason"), found)
    return made


def finish(made: Json, output: list[Json], reason: str | None, found: Mapping[str, Any]) -> None:
    """Make a response complete."""
    made["output"], made["status"] = output, "completed"
    if reason in ("length", "content_filter"):
        why = "max_output_tokens" if reason == "length" else reason
        made["status"], made["incomplete_details"] = "incomplete", {"reason": why}
    made["model"] = found.get("model") or made["model"]
    made["usage"] = usage(found.get("usage"))


def text_part(said: str, logprobs: Any = None) -> Json:
    """Return the text of a message."""
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": logprobs or []}


def message_item(id: str, content: list[Json], status: str = "completed") -> Json:
    """Return a message."""
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": content}


def reasoning_item(id: str, thought: str) -> Json:
    """Return what a model thought."""
    summary = [{"type": "summary_text", "text": thought}] if thought else []
    return {"id": id, "type": "reasoning", "summary": summary}


def call_item(id: str, call: Json, status: str = "completed") -> Json:
    """Return the call of a function."""
    function = call.get("function") or {}
    return {
        "id": id,
        "type": "function_call",
        "status": status,
        "call_id": call.get("id") or id,
        "name": function.get("name") or "",
        "arguments": function.get("arguments") or "",
    }


def usage(given: Mapping[str, Any] | None) -> Json | None:
    """Return the usage of a response."""
    if not given:
        return None
    cached = (given.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    thought = (given.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    prompt, completion = given.get("prompt_tokens") or 0, given.get("completion_tokens") or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": prompt + completion,
    }
