"""MLflow's types for columns of pandas DataFrames, nested ones too."""

from __future__ import annotations

from datetime import date
from typing import Any

from pegboard_context.datasets.common import SAMPLED_ROWS

Type = dict[str, Any]
"""A type as MLflow writes it in JSON."""

ANY: Type = {"type": "any"}
_SCALARS = {
    "bool": "boolean",
    "bool_": "boolean",
    "int": "long",
    "int64": "long",
    "int32": "integer",
    "float": "double",
    "float64": "double",
    "float32": "float",
    "str": "string",
    "str_": "string",
    "bytes": "binary",
    "bytes_": "binary",
    "bytearray": "binary",
    "datetime64": "datetime",
}
_SIMPLE_KINDS = {"b": "boolean", "U": "string", "S": "binary", "M": "datetime"}


class _Unclear(Exception):
    """The values have no common type."""


def column_type(column: Any) -> Type:
    """Return the type of a pandas Series.

    For a column of objects, the first 10,000 values decide. ``any`` stands for a column of nothing,
    of mixed values, or of a type that MLflow has no name for.
    """
    if column.dtype.kind == "O":
        column = column.head(SAMPLED_ROWS).infer_objects()
    if column.dtype.kind != "O":
        return _plain_type(column.dtype)
    if not len(column):
        return {"type": "string"}
    try:
        return _items_type(column.to_list()) or ANY
    except _Unclear:
        return ANY


def _plain_type(dtype: Any) -> Type:
    """Return the type for a numpy or extension type."""
    dtype = getattr(dtype, "subtype", dtype)  # That of a sparse column has no size itself.
    kind, size = dtype.kind, getattr(dtype, "itemsize", 0)
    if kind in _SIMPLE_KINDS:
        return {"type": _SIMPLE_KINDS[kind]}
    if kind == "f" and size <= 8:
        return {"type": "float" if size <= 4 else "double"}
    if kind in "iu":
        needed = size if kind == "i" else size * 2
        if needed <= 8:
            return {"type": "integer" if needed <= 4 else "long"}
    return ANY


def _value_type(value: Any) -> Type | None:
    """Return the type of one value; None for an empty array, which could be of any."""
    if _is_missing(value) or (isinstance(value, (list, dict)) and not value):
        return ANY
    if isinstance(value, dict):
        return _object_type(value)
    if isinstance(value, list) or type(value).__name__ == "ndarray":
        items = _items_type(value)
        return None if items is None else {"type": "array", "items": items}
    name = _SCALARS.get(type(value).__name__)
    if name is None and isinstance(value, date):
        name = "datetime"
    if name is None:
        raise _Unclear
    return {"type": name}


def _is_missing(value: Any) -> bool:
    if isinstance(value, float):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _object_type(value: dict[Any, Any]) -> Type:
    properties: dict[str, Type] = {}
    for key in sorted(value, key=str):
        found = _value_type(value[key])
        if found is None:
            raise _Unclear
        properties[str(key)] = {**found, "required": found != ANY}
    return {"type": "object", "properties": properties}


def _items_type(values: Any) -> Type | None:
    result: Type | None = None
    for value in values:
        found = _value_type(value)
        if found is not None:
            result = found if result is None else _merged(result, found)
    return result


def _merged(one: Type, other: Type) -> Type:
    """Return the type that values of both have."""
    if one == other or other == ANY:
        return _optional(one) if other == ANY and one != ANY else one
    if one == ANY:
        return _optional(other)
    if one["type"] == other["type"] == "array":
        return {"type": "array", "items": _merged(one["items"], other["items"])}
    if one["type"] == other["type"] == "object":
        return _merged_objects(one["properties"], other["properties"])
    raise _Unclear


def _optional(kind: Type) -> Type:
    """Return the type for values some of which are missing: no property is sure to be there."""
    if kind["type"] != "object":
        return kind
    properties = {k: {**v, "required": False} for k, v in kind["properties"].items()}
    return {"type": "object", "properties": properties}


def _merged_objects(one: dict[str, Type], other: dict[str, Type]) -> Type:
    properties: dict[str, Type] = {}
    for key in sorted(one.keys() | other.keys()):
        if key in one and key in other:
            first, second = dict(one[key]), dict(other[key])
            required = first.pop("required") and second.pop("required")
            second.pop("required", None)
            properties[key] = {**_merged(first, second), "required": required}
        else:
            properties[key] = {**(one.get(key) or other[key]), "required": False}
    return {"type": "object", "properties": properties}
