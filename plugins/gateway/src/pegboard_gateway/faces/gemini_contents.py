"""Gemini's API in the standard form: what is asked, and the answer.

Source: Google's reference of the Gemini API, GenerateContentRequest and GenerateContentResponse.
Names of fields may be written with capitals or with underscores, as protocol buffers allow.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import Json
from pegboard_llm import shapes

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

_WHAT = "The Gemini API"
_FIELDS = frozenset({"contents", "generationConfig", "systemInstruction", "toolConfig", "tools"})
_CONFIG = {
    "candidateCount": "n",
    "frequencyPenalty": "frequency_penalty",
    "logprobs": "top_logprobs",
    "maxOutputTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "responseLogprobs": "logprobs",
    "seed": "seed",
    "stopSequences": "stop",
    "temperature": "temperature",
    "topK": "top_k",
    "topP": "top_p",
}
_MORE_CONFIG = frozenset(
    {"responseJsonSchema", "responseMimeType", "responseSchema", "thinkingConfig"}
)
_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
_EFFORTS = ((0, "none"), (1024, "low"), (8192, "medium"))
REASONS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "function_call": "STOP",
    "content_filter": "SAFETY",
}
_UNDERSCORE = re.compile(r"_([a-z])")
_FREE = frozenset(
    {
        "args",
        "parameters",
        "parametersJsonSchema",
        "response",
        "responseJsonSchema",
        "responseSchema",
    }
)
"""Fields whose names are the client's own."""


# -- what is asked -------------------------------------------------------------------------------


def read(given: Mapping[str, Any]) -> Json:
    """Return the body of a chat completion for a request to generate content; LLMError."""
    body = _camel(given)
    refuse_others(body, _FIELDS, _WHAT)
    made: Json = {"messages": _messages(body)}
    config = mapping(body.get("generationConfig") or {}, "generationConfig")
    refuse_others(config, {*_CONFIG, *_MORE_CONFIG}, _WHAT, "generationConfig")
    made |= copied(config, _CONFIG)
    _add_format(config, made)
    if config.get("thinkingConfig") is not None:
        _add_effort(mapping(config["thinkingConfig"], "generationConfig.thinkingConfig"), made)
    tools = [
        _tool(function, place)
        for tool, where in objects(body.get("tools") or [], "tools")
        for function, place in _functions(tool, where)
    ]
    if tools:
        made["tools"] = tools
    if body.get("toolConfig") is not None:
        _add_choice(mapping(body["toolConfig"], "toolConfig"), made)
    return made


def _camel(value: Any) -> Any:
    """Return a value whose fields are written with capitals."""
    if type(value) is list:
        return [_camel(item) for item in value]
    if type(value) is not dict:
        return value
    named = {_UNDERSCORE.sub(lambda found: found[1].upper(), key): key for key in value}
    return {
        name: value[key] if name in _FREE else _camel(value[key]) for name, key in named.items()
    }


def _messages(body: Json) -> list[Json]:
    found: list[Json] = []
    if body.get("systemInstruction"):
        system = body["systemInstruction"]
        if type(system) is str:
            found.append({"role": "system", "content": system})
        else:
            parts = mapping(system, "systemInstruction").get("parts")
            said = [
                {"type": "text", "text": text(part.get("text"), f"{where}.text")}
                for part, where in objects(parts, "systemInstruction.parts")
            ]
            found.append({"role": "system", "content": said})
    calls: dict[str, deque[str]] = {}
    for content, where in objects(body.get("contents"), "contents"):
        parts = objects(content.get("parts"), f"{where}.parts")
        role = content.get("role") or "user"
        if role == "model":
            found.append(_assistant(parts, calls))
        elif role in ("user", "function"):
            found += _user(parts, calls)
        else:
            wrong(f"'{where}.role' must be 'user' or 'model'.", f"{where}.role")
    return found


