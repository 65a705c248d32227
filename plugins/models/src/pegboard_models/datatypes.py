"""The types of a model's columns: scalars, and arrays, objects and maps made of them.

Their JSON is MLflow's. Types are values: equal if they say the same.
"""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, frozen
from pegboard.errors import InvalidValue, quoted

if TYPE_CHECKING:
    import numpy as np

_NUMPY = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "bytes",
    "datetime": "datetime64[ns]",
}

_PYTHON: dict[str, type] = {
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "binary": bytes,
    "datetime": datetime.date,
}

MAX_DEPTH = 64
"""How deep types may be nested."""


class DataType(Enum):
    """The types of scalars; the numbers are MLflow's."""

    boolean = 1
    integer = 2
    """32 bits."""
    long = 3
    """64 bits."""
    float = 4
    """32 bits."""
    double = 5
    """64 bits."""
    string = 6
    binary = 7
    datetime = 8

    def __repr__(self) -> str:
        return self.name

    def to_numpy(self) -> np.dtype[Any]:
        """Return the NumPy type of an array of such values."""
        import numpy as np

        return np.dtype(_NUMPY[self.name])

    def to_pandas(self) -> np.dtype[Any]:
        """Return the type of a pandas column of such values."""
        import numpy as np

        return np.dtype("O" if self in (DataType.string, DataType.binary) else _NUMPY[self.name])

    def to_python(self) -> type:
        """Return the Python type of such a value."""
        return _PYTHON[self.name]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": self.name}

    @classmethod
    def all_types(cls) -> list[DataType]:
        """Return every type of scalars."""
        return list(cls)


class ComposedType(ABC):
    """A type that is not a scalar's."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""


ColumnType: TypeAlias = DataType | ComposedType


def column_type(given: ColumnType | str) -> ColumnType:
    """Return a type, also by the name of a scalar's."""
    if isinstance(given, (DataType, ComposedType)):
        return given
    try:
        return DataType[given]
    except (KeyError, TypeError):
        known = ", ".join(kind.name for kind in DataType)
        raise InvalidValue(
            f"{quoted(given)} is not the type of a column.",
            hint=f"Known are {known}, Array, Object, Map and AnyType.",
        ) from None


@frozen(repr=False)
class Property:
    """A named part of an object."""

    name: str
    dtype: ColumnType = field(converter=column_type)
    required: bool = True

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InvalidValue(f"The name of a property is text, not {quoted(self.name)}.")

    def __repr__(self) -> str:
        need = "required" if self.required else "optional"
        return f"{self.name}: {self.dtype!r} ({need})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {self.name: {**self.dtype.to_dict(), "required": self.required}}


def _sorted_properties(given: Sequence[Property]) -> list[Property]:
    properties = list(given)
    if not properties:
        raise InvalidValue("An object needs at least one property.")
    for each in properties:
        if not isinstance(each, Property):
            raise InvalidValue(f"An object is made of properties; {quoted(each)} is not one.")
    names = [each.name for each in properties]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidValue(f"An object has the property {quoted(twice[0])} twice.")
    return sorted(properties, key=lambda each: each.name)


@frozen(repr=False)
class Object(ComposedType):
    """A dict with known keys. Properties are kept in the order of their names."""

    properties: list[Property] = field(converter=_sorted_properties)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self.properties)) + "}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        properties: dict[str, Any] = {}
        for each in self.properties:
            properties.update(each.to_dict())
        return {"type": "object", "properties": properties}


@frozen(repr=False)
class Array(ComposedType):
    """A list of values of one type."""

    dtype: ColumnType = field(converter=column_type)

    def __repr__(self) -> str:
        return f"Array({self.dtype!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": "array", "items": self.dtype.to_dict()}


@frozen(repr=False)
class SparkMLVector(Array):
    """A vector of Spark's: an array of doubles with a name of its own."""

    dtype: ColumnType = field(default=DataType.double, init=False)

    def __repr__(self) -> str:
        return "SparkML vector"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": "sparkml_vector"}


@frozen(repr=False)
class Map(ComposedType):
    """A dict with any text as keys, and values of one type."""

    value_type: ColumnType = field(converter=column_type)

    def __repr__(self) -> str:
        return f"Map(str -> {self.value_type!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": "map", "values": self.value_type.to_dict()}


@frozen(repr=False)
class AnyType(ComposedType):
    """Whatever comes; nothing is checked."""

    def __repr__(self) -> str:
        return "Any"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"type": "any"}


def type_from_dict(content: Any, depth: int = 0) -> ColumnType:
    """Return the type that JSON describes; InvalidValue if it describes none."""
    if not isinstance(content, Mapping) or not isinstance(content.get("type"), str):
        raise InvalidValue(f"{quoted(content)} does not describe a type: it has no 'type'.")
    if depth > MAX_DEPTH:
        raise InvalidValue(f"A type is nested deeper than {MAX_DEPTH} levels.")
    kind = content["type"]
    if kind == "array":
        return Array(type_from_dict(content.get("items"), depth + 1))
    if kind == "map":
        return Map(type_from_dict(content.get("values"), depth + 1))
    if kind == "object":
        return _object_from_dict(content.get("properties"), depth)
    if kind == "sparkml_vector":
        return SparkMLVector()
    return AnyType() if kind == "any" else column_type(kind)


def _object_from_dict(content: Any, depth: int) -> Object:
    if not isinstance(content, Mapping):
        raise InvalidValue(f"The 'properties' of an object are {quoted(content)}, not a mapping.")
    return Object(
        [
            Property(name, type_from_dict(each, depth + 1), bool(each.get("required", True)))
            for name, each in content.items()
        ]
    )


# -- merging ---------------------------------------------------------------------------------------


def merged(one: ColumnType, other: ColumnType) -> ColumnType:
    """Return the type of values of which some are of one type and some of the other.

    What is missing in some objects becomes optional. InvalidValue if there is no such type.
    """
    if isinstance(other, AnyType):
        return _with_optional_properties(one)
    if isinstance(one, AnyType):
        return _with_optional_properties(other)
    if one == other:
        return one
    if isinstance(one, Object) and isinstance(other, Object):
        return _merged_objects(one, other)
    if isinstance(one, Array) and isinstance(other, Array) and type(one) is type(other):
        return Array(merged(one.dtype, other.dtype))
    if isinstance(one, Map) and isinstance(other, Map):
        return Map(merged(one.value_type, other.value_type))
    raise InvalidValue(f"Values of the types {one!r} and {other!r} cannot be in one place.")


def _with_optional_properties(one: ColumnType) -> ColumnType:
    if isinstance(one, Object):
        return Object([Property(each.name, each.dtype, False) for each in one.properties])
    return one


def _merged_objects(one: Object, other: Object) -> Object:
    ours = {each.name: each for each in one.properties}
    theirs = {each.name: each for each in other.properties}
    properties = []
    for name in ours.keys() | theirs.keys():
        if name in ours and name in theirs:
            a, b = ours[name], theirs[name]
            properties.append(Property(name, merged(a.dtype, b.dtype), a.required and b.required))
        else:
            properties.append(Property(name, (ours.get(name) or theirs[name]).dtype, False))
    return Object(properties)
