"""What judges may say: a type of values, its JSON schema, and how it is read out of an answer."""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from attrs import frozen
from pegboard.errors import InvalidValue, quoted

YesNo = Literal["yes", "no"]

_NAMES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_YES = {"yes", "y", "true", "1", "pass", "passed", "correct", "ok", "okay", "positive"}
_NO = {"no", "n", "false", "0", "fail", "failed", "incorrect", "wrong", "negative"}

_VALUE_KEYS = ("result", "value", "score", "rating", "verdict", "answer", "judgment")
_WHY_KEYS = ("rationale", "reason", "reasoning", "justification", "explanation")
_SAID = re.compile(
    r"\b(?:result|value|score|rating|verdict|answer)\b[\s*\"']*(?:is|:|=|-)?[\s*\"':]*(.+)", re.I
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]|\.\d)")


@frozen
class Verdict:
    """A value, and why."""

    value: Any
    rationale: str | None


class NotAVerdict(ValueError):
    """An answer that no value can be read out of; its text says why."""


def checked(kind: Any) -> Any:
    """Return a type of values; InvalidValue if judges cannot give it."""
    if kind is None:
        return str
    origin, args = get_origin(kind), get_args(kind)
    if kind in _NAMES or _optional(kind) is not None:
        return kind
    if origin is Literal and all(type(each) in _NAMES for each in args):
        return kind
    if origin is list and len(args) == 1 and args[0] in _NAMES:
        return kind
    if origin is dict and len(args) == 2 and args[0] is str and args[1] in _NAMES:
        return kind
    raise InvalidValue(
        f"feedback_value_type is {quoted(kind)}, which judges cannot give.",
        hint="It is str, int, float, bool, one of these or None, a Literal, or a list or dict of "
        "these.",
    )


def _optional(kind: Any) -> Any:
    """Return T of ``T | None``; None for other types."""
    if get_origin(kind) not in (Union, types.UnionType):
        return None
    args = [each for each in get_args(kind) if each is not type(None)]
    fits = len(args) == 1 and len(get_args(kind)) == 2 and args[0] in _NAMES
    return args[0] if fits else None


