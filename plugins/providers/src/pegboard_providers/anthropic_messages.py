"""Requests in OpenAI's form as Anthropic's Messages API takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import Json, LLMRequest
from pegboard_llm import claude, contents
from pegboard_llm.checks import invalid, unsupported
from pegboard_llm.vendors import as_json

VENDOR = "Anthropic"

ANSWER_TOOL = "answer"
"""The tool that stands in for an answer in JSON where a model has no formats."""


def answers_through_tool(request: LLMRequest) -> bool:
    """Whether a tool stands in for an answer in JSON."""
    kind, _ = contents.json_schema(request)
    if kind == "json_object":
        return True
    return kind == "json_schema" and claude.version_of(request.model) < claude.HAS_FORMATS


def body(request: LLMRequest, default_limit: int) -> Json:
    """Return the body of a request to ``/v1/messages``."""
    asked = request.body
    system, messages = _messages(request)
    limit = contents.output_limit(request) or default_limit
    made: Json = {"model": request.model, "max_tokens": limit, "messages": messages}
    if system:
        made["system"] = system
    if request.stream:
        made["stream"] = True
    if stops := contents.stops(request):
        made["stop_sequences"] = stops
    if (temperature := asked.get("temperature")) is not None:
        if temperature > 1:
            raise unsupported(f"{VENDOR} takes a temperature from 0 to 1.", "temperature")
        made["temperature"] = temperature
    for key in ("top_k", "top_p"):
        if key in asked:
            made[key] = asked[key]
    if "user" in asked:
        made["metadata"] = {"user_id": asked["user"]}
    if "service_tier" in asked:
        made["service_tier"] = _tier(asked["service_tier"])
    _add_tools(request, made)
    _add_format(request, made)
    _add_thinking(request, made)
    return made


def limit_of(model: str) -> int:
    """Return the limit of an answer whose request has none; Anthropic wants one always."""
    return 8192 if claude.version_of(model) >= (3, 5) else 4096


def _tier(asked: str) -> str:
    tiers = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
    if asked not in tiers:
        raise unsupported(f"{VENDOR} has no such tier of service.", "service_tier")
    return tiers[asked]


# -- messages ------------------------------------------------------------------------------------


def _messages(request: LLMRequest) -> tuple[list[Json], list[Json]]:
    """Return what is said by the system, and all else: by user and assistant in turns."""
    system: list[Json] = []
    turns: list[Json] = []
    for message in contents.messages(request, VENDOR):
        if message.role == "system":
            text = message.text(VENDOR)
            system += [{"type": "text", "text": text}] if text else []
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _assistant(message) if role == "assistant" else _user(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        invalid("There is no message of a user.", "messages")
    return system, turns


def _user(message: contents.Message) -> list[Json]:
    if message.role == "tool":
        return [
            {
                "type": "tool_result",
                "tool_use_id": message.said["tool_call_id"],
                "content": message.text(VENDOR),
            }
        ]
    found: list[Json] = []
    for kind, value, param in message.parts():
        if kind == "text":
            found.append({"type": "text", "text": value})
        elif kind == "image_url":
            found.append({"type": "image", "source": _source(value["url"], f"{param}.image_url")})
        elif kind == "file":
            found.append(_document(value, param))
        else:
            raise unsupported(f"{VENDOR} takes no {kind}.", param)
    return found or [{"type": "text", "text": ""}]


def _source(url: str, param: str) -> Json:
    data = contents.data_of(url, f"{param}.url")
    if data is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": data.media_type, "data": data.content}


def _document(file: Mapping[str, Any], param: str) -> Json:
    if "file_data" not in file:
        raise unsupported(f"{VENDOR} has no files of OpenAI's.", f"{param}.file.file_id")
    where = f"{param}.file.file_data"
    data = contents.data_of(file["file_data"], where)
    if data is None or data.media_type != "application/pdf":
        raise unsupported(f"Of files, {VENDOR} takes PDF in a data URL.", where)
    made: Json = {"type": "document", "source": _source(file["file_data"], where)}
    if "filename" in file:
        made["title"] = file["filename"]
    return made


def _assistant(message: contents.Message) -> list[Json]:
    # What it thought has to come back unchanged, with its signature, if it called tools.
    found: list[Json] = list(message.said.get("thinking_blocks") or ())
    for kind, value, param in message.parts():
        if kind != "text":
            raise unsupported(f"{VENDOR} takes no {kind} of an assistant.", param)
        found.append({"type": "text", "text": value})
    for call in message.tool_calls():
        function = call["function"]
        found.append(
            {
                "type": "tool_use",
                "id": call["id"],
                "name": function["name"],
                "input": as_json(function["arguments"]),
            }
        )
    return found


# -- tools, formats, thinking --------------------------------------------------------------------


def _add_tools(request: LLMRequest, made: Json) -> None:
    tools = [_tool(function) for function in contents.functions(request, VENDOR)]
    if not tools:
        return
    made["tools"] = tools
    how, name = contents.chosen_tool(request, VENDOR)
    kinds = {"auto": "auto", "required": "any", "none": "none", "named": "tool"}
    choice: Json = {"type": kinds[how]} if how else {}
    if how == "named":
        choice["name"] = name
    if request.body.get("parallel_tool_calls") is False and how != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    if choice:
        made["tool_choice"] = choice


def _tool(function: Mapping[str, Any]) -> Json:
    made: Json = {
        "name": function["name"],
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if "description" in function:
        made["description"] = function["description"]
    if function.get("strict"):
        made["strict"] = True
    return made


def _add_format(request: LLMRequest, made: Json) -> None:
    kind, schema = contents.json_schema(request)
    if kind == "text":
        return
    if not answers_through_tool(request):
        made["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return
    if "tools" in made:
        where = "response_format"
        raise unsupported(f"{VENDOR} takes this format only without tools.", where)
    made["tools"] = [
        {
            "name": ANSWER_TOOL,
            "description": "Gives the answer, which is JSON.",
            "input_schema": schema or {"type": "object"},
        }
    ]
    made["tool_choice"] = {"type": "tool", "name": ANSWER_TOOL}


def _add_thinking(request: LLMRequest, made: Json) -> None:
    effort = request.body.get("reasoning_effort")
    if effort is None:
        return
    made["thinking"], level = claude.thinking(request.model, effort, made["max_tokens"])
    if level:
        made.setdefault("output_config", {})["effort"] = level
