"""JSON schemas: whether llama.cpp keeps to all that one says.

It passes over in silence what its grammars cannot say, so such schemas are refused by name here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pegboard.contracts.llm import LLMError, Trouble

_BY_NAME = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_INNER = ("items", "additionalProperties")
_KEPT = frozenset(
    {"$ref", "const", "enum", "maxItems", "maxLength", "minItems", "minLength", "required", "type"}
)
_SAY_NOTHING = frozenset(
    {"$comment", "$id", "$schema", "default", "deprecated", "description", "discriminator"}
    | {"examples", "format", "readOnly", "title", "writeOnly"}
)
"""Annotations: they restrict no value; ``format`` does not by itself, as the standard has it."""
_LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def check(schema: Any) -> None:
    """Raise LLMError UNSUPPORTED for a schema with rules that would not be kept."""
    for rule in _not_kept(schema):
        raise LLMError(
            Trouble.UNSUPPORTED,
            f"llama.cpp cannot keep to {rule} in a JSON schema.",
            hint="Leave it out and check the answer, or ask another model.",
            param="response_format",
        )


def _not_kept(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key in _BY_NAME and isinstance(value, dict):
            for inner in value.values():
                yield from _not_kept(inner)
        elif key in _LISTED and isinstance(value, list):
            for inner in value:
                yield from _not_kept(inner)
        elif key in _INNER:
            yield from _not_kept(value)
        elif key == "pattern":
            if not (str(value).startswith("^") and str(value).endswith("$")):
                yield f"'pattern': {str(value)[:40]!r}, which does not begin with ^ and end with $"
        elif key in _LIMITS:
            if schema.get("type") != "integer":
                yield f"{key!r} of what is not an integer"
        elif key not in _KEPT and key not in _SAY_NOTHING:
            yield repr(str(key)[:40])
