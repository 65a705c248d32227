"""Checks of what clients ask: the types and ranges of OpenAI's fields, and what a provider takes.

A field that OpenAI does not have passes the first check, as compatible servers have some of their
own; ``refuse_others`` then stops what the chosen provider does not take. So nothing that a client
says is left out silently, and nothing of it decides where a request goes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias

from pegboard.contracts.llm import Json, LLMError, LLMRequest, Task, Trouble

Check: TypeAlias = Callable[[Any, str], None]
"""Raises LLMError for a value that is wrong; receives the value and the name of its field."""

_OURS = frozenset({"model", "stream", "stream_options"})
"""Fields that are not of the body that a provider sees."""
_NAME = re.compile(r"[a-zA-Z0-9_.:-]{1,128}")
MAX_INPUTS = 2048
NO_OPS: Mapping[str, Any] = {
    "best_of": 1,
    "echo": False,
    "encoding_format": "float",
    "frequency_penalty": 0,
    "logit_bias": {},
    "logprobs": False,
    "metadata": {},
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "response_format": {"type": "text"},
    "service_tier": "auto",
    "stop": [],
    "store": False,
    "suffix": "",
    "tool_choice": "none",
    "tools": [],
    "top_p": 1,
}
"""Values of fields that say what holds without them."""
MAX_N = 128


def checked(task: Task, body: Any, model: str = "") -> LLMRequest:
    """Return a client's body as a request; LLMError INVALID names the field that is wrong.

    ``model`` is the vendor's name of the model; without one it is the body's. Fields whose value is
    null are as if they were not there, which is what OpenAI's clients mean by it.
    """
    if type(body) is not dict:
        invalid("The body must be a JSON object.", "")
    checks = _CHECKS[task]
    kept: Json = {}
    for key, value in body.items():
        if value is None and key != "prompt":
            continue
        check = checks.get(key)
        if check is not None:
            check(value, key)
        if key not in _OURS:
            kept[key] = value
    for key in _REQUIRED[task]:
        if key not in kept:
            invalid(f"The field {key!r} is missing.", key)
    if task is Task.CHAT:
        _check_together(kept)
    stream = body.get("stream") or False
    if stream and task is Task.EMBEDDING:
        invalid("Embeddings are not streamed.", "stream")
    if body.get("stream_options") is not None and not stream:
        invalid("'stream_options' is for requests with 'stream': true.", "stream_options")
    return LLMRequest(task, model or body.get("model") or "", kept, stream)


def refuse_others(request: LLMRequest, takes: Mapping[Task, frozenset[str]], provider: str) -> None:
    """Raise LLMError UNSUPPORTED for a task or a field that a provider does not take.

    A field that says what holds without it, such as ``"n": 1``, is no reason.
    """
    fields = takes.get(request.task)
    if fields is None:
        raise LLMError(
            Trouble.UNSUPPORTED,
            f"{provider} offers no {request.task.value} with the model {request.model!r}.",
            hint=f"It offers: {', '.join(sorted(takes)) or 'nothing'}.",
        )
    if not request.body.keys() <= fields:
        body = request.body
        others = [key for key in body if key not in fields and body[key] != NO_OPS.get(key)]
        if not others:
            return
        field = min(others)
        raise LLMError(
            Trouble.UNSUPPORTED,
            f"{provider} does not take the field {field!r} for the model {request.model!r}.",
            hint="Leave it out, or ask another model.",
            param=field,
        )


def unsupported(what: str, param: str) -> LLMError:
    """Return the error that says what a vendor has not, in a field that it has."""
    return LLMError(
        Trouble.UNSUPPORTED, what, hint="Leave it out, or ask another model.", param=param
    )


def invalid(message: str, param: str) -> NoReturn:
    """Raise LLMError INVALID."""
    raise LLMError(Trouble.INVALID, message, param=param)


def _wrong(expected: str, value: Any, param: str) -> NoReturn:
    shown = value if isinstance(value, int | float | bool) else type(value).__name__
    invalid(f"{param!r} must be {expected}, not {shown}.", param)


# -- kinds of values -----------------------------------------------------------------------------


def _text(value: Any, param: str) -> None:
    if type(value) is not str:
        _wrong("text", value, param)


def _boolean(value: Any, param: str) -> None:
    if type(value) is not bool:
        _wrong("true or false", value, param)


def _object(value: Any, param: str) -> None:
    if type(value) is not dict:
        _wrong("an object", value, param)


def _number(low: float, high: float) -> Check:
    said = f"a number from {low:g} to {high:g}"

    def check(value: Any, param: str) -> None:
        if type(value) not in (int, float) or not low <= value <= high:
            _wrong(said, value, param)

    return check


def _whole(low: float, high: float = math.inf) -> Check:
    said = (
        f"a whole number from {low} to {high}"
        if high < math.inf
        else f"a whole number, at least {low}"
    )
    if low == -math.inf:
        said = "a whole number"

    def check(value: Any, param: str) -> None:
        if type(value) is not int or not low <= value <= high:
            _wrong(said, value, param)

    return check


def _one_of(*values: str) -> Check:
    said = "one of " + ", ".join(map(repr, values))

    def check(value: Any, param: str) -> None:
        if value not in values:
            invalid(f"{param!r} must be {said}, not {str(value)[:60]!r}.", param)

    return check


def _list(value: Any, param: str, least: int = 1, most: int = MAX_INPUTS) -> None:
    if type(value) is not list:
        _wrong("a list", value, param)
    if not least <= len(value) <= most:
        invalid(f"{param!r} must have {least} to {most} items, not {len(value)}.", param)


def _field(value: Any, key: str, check: Check, param: str, *, needed: bool = True) -> None:
    """Check a field of an object, which may be missing or null if it is not needed."""
    found = value.get(key)
    if found is None:
        if needed:
            invalid(f"{param!r} lacks {key!r}.", f"{param}.{key}")
        return
    check(found, f"{param}.{key}")


def _stop(value: Any, param: str) -> None:
    if type(value) is str:
        return
    _list(value, param, 1, 16)
    for i, each in enumerate(value):
        _text(each, f"{param}[{i}]")


def _logit_bias(value: Any, param: str) -> None:
    _object(value, param)
    for key, bias in value.items():
        _BIAS(bias, f"{param}.{key}")


_BIAS = _number(-100, 100)


def _metadata(value: Any, param: str) -> None:
    _object(value, param)
    for key, each in value.items():
        _text(each, f"{param}.{key}")


def _texts_or_tokens(value: Any, param: str) -> None:
    """Check a text, tokens, or a list of either."""
    if type(value) is str:
        return None
    _list(value, param)
    if type(value[0]) is int:
        return _tokens(value, param)
    for i, each in enumerate(value):
        if type(each) is list:
            _tokens(each, f"{param}[{i}]")
        elif type(each) is not str:
            _wrong("text, or a list of tokens", each, f"{param}[{i}]")
    return None


def _tokens(value: Any, param: str) -> None:
    if not value or not all(type(token) is int and token >= 0 for token in value):
        invalid(f"{param!r} must be a list of tokens, which are whole numbers.", param)


def _stream_options(value: Any, param: str) -> None:
    _object(value, param)
    for key in value:
        if key not in ("include_usage", "include_obfuscation"):
            invalid(f"{param!r} has no {key!r}.", f"{param}.{key}")
        _field(value, key, _boolean, param, needed=False)


# -- messages ------------------------------------------------------------------------------------


def _messages(value: Any, param: str) -> None:
    _list(value, param, 1, 1 << 20)
    for i, each in enumerate(value):
        if type(each) is not dict:
            _wrong("an object", each, f"{param}[{i}]")
        role = each.get("role")
        # The common case, without making names of fields.
        if type(each.get("content")) is str and role in ("user", "system") and len(each) == 2:
            continue
        check = _ROLES.get(role) if type(role) is str else None
        if check is None:
            said = ", ".join(map(repr, _ROLES))
            invalid(f"'{param}[{i}].role' must be one of {said}.", f"{param}[{i}].role")
        check(each, f"{param}[{i}]")


def _said(*kinds: str) -> Check:
    """Return the check of a message that has content of these kinds, and must have some."""

    def check(value: Any, param: str) -> None:
        _content(value.get("content"), kinds, f"{param}.content")
        _field(value, "name", _text, param, needed=False)

    return check


def _content(value: Any, kinds: tuple[str, ...], param: str) -> None:
    if type(value) is str:
        return
    if value is None:
        invalid(f"{param!r} is missing.", param)
    _list(value, param, 1, 1 << 16)
    for i, part in enumerate(value):
        where = f"{param}[{i}]"
        _object(part, where)
        kind = part.get("type")
        if kind not in kinds:
            invalid(
                f"'{where}.type' must be one of {', '.join(map(repr, kinds))}.", f"{where}.type"
            )
        _PARTS[kind](part, where)


def _text_part(part: Any, param: str) -> None:
    _field(part, "text", _text, param)


def _image_part(part: Any, param: str) -> None:
    _field(part, "image_url", _object, param)
    image, param = part["image_url"], f"{param}.image_url"
    _field(image, "url", _text, param)
    _field(image, "detail", _one_of("auto", "low", "high", "original"), param, needed=False)
    if not image["url"].startswith(("http://", "https://", "data:")):
        invalid(f"'{param}.url' must be an http, https or data URL.", f"{param}.url")


def _audio_part(part: Any, param: str) -> None:
    _field(part, "input_audio", _object, param)
    _field(part["input_audio"], "data", _text, f"{param}.input_audio")
    _field(part["input_audio"], "format", _text, f"{param}.input_audio")


def _file_part(part: Any, param: str) -> None:
    _field(part, "file", _object, param)
    for key in ("file_data", "file_id", "filename"):
        _field(part["file"], key, _text, f"{param}.file", needed=False)
    if not part["file"].keys() & {"file_data", "file_id"}:
        invalid(f"'{param}.file' needs 'file_data' or 'file_id'.", f"{param}.file")


def _refusal_part(part: Any, param: str) -> None:
    _field(part, "refusal", _text, param)


_PARTS: Mapping[str, Check] = {
    "text": _text_part,
    "image_url": _image_part,
    "input_audio": _audio_part,
    "file": _file_part,
    "refusal": _refusal_part,
}


def _assistant(value: Any, param: str) -> None:
    calls = value.get("tool_calls")
    if calls is not None:
        _list(calls, f"{param}.tool_calls", 1, 1 << 12)
        for i, call in enumerate(calls):
            _tool_call(call, f"{param}.tool_calls[{i}]")
    content = value.get("content")
    if content is not None:
        _content(content, ("text", "refusal"), f"{param}.content")
    elif all(value.get(key) is None for key in ("tool_calls", "function_call", "refusal", "audio")):
        invalid(f"'{param}.content' is missing, and there are no 'tool_calls'.", f"{param}.content")
    for key in ("name", "refusal", "reasoning_content"):
        _field(value, key, _text, param, needed=False)


def _tool_call(call: Any, param: str) -> None:
    _object(call, param)
    _field(call, "id", _text, param)
    kind = call.get("type", "function")
    if kind == "custom":
        _field(call, "custom", _object, param)
        return
    if kind != "function":
        invalid(f"'{param}.type' must be 'function' or 'custom'.", f"{param}.type")
    _field(call, "function", _object, param)
    _field(call["function"], "name", _text, f"{param}.function")
    _field(call["function"], "arguments", _text, f"{param}.function")


def _tool_message(value: Any, param: str) -> None:
    _field(value, "tool_call_id", _text, param)
    _content(value.get("content"), ("text",), f"{param}.content")


def _function_message(value: Any, param: str) -> None:
    _field(value, "name", _text, param)


_ROLES: Mapping[str, Check] = {
    "system": _said("text"),
    "developer": _said("text"),
    "user": _said("text", "image_url", "input_audio", "file"),
    "assistant": _assistant,
    "tool": _tool_message,
    "function": _function_message,
}


# -- tools and formats ---------------------------------------------------------------------------


def _tools(value: Any, param: str) -> None:
    _list(value, param, 1, 1 << 10)
    for i, tool in enumerate(value):
        where = f"{param}[{i}]"
        _object(tool, where)
        _field(tool, "type", _one_of("function", "custom"), where)
        kind = tool["type"]
        _field(tool, kind, _object, where)
        _function(tool[kind], f"{where}.{kind}")


def _function(value: Any, param: str) -> None:
    _object(value, param)
    _field(value, "name", _name, param)
    _field(value, "description", _text, param, needed=False)
    _field(value, "parameters", _object, param, needed=False)
    _field(value, "strict", _boolean, param, needed=False)


def _functions(value: Any, param: str) -> None:
    _list(value, param, 1, 128)
    for i, each in enumerate(value):
        _function(each, f"{param}[{i}]")


def _name(value: Any, param: str) -> None:
    _text(value, param)
    if _NAME.fullmatch(value) is None:
        invalid(f"{param!r} must have letters, digits, '_' and '-' only, at most 128.", param)


def _tool_choice(value: Any, param: str) -> None:
    if type(value) is str:
        _one_of("none", "auto", "required")(value, param)
        return
    _object(value, param)
    _field(value, "type", _one_of("function", "custom", "allowed_tools"), param)
    _field(value, value["type"], _object, param)
    if value["type"] != "allowed_tools":
        _field(value[value["type"]], "name", _text, f"{param}.{value['type']}")


def _function_call(value: Any, param: str) -> None:
    if type(value) is str:
        _one_of("none", "auto")(value, param)
        return
    _object(value, param)
    _field(value, "name", _text, param)


def _response_format(value: Any, param: str) -> None:
    _object(value, param)
    _field(value, "type", _one_of("text", "json_object", "json_schema"), param)
    if value["type"] == "json_schema":
        _field(value, "json_schema", _object, param)
        schema, param = value["json_schema"], f"{param}.json_schema"
        _field(schema, "name", _name, param)
        _field(schema, "schema", _object, param, needed=False)
        _field(schema, "strict", _boolean, param, needed=False)
        _field(schema, "description", _text, param, needed=False)


def _modalities(value: Any, param: str) -> None:
    _list(value, param, 1, 4)
    for i, each in enumerate(value):
        _one_of("text", "audio")(each, f"{param}[{i}]")


def _check_together(body: Json) -> None:
    """Check what fields of a chat request say of each other."""
    tools = body.get("tools")
    choice = body.get("tool_choice")
    if choice is not None and choice != "none" and not tools:
        invalid("'tool_choice' is for requests with 'tools'.", "tool_choice")
    if tools and type(choice) is dict and choice["type"] != "allowed_tools":
        name = choice[choice["type"]]["name"]
        if all(tool[tool["type"]]["name"] != name for tool in tools):
            invalid(f"'tools' has none of the name {name!r}.", "tool_choice")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        invalid("'top_logprobs' is for requests with 'logprobs': true.", "top_logprobs")
    if "max_tokens" in body and "max_completion_tokens" in body:
        invalid("Give 'max_tokens' or 'max_completion_tokens', not both.", "max_tokens")


_SAMPLING: Mapping[str, Check] = {
    "model": _text,
    "stream": _boolean,
    "stream_options": _stream_options,
    "frequency_penalty": _number(-2, 2),
    "presence_penalty": _number(-2, 2),
    "logit_bias": _logit_bias,
    "max_tokens": _whole(1),
    "n": _whole(1, MAX_N),
    "seed": _whole(-(2**63), 2**64 - 1),
    "stop": _stop,
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "user": _text,
}

_CHECKS: Mapping[Task, Mapping[str, Check]] = {
    Task.CHAT: {
        **_SAMPLING,
        "messages": _messages,
        "audio": _object,
        "function_call": _function_call,
        "functions": _functions,
        "logprobs": _boolean,
        "max_completion_tokens": _whole(1),
        "metadata": _metadata,
        "modalities": _modalities,
        "parallel_tool_calls": _boolean,
        "prediction": _object,
        "prompt_cache_key": _text,
        "prompt_cache_retention": _text,
        "reasoning_effort": _one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        "response_format": _response_format,
        "safety_identifier": _text,
        "service_tier": _text,
        "store": _boolean,
        "tool_choice": _tool_choice,
        "tools": _tools,
        "top_logprobs": _whole(0, 20),
        "verbosity": _one_of("low", "medium", "high"),
        "web_search_options": _object,
        # Not OpenAI's, but of most that are compatible.
        "top_k": _whole(-1),
    },
    Task.COMPLETION: {
        **_SAMPLING,
        "prompt": _texts_or_tokens,
        "best_of": _whole(1, 20),
        "echo": _boolean,
        "logprobs": _whole(0, 5),
        "max_tokens": _whole(0),
        "suffix": _text,
        "top_k": _whole(-1),
    },
    Task.EMBEDDING: {
        "model": _text,
        "stream": _boolean,
        "input": _texts_or_tokens,
        "dimensions": _whole(1),
        "encoding_format": _one_of("float", "base64"),
        "user": _text,
    },
}

_REQUIRED: Mapping[Task, tuple[str, ...]] = {
    Task.CHAT: ("messages",),
    Task.COMPLETION: ("prompt",),
    Task.EMBEDDING: ("input",),
}
