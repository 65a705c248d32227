"""Answers that stand for those of a model, while it is only counted what a metric would ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXT = "A sentence of some ten words stands for what is said."
_ITEMS = 3
"""How many of a list there are: statements in an answer, say."""
_DEEPEST = 8


def fitting(schema: Mapping[str, Any]) -> Any:
    """Return a value that fits a JSON schema as pydantic makes them."""
    return _value(schema, schema.get("$defs", {}), 0)


def _value(schema: Mapping[str, Any], known: Mapping[str, Any], depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return _value(known.get(schema["$ref"].rpartition("/")[2], {}), known, depth + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _value(schema[name][0], known, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        item = schema.get("items", {"type": "string"})
        return [
            _value(item, known, depth + 1) for _ in range(max(schema.get("minItems", 0), _ITEMS))
        ]
    if kind == "object" or "properties" in schema:
        fields = schema.get("properties", {})
        return {name: _value(each, known, depth + 1) for name, each in fields.items()}
    number = max(schema.get("minimum", 0), 1)
    return {"integer": number, "number": float(number), "boolean": True, "null": None}.get(
        str(kind), TEXT
    )
