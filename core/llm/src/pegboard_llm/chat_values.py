"""Checks of what only chats have: messages, tools, and the form of the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pegboard_llm import values

_NAME = re.compile(r"[a-zA-Z0-9_.:-]{1,128}")


# -- messages ------------------------------------------------------------------------------------


def messages(value: Any, param: str) -> None:
    """Check the messages of a chat."""
    values.items(value, param, 1, 1 << 20)
    for i, each in enumerate(value):
        if type(each) is not dict:
            values.wrong("an object", each, f"{param}[{i}]")
        role = each.get("role")
        # The common case, without making names of fields.
        if type(each.get("content")) is str and role in ("user", "system") and len(each) == 2:
            continue
        check = _ROLES.get(role) if type(role) is str else None
        if check is None:
            said = ", ".join(map(repr, _ROLES))
            values.invalid(f"'{param}[{i}].role' must be one of {said}.", f"{param}[{i}].role")
        check(each, f"{param}[{i}]")


def _said(*kinds: str) -> values.Check:
    """Return the check of a message that has content of these kinds, and must have some."""

    def check(value: Any, param: str) -> None:
        _content(value.get("content"), kinds, f"{param}.content")
        values.field(value, "name", values.text, param, needed=False)

    return check


def _content(value: Any, kinds: tuple[str, ...], param: str) -> None:
    if type(value) is str:
        return
    if value is None:
        values.invalid(f"{param!r} is missing.", param)
    values.items(value, param, 1, 1 << 16)
    for i, part in enumerate(value):
        where = f"{param}[{i}]"
        values.table(part, where)
        kind = part.get("type")
        if kind not in kinds:
            values.invalid(
                f"'{where}.type' must be one of {', '.join(map(repr, kinds))}.", f"{where}.type"
            )
        _PARTS[kind](part, where)


def _text_part(part: Any, param: str) -> None:
    values.field(part, "text", values.text, param)


def _image_part(part: Any, param: str) -> None:
    values.field(part, "image_url", values.table, param)
    image, param = part["image_url"], f"{param}.image_url"
    values.field(image, "url", values.text, param)
    values.field(
        image, "detail", values.one_of("auto", "low", "high", "original"), param, needed=False
    )
    if not image["url"].startswith(("http://", "https://", "data:")):
        values.invalid(f"'{param}.url' must be an http, https or data URL.", f"{param}.url")


def _audio_part(part: Any, param: str) -> None:
    values.field(part, "input_audio", values.table, param)
    values.field(part["input_audio"], "data", values.text, f"{param}.input_audio")
    values.field(part["input_audio"], "format", values.text, f"{param}.input_audio")


def _file_part(part: Any, param: str) -> None:
    values.field(part, "file", values.table, param)
    for key in ("file_data", "file_id", "filename"):
        values.field(part["file"], key, values.text, f"{param}.file", needed=False)
    if not part["file"].keys() & {"file_data", "file_id"}:
        values.invalid(f"'{param}.file' needs 'file_data' or 'file_id'.", f"{param}.file")


def _refusal_part(part: Any, param: str) -> None:
    values.field(part, "refusal", values.text, param)


_PARTS: Mapping[str, values.Check] = {
    "text": _text_part,
    "image_url": _image_part,
    "input_audio": _audio_part,
    "file": _file_part,
    "refusal": _refusal_part,
}


def _assistant(value: Any, param: str) -> None:
    calls = value.get("tool_calls")
    if calls is not None:
        values.items(calls, f"{param}.tool_calls", 1, 1 << 12)
        for i, call in enumerate(calls):
            _tool_call(call, f"{param}.tool_calls[{i}]")
    content = value.get("content")
    if content is not None:
        _content(content, ("text", "refusal"), f"{param}.content")
    elif all(value.get(key) is None for key in ("tool_calls", "function_call", "refusal", "audio")):
        values.invalid(
            f"'{param}.content' is missing, and there are no 'tool_calls'.", f"{param}.content"
        )
    for key in ("name", "refusal", "reasoning_content"):
        values.field(value, key, values.text, param, needed=False)


def _tool_call(call: Any, param: str) -> None:
    values.table(call, param)
    values.field(call, "id", values.text, param)
    kind = call.get("type", "function")
    if kind == "custom":
        values.field(call, "custom", values.table, param)
        return
    if kind != "function":
        values.invalid(f"'{param}.type' must be 'function' or 'custom'.", f"{param}.type")
    values.field(call, "function", values.table, param)
    values.field(call["function"], "name", values.text, f"{param}.function")
    values.field(call["function"], "arguments", values.text, f"{param}.function")


def _tool_message(value: Any, param: str) -> None:
    values.field(value, "tool_call_id", values.text, param)
    _content(value.get("content"), ("text",), f"{param}.content")


def _function_message(value: Any, param: str) -> None:
    values.field(value, "name", values.text, param)
    if value.get("content") is not None:
        _content(value["content"], ("text",), f"{param}.content")


_ROLES: Mapping[str, values.Check] = {
    "system": _said("text"),
    "developer": _said("text"),
    "user": _said("text", "image_url", "input_audio", "file"),
    "assistant": _assistant,
    "tool": _tool_message,
    "function": _function_message,
}


# -- tools and formats ---------------------------------------------------------------------------


def tools(value: Any, param: str) -> None:
    """Check the tools that a model may call."""
    values.items(value, param, 1, 1 << 10)
    for i, tool in enumerate(value):
        where = f"{param}[{i}]"
        values.table(tool, where)
        values.field(tool, "type", values.one_of("function", "custom"), where)
        kind = tool["type"]
        values.field(tool, kind, values.table, where)
        _function(tool[kind], f"{where}.{kind}")


def _function(value: Any, param: str) -> None:
    values.table(value, param)
    values.field(value, "name", _name, param)
    values.field(value, "description", values.text, param, needed=False)
    values.field(value, "parameters", values.table, param, needed=False)
    values.field(value, "strict", values.boolean, param, needed=False)


def functions(value: Any, param: str) -> None:
    """Check functions, which came before tools."""
    values.items(value, param, 1, 128)
    for i, each in enumerate(value):
        _function(each, f"{param}[{i}]")


def _name(value: Any, param: str) -> None:
    values.text(value, param)
    if _NAME.fullmatch(value) is None:
        values.invalid(
            f"{param!r} must have letters, digits, '_' and '-' only, at most 128.", param
        )


def tool_choice(value: Any, param: str) -> None:
    """Check which tool is to be called."""
    if type(value) is str:
        values.one_of("none", "auto", "required")(value, param)
        return
    values.table(value, param)
    values.field(value, "type", values.one_of("function", "custom", "allowed_tools"), param)
    values.field(value, value["type"], values.table, param)
    if value["type"] != "allowed_tools":
        values.field(value[value["type"]], "name", values.text, f"{param}.{value['type']}")


def function_call(value: Any, param: str) -> None:
    """Check which function is to be called."""
    if type(value) is str:
        values.one_of("none", "auto")(value, param)
        return
    values.table(value, param)
    values.field(value, "name", values.text, param)


def response_format(value: Any, param: str) -> None:
    """Check the form of the answer that is asked for."""
    values.table(value, param)
    values.field(value, "type", values.one_of("text", "json_object", "json_schema"), param)
    if value["type"] == "json_schema":
        values.field(value, "json_schema", values.table, param)
        schema, param = value["json_schema"], f"{param}.json_schema"
        values.field(schema, "name", _name, param)
        values.field(schema, "schema", values.table, param, needed=False)
        values.field(schema, "strict", values.boolean, param, needed=False)
        values.field(schema, "description", values.text, param, needed=False)


def modalities(value: Any, param: str) -> None:
    """Check the kinds of output that are asked for."""
    values.items(value, param, 1, 4)
    for i, each in enumerate(value):
        values.one_of("text", "audio")(each, f"{param}[{i}]")
