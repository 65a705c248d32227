"""Requests in OpenAI's form as Bedrock's Converse takes them.

Source: Amazon Bedrock API Reference, "Converse", "ConverseStream"; shapes as in botocore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import Json, LLMRequest
from pegboard_llm import claude, contents, shapes
from pegboard_llm.checks import invalid, unsupported
from pegboard_llm.vendors import as_json

VENDOR = "Amazon Bedrock"

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_TIERS = frozenset({"default", "flex", "priority", "reserved"})
_NO_NAME = re.compile(r"[^A-Za-z0-9 \-()\[\]]+")
_DEFAULT_LIMIT = 8192
"""For models that think: without a limit, theirs is not known."""


def is_claude(model: str) -> bool:
    """Whether a model is Anthropic's, which takes more than others."""
    return "anthropic." in model


def body(request: LLMRequest) -> Json:
    """Return the body of a request to ``converse``."""
    asked = request.body
    system, turns = _turns(request)
    made: Json = {"messages": turns}
    if system:
        made["system"] = system
    config: Json = {}
    if (limit := contents.output_limit(request)) is not None:
        config["maxTokens"] = limit
    if (temperature := asked.get("temperature")) is not None:
        if temperature > 1:
            raise unsupported(f"{VENDOR} takes a temperature from 0 to 1.", "temperature")
        config["temperature"] = temperature
    if "top_p" in asked:
        config["topP"] = asked["top_p"]
    if stops := contents.stops(request):
        config["stopSequences"] = stops
    _add_tools(request, made)
    _add_format(request, made)
    _add_claudes(request, made, config)
    if config:
        made["inferenceConfig"] = config
    if "metadata" in asked:
        made["requestMetadata"] = asked["metadata"]
    if (tier := asked.get("service_tier", "auto")) != "auto":
        if tier not in _TIERS:
            raise unsupported(f"{VENDOR} has no such tier of service.", "service_tier")
        made["serviceTier"] = {"type": tier}
    return made


def _turns(request: LLMRequest) -> tuple[list[Json], list[Json]]:
    """Return what is said by the system, and all else: by user and assistant in turns."""
    system: list[Json] = []
    turns: list[Json] = []
    for message in contents.messages(request, VENDOR):
        if message.role == "system":
            text = message.text(VENDOR)
            system += [{"text": text}] if text else []
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        invalid("There is no message of a user.", "messages")
    return system, turns


def _blocks(message: contents.Message) -> list[Json]:
    if message.role == "tool":
        result = {
            "toolUseId": message.said["tool_call_id"],
            "content": [{"text": message.text(VENDOR)}],
        }
        return [{"toolResult": result}]
    found = [_thought(each) for each in message.said.get("thinking_blocks") or ()]
    found += [_part(kind, value, param) for kind, value, param in message.parts()]
    for call in message.tool_calls():
        function = call["function"]
        use = {
            "toolUseId": call["id"],
            "name": function["name"],
            "input": as_json(function["arguments"]),
        }
        found.append({"toolUse": use})
    return found or [{"text": ""}]


def _thought(block: Mapping[str, Any]) -> Json:
    if block.get("type") == "redacted_thinking":
        return {"reasoningContent": {"redactedContent": block["data"]}}
    said = {"text": block["thinking"], "signature": block["signature"]}
    return {"reasoningContent": {"reasoningText": said}}


def _part(kind: str, value: Any, param: str) -> Json:
    if kind == "text":
        return {"text": value}
    if kind == "image_url":
        where = f"{param}.image_url.url"
        data = contents.data_of(value["url"], where)
        if data is None or data.media_type not in _IMAGES:
            raise unsupported(f"{VENDOR} takes PNG, JPEG, GIF and WebP in data URLs.", where)
        image = {"format": _IMAGES[data.media_type], "source": {"bytes": data.content}}
        return {"image": image}
    if kind == "file" and "file_data" in value:
        where = f"{param}.file.file_data"
        data = contents.data_of(value["file_data"], where)
        if data is None or data.media_type != "application/pdf":
            raise unsupported(f"Of files, {VENDOR} takes PDF in a data URL.", where)
        name = _NO_NAME.sub(" ", value.get("filename") or "document").strip() or "document"
        return {"document": {"format": "pdf", "name": name, "source": {"bytes": data.content}}}
    raise unsupported(f"{VENDOR} takes no such {kind}.", param)


def _add_tools(request: LLMRequest, made: Json) -> None:
    tools = [_tool(function) for function in contents.functions(request, VENDOR)]
    if not tools:
        return
    how, name = contents.chosen_tool(request, VENDOR)
    if how == "none":
        raise unsupported(f"{VENDOR} cannot be told to call none of the tools.", "tool_choice")
    made["toolConfig"] = {"tools": tools}
    choices: Mapping[str, Json] = {
        "auto": {"auto": {}},
        "required": {"any": {}},
        "named": {"tool": {"name": name}},
    }
    if how:
        made["toolConfig"]["toolChoice"] = choices[how]


def _tool(function: Mapping[str, Any]) -> Json:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    made: Json = {"name": function["name"], "inputSchema": {"json": schema}}
    if function.get("description"):
        made["description"] = function["description"]
    if function.get("strict"):
        made["strict"] = True
    return {"toolSpec": made}


def _add_format(request: LLMRequest, made: Json) -> None:
    kind, schema = contents.json_schema(request)
    if kind == "text":
        return
    if kind == "json_object":
        raise unsupported(f"{VENDOR} needs a schema: use 'json_schema'.", "response_format")
    said = request.body["response_format"]["json_schema"]
    form = {"name": said["name"], "schema": shapes.encoded(schema).decode()}
    if "description" in said:
        form["description"] = said["description"]
    made["outputConfig"] = {
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": form}}
    }


def _add_claudes(request: LLMRequest, made: Json, config: Json) -> None:
    """Add what goes to Anthropic's models as it is."""
    more: Json = {}
    if "top_k" in request.body:
        more["top_k"] = request.body["top_k"]
    effort = request.body.get("reasoning_effort")
    if effort is not None:
        limit = config.setdefault("maxTokens", _DEFAULT_LIMIT)
        more["thinking"], level = claude.thinking(request.model, effort, limit)
        if level:
            more["output_config"] = {"effort": level}
    if more:
        made["additionalModelRequestFields"] = more
