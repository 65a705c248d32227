"""Pieces of JSON schemas that endpoints describe their parameters and answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
INT32: Schema = {"type": "integer", "format": "int32"}
INT64: Schema = {
    "oneOf": [{"type": "integer", "format": "int64"}, {"type": "string", "pattern": "^-?[0-9]+$"}]
}
"""The protocol allows strings, for decoders that know only floating-point numbers."""

NUMBER: Schema = {
    "oneOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]
}


def array(of: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": of}


def choice(*values: str) -> Schema:
    """Return the schema of one of several texts."""
    return {"type": "string", "enum": list(values)}


def record(*required: str, **fields: Schema) -> Schema:
    """Return the schema of an object with these fields, some of them required."""
    made: dict[str, Any] = {"type": "object", "properties": fields}
    if required:
        made["required"] = list(required)
    return made


def mapping(of: Schema) -> Schema:
    """Return the schema of an object whose fields have any names."""
    return {"type": "object", "additionalProperties": of}


PAIRS = array(record("key", key=TEXT, value=TEXT))
"""Tags or params."""
