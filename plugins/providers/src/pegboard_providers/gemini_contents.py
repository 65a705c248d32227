"""Requests in OpenAI's form as Gemini's ``generateContent`` takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMRequest
from pegboard_llm import contents
from pegboard_llm.checks import invalid, unsupported
from pegboard_llm.vendors import as_json

VENDOR = "Gemini"

_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
_FILES = "https://generativelanguage.googleapis.com/"
"""Where files are that were uploaded to Google before."""
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
_LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high"}
_BY_BUDGET = re.compile(r"gemini-2\.5")
_SEED = range(-(2**31), 2**31)


def body(request: LLMRequest) -> Json:
    """Return the body of a request to ``generateContent``."""
    system, turns = _turns(request)
    made: Json = {"contents": turns}
    if system:
        made["systemInstruction"] = {"parts": system}
    _add_tools(request, made)
    if config := _config(request):
        made["generationConfig"] = config
    return made


# -- messages ------------------------------------------------------------------------------------


def _turns(request: LLMRequest) -> tuple[list[Json], list[Json]]:
    """Return what is said by the system, and all else: by user and model in turns."""
    system: list[Json] = []
    turns: list[Json] = []
    names: dict[str, str] = {}
    for message in contents.messages(request, VENDOR):
        if message.role == "system":
            text = message.text(VENDOR)
            system += [{"text": text}] if text else []
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names)
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        else:
            turns.append({"role": role, "parts": parts})
    if not turns:
        invalid("There is no message of a user.", "messages")
    return system, turns


def _parts(message: contents.Message, names: dict[str, str]) -> list[Json]:
    if message.role == "tool":
        return [_result(message, names)]
    found = [_part(kind, value, param) for kind, value, param in message.parts()]
    for call in message.tool_calls():
        function = call["function"]
        names[call["id"]] = function["name"]
        part: Json = {
            "functionCall": {"name": function["name"], "args": as_json(function["arguments"])}
        }
        if signature := signature_of(call):
            part["thoughtSignature"] = signature
        found.append(part)
    return found or [{"text": ""}]


def _part(kind: str, value: Any, param: str) -> Json:
    if kind == "text":
        return {"text": value}
    if kind == "image_url":
        return _media(value["url"], "image/*", f"{param}.image_url.url")
    if kind == "input_audio":
        return {"inlineData": {"mimeType": f"audio/{value['format']}", "data": value["data"]}}
    if kind == "file" and "file_data" in value:
        return _media(value["file_data"], "application/pdf", f"{param}.file.file_data")
    raise unsupported(f"{VENDOR} takes no such {kind}.", param)


def _media(url: str, otherwise: str, param: str) -> Json:
    data = contents.data_of(url, param)
    if data is not None:
        return {"inlineData": {"mimeType": data.media_type, "data": data.content}}
    if url.startswith(_FILES):
        return {"fileData": {"mimeType": otherwise, "fileUri": url}}
    raise unsupported(f"{VENDOR} fetches nothing from other addresses; send a data URL.", param)


def _result(message: contents.Message, names: Mapping[str, str]) -> Json:
    called = message.said["tool_call_id"]
    if called not in names:
        where = f"{message.param}.tool_call_id"
        invalid(f"No tool was called with the id {called!r} before.", where)
    text = message.text(VENDOR)
    try:
        value = orjson.loads(text)
    except ValueError:
        value = text
    response = value if isinstance(value, dict) else {"result": value}
    return {"functionResponse": {"name": names[called], "response": response}}


def signature_of(call: Mapping[str, Any]) -> str:
    """Return the signature of a thought, where Google's own OpenAI-compatible API puts it."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    found = google.get("thought_signature") if isinstance(google, Mapping) else None
    return found if isinstance(found, str) else ""


# -- tools and settings --------------------------------------------------------------------------


def _add_tools(request: LLMRequest, made: Json) -> None:
    declared = [_declaration(function) for function in contents.functions(request, VENDOR)]
    if not declared:
        return
    made["tools"] = [{"functionDeclarations": declared}]
    how, name = contents.chosen_tool(request, VENDOR)
    if how:
        modes = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
        calling: Json = {"mode": modes[how]}
        if how == "named":
            calling["allowedFunctionNames"] = [name]
        made["toolConfig"] = {"functionCallingConfig": calling}


def _declaration(function: Mapping[str, Any]) -> Json:
    made: Json = {"name": function["name"], "description": function.get("description") or ""}
    if function.get("parameters"):
        made["parametersJsonSchema"] = function["parameters"]
    return made


def _config(request: LLMRequest) -> Json:
    asked = request.body
    made: Json = {theirs: asked[ours] for ours, theirs in _CONFIG.items() if ours in asked}
    if "seed" in made and made["seed"] not in _SEED:
        raise unsupported(f"{VENDOR} takes a seed of 32 bits.", "seed")
    if (limit := contents.output_limit(request)) is not None:
        made["maxOutputTokens"] = limit
    if stops := contents.stops(request):
        if len(stops) > 5:
            raise unsupported(f"{VENDOR} stops at up to 5 texts.", "stop")
        made["stopSequences"] = stops
    kind, schema = contents.json_schema(request)
    if kind != "text":
        made["responseMimeType"] = "application/json"
        if schema:
            made["responseJsonSchema"] = schema
    if "reasoning_effort" in asked:
        made["thinkingConfig"] = _thinking(request.model, asked["reasoning_effort"])
    return made


def _thinking(model: str, effort: str) -> Json:
    if _BY_BUDGET.search(model):
        if effort == "none":
            return {"thinkingBudget": 0}
        budget = _BUDGETS.get(effort, _BUDGETS["high"])
        return {"includeThoughts": True, "thinkingBudget": budget}
    if effort not in _LEVELS:
        raise unsupported(f"{VENDOR} has no such effort for this model.", "reasoning_effort")
    return {"includeThoughts": True, "thinkingLevel": _LEVELS[effort]}
