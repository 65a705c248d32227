"""Schemas from type hints: of a model's ``predict``, and of dataclasses."""

from __future__ import annotations

import dataclasses
import datetime
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

from pegboard.errors import InvalidValue, quoted

from pegboard_models.datatypes import AnyType, Array, ColumnType, DataType, Map, Object, Property
from pegboard_models.schema import ColSpec, Schema

_SCALARS = {
    bool: DataType.boolean,
    int: DataType.long,
    float: DataType.double,
    str: DataType.string,
    bytes: DataType.binary,
    datetime.date: DataType.datetime,
    datetime.datetime: DataType.datetime,
}


class TypeHints(NamedTuple):
    """The hints of a function's input and output, None for what has none."""

    input: Any = None
    output: Any = None


def takes_context(function: Callable[..., Any]) -> bool:
    """Whether a ``predict`` takes a context in front of its input."""
    names = inspect.signature(function).parameters
    return "context" in names or len([n for n in names if n not in ("self", "params")]) == 2


def of_predict(function: Callable[..., Any]) -> TypeHints:
    """Return the hints of a ``predict``'s input and output."""
    names = [n for n in inspect.signature(function).parameters if n not in ("self", "params")]
    position = 1 if takes_context(function) else 0
    try:
        known = typing.get_type_hints(function)
    except (TypeError, NameError):
        return TypeHints()
    return TypeHints(
        known.get(names[position]) if len(names) > position else None, known.get("return")
    )


def input_schema(hint: Any) -> Schema | None:
    """Return the schema of an input ``list[X]``; None if the hint does not tell one."""
    if typing.get_origin(hint) is not list:
        return None
    (item,) = typing.get_args(hint)
    return _schema_of_item(item)


def output_schema(hint: Any) -> Schema:
    """Return the schema of an output; if that is unknown, one that accepts anything."""
    try:
        if typing.get_origin(hint) is list:
            (item,) = typing.get_args(hint)
            return _schema_of_item(item) or _anything()
        return _schema_of_item(hint) or _anything()
    except InvalidValue:
        return _anything()


def _anything() -> Schema:
    return Schema([ColSpec(AnyType())])


def _schema_of_item(hint: Any) -> Schema | None:
    found = type_of(hint)
    if isinstance(found, Object):
        return Schema([ColSpec(each.dtype, each.name, each.required) for each in found.properties])
    return Schema([ColSpec(found)])


def type_of(hint: Any) -> ColumnType:
    """Return the type that a hint stands for; InvalidValue if there is none."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if hint is Any or hint is object:
        return AnyType()
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return Array(type_of(parts[0]))
    if origin is dict:
        if parts[0] is not str:
            raise InvalidValue(f"The keys of {hint} are not texts.")
        return Map(type_of(parts[1]))
    if origin in (typing.Union, types.UnionType):
        return AnyType()
    if dataclasses.is_dataclass(hint):
        return Object([_property(field.name, field.type, hint) for field in _fields(hint)])
    fields = getattr(hint, "model_fields", None)
    if isinstance(fields, dict) and fields:
        return Object(
            [
                Property(name, *_optional(field.annotation, required=field.is_required()))
                for name, field in fields.items()
            ]
        )
    raise InvalidValue(f"{quoted(hint)} has no counterpart in a schema.")


def _optional(hint: Any, *, required: bool = True) -> tuple[ColumnType, bool]:
    """Return the type of ``X`` or ``X | None``, and whether a value is required."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType) and type(None) in parts:
        others = [part for part in parts if part is not type(None)]
        return (type_of(others[0]) if len(others) == 1 else AnyType()), False
    return type_of(hint), required


def _fields(kind: Any) -> tuple[Any, ...]:
    return dataclasses.fields(kind)


def _property(name: str, hint: Any, owner: Any) -> Property:
    if isinstance(hint, str):
        hint = typing.get_type_hints(owner if isinstance(owner, type) else type(owner))[name]
    return Property(name, *_optional(hint))


def dataclass_schema(kind: Any) -> Schema:
    """Return the schema of a dataclass: a column per field."""
    properties = [_property(field.name, field.type, kind) for field in _fields(kind)]
    return Schema([ColSpec(each.dtype, each.name, each.required) for each in properties])