def _assistant(parts: list[tuple[Json, str]], calls: dict[str, deque[str]]) -> Json:
    made: Json = {"role": "assistant", "content": None}
    texts = []
    for part, where in parts:
        if part.get("thought"):
            continue
        if part.get("functionCall") is not None:
            call = mapping(part["functionCall"], f"{where}.functionCall")
            name = text(call.get("name"), f"{where}.functionCall.name")
            given = text(call.get("id") or new_id("call_"), f"{where}.functionCall.id")
            # Results name their function, and mean its oldest call without a result.
            calls.setdefault(name, deque()).append(given)
            made.setdefault("tool_calls", []).append(
                shapes.tool_call(given, name, dumped(call.get("args") or {}))
            )
        else:
            texts.append({"type": "text", "text": text(part.get("text"), f"{where}.text")})
    if texts or "tool_calls" not in made:
        made["content"] = texts or ""
    return made


def _user(parts: list[tuple[Json, str]], calls: dict[str, deque[str]]) -> list[Json]:
    results: list[Json] = []
    said: list[Json] = []
    for part, where in parts:
        if part.get("functionResponse") is not None:
            result = mapping(part["functionResponse"], f"{where}.functionResponse")
            name = text(result.get("name"), f"{where}.functionResponse.name")
            waiting = calls.get(name)
            call = result.get("id") or (waiting.popleft() if waiting else new_id("call_"))
            content = dumped(result.get("response"))
            results.append({"role": "tool", "tool_call_id": call, "content": content})
        elif part.get("inlineData") is not None:
            said.append(_inline(mapping(part["inlineData"], f"{where}.inlineData"), where))
        elif part.get("fileData") is not None:
            said.append(_file(mapping(part["fileData"], f"{where}.fileData"), where))
        else:
            said.append({"type": "text", "text": text(part.get("text"), f"{where}.text")})
    return [*results, {"role": "user", "content": said}] if said or not results else results


def _inline(data: Json, param: str) -> Json:
    kind = text(data.get("mimeType"), f"{param}.inlineData.mimeType")
    url = data_url(kind, data.get("data"), f"{param}.inlineData")
    if kind.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind.startswith("audio/"):
        audio = {"data": data["data"], "format": kind.removeprefix("audio/")}
        return {"type": "input_audio", "input_audio": audio}
    return {"type": "file", "file": {"file_data": url, "filename": "file"}}


def _file(data: Json, param: str) -> Json:
    where = f"{param}.fileData"
    if not str(data.get("mimeType") or "").startswith("image/"):
        wrong("Of files elsewhere only pictures are taken.", f"{where}.mimeType")
    return {
        "type": "image_url",
        "image_url": {"url": text(data.get("fileUri"), f"{where}.fileUri")},
    }


def _add_format(config: Json, made: Json) -> None:
    kind = config.get("responseMimeType")
    schema = config.get("responseJsonSchema")
    if schema is None and config.get("responseSchema") is not None:
        schema = json_schema(config["responseSchema"])
    if kind in (None, "text/plain") and schema is None:
        return
    if kind not in (None, "application/json"):
        where = "generationConfig.responseMimeType"
        wrong(f"{where!r} must be 'text/plain' or 'application/json'.", where)
    if schema is None:
        made["response_format"] = {"type": "json_object"}
    else:
        wanted = {"name": "answer", "schema": schema}
        made["response_format"] = {"type": "json_schema", "json_schema": wanted}


def json_schema(schema: Any) -> Any:
    """Return OpenAPI's schema, as Gemini has it, as a JSON schema."""
    if type(schema) is list:
        return [json_schema(each) for each in schema]
    if type(schema) is not dict:
        return schema
    made: Json = {}
    for key, value in schema.items():
        if key == "type" and type(value) is str:
            made[key] = value.lower()
        elif key == "properties" and type(value) is dict:
            made[key] = {name: json_schema(each) for name, each in value.items()}
        elif key in ("enum", "required", "propertyOrdering", "example", "default"):
            made[key] = value
        elif key != "nullable":
            made[key] = json_schema(value)
    if schema.get("nullable") and type(made.get("type")) is str:
        made["type"] = [made["type"], "null"]
    made.pop("propertyOrdering", None)
    return made