def schema(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of an answer."""
    properties = {"rationale": {"type": "string"}, "result": _schema_of(kind)}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema_of(kind: Any) -> dict[str, Any]:
    args = get_args(kind)
    if kind in _NAMES:
        return {"type": _NAMES[kind]}
    if (inner := _optional(kind)) is not None:
        return {"type": [_NAMES[inner], "null"]}
    if get_origin(kind) is Literal:
        return {"enum": list(args)}
    if get_origin(kind) is list:
        return {"type": "array", "items": {"type": _NAMES[args[0]]}}
    return {"type": "object", "additionalProperties": {"type": _NAMES[args[1]]}}


def kind_json(kind: Any) -> dict[str, Any]:
    """Return a type as MLflow keeps it."""
    if (inner := _optional(kind)) is not None:
        return {"anyOf": [{"type": _NAMES[inner]}, {"type": "null"}], "title": "Result"}
    found = {**_schema_of(kind), "title": "Result"}
    if get_origin(kind) is Literal and len(types_ := {type(each) for each in get_args(kind)}) == 1:
        found["type"] = _NAMES[types_.pop()]
    return found


def kind_of(said: Any) -> Any:
    """Return the type that ``kind_json`` or MLflow wrote; InvalidValue."""
    known = {name: kind for kind, name in _NAMES.items()}
    if said is None:
        return str
    if isinstance(said, dict):
        choices = said.get("enum", [said["const"]] if "const" in said else None)
        inner = said.get("items") or said.get("additionalProperties") or {}
        named = [each.get("type") for each in said.get("anyOf", ()) if isinstance(each, dict)]
        if choices and isinstance(choices, list) and all(type(each) in _NAMES for each in choices):
            return Literal[tuple(choices)]
        if len(named) == 2 and named[1] == "null" and named[0] in known:
            return known[named[0]] | None
        if said.get("type") in known:
            return known[said["type"]]
        if isinstance(inner, dict) and inner.get("type") in known:
            part: Any = known[inner["type"]]
            if said.get("type") in ("array", "object"):
                return list[part] if said["type"] == "array" else dict[str, part]
    raise InvalidValue(f"{quoted(str(said))} is not a type of values that judges can give.")


def described(kind: Any) -> str:
    """Return in words what the value is."""
    args = get_args(kind)
    if (inner := _optional(kind)) is not None:
        return f"{described(inner)}, or null"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(json.dumps(each) for each in args)
    if get_origin(kind) is list:
        return f"a list, each entry {described(args[0])}"
    if get_origin(kind) is dict:
        return f"an object, each of its values {described(args[1])}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    return words[kind]


# -- reading -------------------------------------------------------------------------------------


def read(text: str, kind: Any) -> Verdict:
    """Return what an answer says, be it JSON, JSON amid words, or prose; NotAVerdict."""
    for raw in objects(text):
        found = {str(key).strip().lower(): value for key, value in raw.items()}
        value = next((found[key] for key in _VALUE_KEYS if key in found), _Missing)
        if value is not _Missing:
            why = next((found[key] for key in _WHY_KEYS if key in found), None)
            return Verdict(fitting(value, kind), None if why is None else str(why))
    return Verdict(_of_prose(text, kind), text.strip() or None)


class _Missing:
    """No value."""


def objects(text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON objects in a text."""
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except ValueError:
            end = start + 1
        else:
            if isinstance(found, dict):
                yield found
        start = text.find("{", end)


def fitting(value: Any, kind: Any) -> Any:
    """Return a value as one of a type; NotAVerdict if it is none."""
    if (inner := _optional(kind)) is not None:
        return None if value is None else fitting(value, inner)
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _choice(value, args)
    if origin is list and isinstance(value, list):
        return [fitting(each, args[0]) for each in value]
    if origin is dict and isinstance(value, dict):
        return {str(key): fitting(each, args[1]) for key, each in value.items()}
    if kind is str and isinstance(value, (str, int, float)):
        return value if isinstance(value, str) else json.dumps(value)
    if kind is bool and (truth := _truth(value)) is not None:
        return truth
    if kind is float and (number := _number(value)) is not None:
        return number
    if kind is int and (number := _number(value)) is not None and number.is_integer():
        return int(number)
    raise NotAVerdict(f"{quoted(value)} is not {described(kind)}")


def _choice(value: Any, choices: tuple[Any, ...]) -> Any:
    text = str(value).strip().strip(".!\"'*").lower()
    for each in choices:
        if value == each or text == str(each).lower():
            return each
    if set(map(str, choices)) == {"yes", "no"} and (truth := _truth(value)) is not None:
        return "yes" if truth else "no"
    raise NotAVerdict(f"{quoted(value)} is not one of {', '.join(map(repr, choices))}")


def _truth(value: Any) -> bool | None:
    word = str(value).strip().strip(".!\"'*").lower()
    return True if word in _YES else False if word in _NO else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _of_prose(text: str, kind: Any) -> Any:
    """Read a value out of words, if they are unambiguous."""
    if kind is str or get_origin(kind) in (list, dict):
        raise NotAVerdict("it holds no JSON object with a 'result'")
    said = [match[1] for match in _SAID.finditer(text)]
    lines = text.strip().splitlines()
    for part in (*said, *lines[:1], *lines[-1:]):
        for piece in (part, re.split(r"[\s,;:.]", part.strip().strip("*\"'"), maxsplit=1)[0]):
            try:
                return fitting(piece.strip().strip("*\"'.,"), kind)
            except NotAVerdict:
                continue
    if kind in (int, float) and len(numbers := set(_NUMBER.findall(text))) == 1:
        return fitting(numbers.pop(), kind)
    raise NotAVerdict("it holds no JSON object with a 'result', and its words do not say one")
