"""The schemas of polars' columns."""

from __future__ import annotations

from typing import Any

from pegboard.errors import InvalidValue

from pegboard_models.datatypes import AnyType, Array, ColumnType, DataType, Object, Property
from pegboard_models.schema import ColSpec

_SCALARS = {
    DataType.boolean: "Boolean",
    DataType.integer: "Int8 Int16 Int32 UInt8 UInt16",
    DataType.long: "Int64 UInt32",
    DataType.float: "Float16 Float32",
    DataType.double: "Float64 Decimal",
    DataType.string: "String Categorical Enum",
    DataType.binary: "Binary",
    DataType.datetime: "Date Datetime",
}
_BY_NAME = {name: kind for kind, names in _SCALARS.items() for name in names.split()}


def spec(column: Any, name: str | None) -> ColSpec:
    """Return what a column holds; it is optional if a value is missing."""
    found = dtype(column.dtype)
    missing = column.null_count() > 0
    if found in (DataType.float, DataType.double) and column.dtype.is_float():
        missing = missing or bool(column.is_nan().any())
    return ColSpec(found, name, not missing or name is None)


def dtype(given: Any) -> ColumnType:
    """Return the type for one of polars'; InvalidValue if there is none."""
    name = str(given.base_type())
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name in ("List", "Array"):
        return Array(dtype(given.inner))
    if name == "Struct":
        return Object([Property(each.name, dtype(each.dtype)) for each in given.fields])
    if name == "Null":
        return AnyType()
    raise InvalidValue(f"The polars type {given} has no counterpart in a schema.")
