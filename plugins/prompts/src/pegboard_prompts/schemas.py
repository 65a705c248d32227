"""Schemas of answers: whether a dict is written as JSON Schema has it, at every depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_llm import variables

_TYPES = (*variables.TYPES, "null")
_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = (
    "additionalProperties", "contains", "else", "if", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip


def check(schema: Mapping[str, Any]) -> None:
    """InvalidValue names the first place that is not as in JSON Schema.

    Keywords that it does not have pass, as JSON Schema says; so do references.
    """
    pending: list[tuple[str, Any]] = [("", schema)]
    while pending:
        place, found = pending.pop()
        if isinstance(found, bool) and place:
            continue
        if not isinstance(found, Mapping):
            raise _wrong(place, f"is {found!r:.60}, not a schema")
        _check_type(place, found.get("type"))
        required = found.get("required", [])
        if not isinstance(required, (list, tuple)) or not all(
            isinstance(each, str) for each in required
        ):
            raise _wrong(_below(place, "required"), f"is {required!r:.60}, not a list of names")
        pending += reversed([*_inner(place, found)])


def _check_type(place: str, kind: Any) -> None:
    kinds = kind if isinstance(kind, list) else [] if kind is None else [kind]
    wrong = [each for each in kinds if each not in _TYPES]
    if wrong:
        raise _wrong(
            place, f"has the unknown type {wrong[0]!r:.60}", f"Types are: {', '.join(_TYPES)}."
        )


def _inner(place: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the schemas in one, and where each is."""
    for key, found in schema.items():
        where = _below(place, key)
        if key in _BY_NAME:
            if not isinstance(found, Mapping):
                raise _wrong(where, f"is {found!r:.60}, not an object of schemas")
            for name, each in found.items():
                yield _below(where, name), each
        elif key in _LISTS or (key == "items" and isinstance(found, list)):
            if not isinstance(found, (list, tuple)):
                raise _wrong(where, f"is {found!r:.60}, not a list of schemas")
            for number, each in enumerate(found):
                yield _below(where, number), each
        elif key in _SINGLE or key == "items":
            yield where, found


def _below(place: str, key: object) -> str:
    return f"{place}.{key}" if place else str(key)


def _wrong(place: str, why: str, hint: str = "It is written as JSON Schema.") -> InvalidValue:
    where = f", at {place!r:.200}," if place else ""
    return InvalidValue(f"The response format{where} {why}.", hint=hint)