def _add_effort(config: Json, made: Json) -> None:
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if level is not None:
        made["reasoning_effort"] = text(level, "thinkingConfig.thinkingLevel").lower()
    elif type(budget) is int and budget >= 0:
        found = (effort for most, effort in _EFFORTS if budget <= most)
        made["reasoning_effort"] = next(found, "high")


def _functions(tool: Json, param: str) -> list[tuple[Json, str]]:
    refuse_others(tool, ("functionDeclarations",), _WHAT, param)
    return objects(tool.get("functionDeclarations") or [], f"{param}.functionDeclarations")


def _tool(function: Json, param: str) -> Json:
    made: Json = {"name": text(function.get("name"), f"{param}.name")}
    if function.get("description") is not None:
        made["description"] = text(function["description"], f"{param}.description")
    schema = function.get("parametersJsonSchema")
    if schema is None and function.get("parameters") is not None:
        schema = json_schema(function["parameters"])
    if schema is not None:
        made["parameters"] = mapping(schema, f"{param}.parameters")
    return {"type": "function", "function": made}


def _add_choice(config: Json, made: Json) -> None:
    where = "toolConfig.functionCallingConfig"
    calling = mapping(config.get("functionCallingConfig") or {}, where)
    mode = calling.get("mode")
    names = calling.get("allowedFunctionNames")
    if mode == "ANY" and type(names) is list and len(names) == 1:
        name = text(names[0], f"{where}.allowedFunctionNames[0]")
        made["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif names:
        wrong("One function may be allowed, or all of them.", f"{where}.allowedFunctionNames")
    elif mode in _MODES:
        if "tools" in made:
            made["tool_choice"] = _MODES[mode]
    elif mode is not None:
        wrong(f"'{where}.mode' must be AUTO, ANY or NONE.", f"{where}.mode")


# -- the answer ----------------------------------------------------------------------------------


def answer(found: Json, model: str) -> Json:
    """Return generated content for the answer of a chat completion."""
    candidates = []
    for choice in found["choices"]:
        said = choice["message"]
        parts = []
        if thought := said.get("reasoning_content"):
            parts.append({"text": thought, "thought": True})
        if spoken := said.get("content") or said.get("refusal"):
            parts.append({"text": spoken})
        parts += [call_part(call) for call in said.get("tool_calls") or ()]
        reason = REASONS.get(choice.get("finish_reason"), "STOP")
        candidates.append(candidate(parts, choice.get("index", 0), reason))
    return response(candidates, found, model, found.get("usage"))


def call_part(call: Json) -> Json:
    """Return a part for the call of a tool."""
    function = call.get("function") or {}
    made = {"name": function.get("name") or "", "args": parsed(function.get("arguments"))}
    return {"functionCall": {"id": call["id"], **made} if call.get("id") else made}


def candidate(parts: list[Json], index: int, reason: str | None) -> Json:
    """Return a candidate, or a piece of one."""
    made: Json = {"content": {"role": "model", "parts": parts}, "index": index}
    if reason:
        made["finishReason"] = reason
    return made


def response(
    candidates: list[Json], said: Mapping[str, Any], model: str, used: Mapping[str, Any] | None
) -> Json:
    """Return a whole response, or one of those in a stream."""
    made: Json = {"candidates": candidates, "modelVersion": said.get("model") or model}
    if used:
        made["usageMetadata"] = usage(used)
    if said.get("id"):
        made["responseId"] = said["id"]
    return made


def usage(given: Mapping[str, Any]) -> Json:
    """Return Gemini's usage, in which thoughts are counted beside what is said."""
    prompt, completion = given.get("prompt_tokens") or 0, given.get("completion_tokens") or 0
    thoughts = (given.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    cached = (given.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    made = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": completion - thoughts,
        "totalTokenCount": prompt + completion,
    }
    if thoughts:
        made["thoughtsTokenCount"] = thoughts
    if cached:
        made["cachedContentTokenCount"] = cached
    return made
