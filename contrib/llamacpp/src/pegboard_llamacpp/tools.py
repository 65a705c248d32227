"""Calls of tools as JSON, for models whose chat template knows none, and where one must be called.

llama.cpp keeps no model to ``tool_choice``. So the functions are described in the system message, a
call is ``{"name": …, "arguments": …}``, and a grammar sees to it where there has to be one. Where
there may be one, an answer that is such an object is a call, and any other is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError, LLMRequest, Trouble
from pegboard_llm import contents, shapes
from pegboard_llm.checks import unsupported

_VENDOR = "llamacpp"
_MUST = ("required", "named")
_OPENINGS = ("{", "```json", "<tool_call>")
_CALL = re.compile(r"\s*(?:```json|<tool_call>)?\s*(\{.*\})\s*(?:```|</tool_call>)?\s*", re.S)
_DEFINITIONS = ("$defs", "definitions")


def are_json(request: LLMRequest, knows_tools: bool) -> bool:
    """Whether the calls of a request are made as here, not as the model's template has them."""
    if knows_tools:
        return bool(request.body.get("tools")) and _choice(request)[0] in _MUST
    messages = request.body["messages"]
    return bool(request.body.get("tools")) or any(map(_is_of_tools, messages))


def told(request: LLMRequest, messages: Sequence[Json]) -> list[Json]:
    """Return messages in which calls and their results are texts, and the functions described."""
    names: dict[str, str] = {}
    made = [_as_text(message, names) for message in messages]
    functions = list(contents.functions(request, _VENDOR))
    if functions and _choice(request)[0] != "none":
        lines = "\n".join(shapes.encoded(function).decode() for function in functions)
        description = (
            f"These functions can be called:\n{lines}\nTo call one, answer with nothing but JSON: "
            '{"name": "…", "arguments": {…}}.'
        )
        if made[0].get("role") == "system":
            made[0] = {**made[0], "content": f"{_plain(made[0])}\n\n{description}"}
        else:
            made.insert(0, {"role": "system", "content": description})
    return made


def grammar(request: LLMRequest) -> Json:
    """Return what makes llama.cpp keep to a call; empty where none has to be made. LLMError."""
    how, name = _choice(request)
    if how not in _MUST:
        return {}
    if request.body.get("response_format", {}).get("type", "text") != "text":
        what = "An answer that must call a tool has no format of its own."
        raise unsupported(what, "response_format")
    functions = list(contents.functions(request, _VENDOR))
    chosen = [each for each in functions if how == "required" or each["name"] == name]
    if not chosen:
        message = f"There is no tool {name[:40]!r} to choose."
        raise LLMError(Trouble.INVALID, message, param="tool_choice")
    definitions: Json = {}
    calls = [_call_of(function, definitions) for function in chosen]
    schema = {**(calls[0] if len(calls) == 1 else {"anyOf": calls}), **definitions}
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}


class Answer:
    """Reads the text of one answer: what of it goes on as text, and the call that it is."""

    def __init__(self, request: LLMRequest) -> None:
        self._names = {each["name"] for each in contents.functions(request, _VENDOR)}
        self._must = _choice(request)[0] in _MUST
        self._held, self._is_text = "", not self._names or _choice(request)[0] == "none"

    def text(self, text: str) -> str:
        """Return what goes on as text now; it is held back while it may become a call."""
        if self._is_text:
            return text
        self._held += text
        begun = self._held.lstrip()
        if self._must or any(begun.startswith(o) or o.startswith(begun) for o in _OPENINGS):
            return ""
        self._is_text = True
        return self._held

    def end(self) -> tuple[str, Json | None]:
        """Return the text that was held back, or the call that it is."""
        if self._is_text:
            return "", None
        match = _CALL.fullmatch(self._held)
        try:
            said = orjson.loads(match[1]) if match else None
        except ValueError:
            said = None
        if not isinstance(said, dict) or said.get("name") not in self._names:
            return self._held, None
        arguments = said.get("arguments") or {}
        if not isinstance(arguments, dict):
            return self._held, None
        encoded = shapes.encoded(arguments).decode()
        return "", shapes.tool_call(shapes.new_id("call"), said["name"], encoded)


def _choice(request: LLMRequest) -> tuple[str, str]:
    return contents.chosen_tool(request, _VENDOR)


def _is_of_tools(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "tool" or bool(message.get("tool_calls"))


def _as_text(message: Mapping[str, Any], names: dict[str, str]) -> Json:
    if message.get("role") == "tool":
        name = names.get(str(message.get("tool_call_id")), "The function")
        return {"role": "user", "content": f"{name} returned: {_plain(message)}"}
    calls = message.get("tool_calls")
    if not calls:
        return dict(message)
    lines = [_plain(message)] if message.get("content") else []
    for call in calls:
        function = call["function"]
        names[str(call.get("id"))] = function["name"]
        said = {"name": function["name"], "arguments": _arguments(function.get("arguments"))}
        lines.append(shapes.encoded(said).decode())
    kept = {key: value for key, value in message.items() if key != "tool_calls"}
    return {**kept, "content": "\n".join(lines)}


def _plain(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def _arguments(text: Any) -> Any:
    try:
        return orjson.loads(text or "{}")
    except (ValueError, TypeError):
        return text


def _call_of(function: Mapping[str, Any], definitions: Json) -> Json:
    """Return the schema of a call; what its parameters define is gathered for the whole."""
    parameters = dict(function.get("parameters") or {"type": "object"})
    for key in _DEFINITIONS:
        for name, schema in _items(parameters.pop(key, None)):
            known = definitions.setdefault(key, {})
            if known.setdefault(name, schema) != schema:
                what = f"Two tools define {name[:40]!r} in two ways, which no grammar can keep to."
                raise unsupported(what, "tools")
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()
