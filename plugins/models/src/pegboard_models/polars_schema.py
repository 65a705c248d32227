"""The schemas of polars' columns."""

from __future__ import annotations

from typing import Any

from pegboard.errors import InvalidValue

from pegboard_models.datatypes import AnyType, Array, ColumnType, DataType, Object, Property

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


def holds_missing(column: Any) -> bool:
    """Whether a value of a column is missing: null, or NaN."""
    return column.null_count() > 0 or (column.dtype.is_float() and bool(column.is_nan().any()))


def dtype(given: Any, *, gaps: bool = False) -> ColumnType:
    """Return the type for one of polars'; InvalidValue if there is none.

    ``gaps``: some of the values are missing, which polars does not say of parts of objects.
    """
    name = str(given.base_type())
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name in ("List", "Array"):
        return Array(dtype(given.inner, gaps=gaps))
    if name == "Struct":
        return Object(
            [Property(each.name, dtype(each.dtype, gaps=gaps), not gaps) for each in given.fields]
        )
    if name == "Null":
        return AnyType()
    raise InvalidValue(f"The polars type {given} has no counterpart in a schema.")
