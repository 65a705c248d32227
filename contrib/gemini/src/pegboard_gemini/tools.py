"""Tools that a model may call, in the form that OpenAI has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def read(owner: Any, config: Any) -> list[dict[str, Any]]:
    """Return the functions of a call's configuration, declared or as Python has them."""
    given = getattr(config, "tools", None)
    if not given:
        return []
    from google.genai import _transformers

    # The library itself makes declarations of functions by it.
    found = _transformers.t_tools(getattr(owner, "_api_client", None), given)
    return [
        _tool(declared)
        for each in found
        for declared in getattr(each, "function_declarations", None) or ()
    ]


def _tool(declared: Any) -> dict[str, Any]:
    function = {
        "name": declared.name,
        "description": declared.description,
        "parameters": _parameters(declared),
    }
    return {"type": "function", "function": function}


def _parameters(declared: Any) -> dict[str, Any] | None:
    schema = declared.parameters
    if schema is not None:
        properties = {name: _property(each) for name, each in (schema.properties or {}).items()}
        return {"properties": properties, "required": schema.required}
    by_json = getattr(declared, "parameters_json_schema", None)
    if by_json is None:
        return None
    named = by_json.get("properties", {})
    properties = {name: _of_json(each) for name, each in named.items()}
    return {"properties": properties, "required": by_json.get("required")}


def _property(schema: Any) -> dict[str, Any]:
    kind = getattr(schema.type, "name", schema.type)
    return {
        "type": str(kind).lower(),
        "description": schema.description,
        "enum": schema.enum,
    }


def _of_json(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: schema.get(key) for key in ("type", "description", "enum")}
    return found | ({"items": _of_json(schema["items"])} if "items" in schema else {})
