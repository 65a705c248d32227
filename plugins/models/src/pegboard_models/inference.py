"""Schemas from examples of data, with the answers that MLflow gives."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import is_dataclass
from typing import Any

from pegboard.errors import InvalidValue, quoted

from pegboard_models import kinds
from pegboard_models.datatypes import (
    AnyType,
    Array,
    ColumnType,
    DataType,
    Object,
    Property,
    merged,
)
from pegboard_models.schema import ColSpec, ParamSchema, ParamSpec, Schema, Spec, TensorSpec

_SCALARS: Mapping[type, DataType] = {
    bool: DataType.boolean,
    int: DataType.long,
    float: DataType.double,
    str: DataType.string,
    bytes: DataType.binary,
    bytearray: DataType.binary,
    object: DataType.string,
}


logger = logging.getLogger(__name__)

_LONG = range(-(2**63), 2**63)


def schema(data: Any) -> Schema:
    """Return the schema of an example; InvalidValue if it has none.

    A column of an unknown type accepts anything, which the log says.
    """
    if is_dataclass(data):
        from pegboard_models import hints

        return hints.dataclass_schema(data)
    if kinds.is_tensor(data):
        data = kinds.to_array(data)
    return Schema(_specs(data))


def _specs(data: Any) -> list[Spec]:
    if kinds.is_frame(data):
        return [_pandas_spec(data[name], name) for name in data.columns]
    if kinds.is_series(data):
        return [_pandas_spec(data, data.name)]
    if kinds.is_polars_frame(data):
        return [_polars_spec(column, column.name) for column in data.get_columns()]
    if kinds.is_polars_series(data):
        return [_polars_spec(data, data.name or None)]
    if kinds.is_array(data):
        return [_tensor_spec(data.dtype, data.shape)]
    if kinds.is_sparse(data):
        return [_tensor_spec(data.data.dtype, data.shape)]
    if isinstance(data, dict):
        return _dict_specs(data)
    if isinstance(data, list):
        return _list_specs(data)
    return [ColSpec(_known_type(data))]


def _tensor_spec(dtype: Any, shape: Iterable[int], name: str | None = None) -> TensorSpec:
    sizes = list(shape)
    if not sizes:
        raise InvalidValue("An array without dimensions has no rows.")
    return TensorSpec(dtype, (-1, *sizes[1:]), name)


def _dict_specs(data: dict[Any, Any]) -> list[Spec]:
    if not data:
        raise InvalidValue("An empty dict has no schema.")
    if not all(isinstance(key, str) for key in data):
        raise InvalidValue("The keys of a dict that is a model's input or output are texts.")
    arrays = {
        key: kinds.to_array(value) if kinds.is_tensor(value) else value
        for key, value in data.items()
    }
    if all(kinds.is_array(value) for value in arrays.values()):
        return [_tensor_spec(value.dtype, value.shape, key) for key, value in arrays.items()]
    return [
        ColSpec(_or_any(key, _known_type, value), key, not _holds_missing(value))
        for key, value in data.items()
    ]


def _list_specs(data: list[Any]) -> list[Spec]:
    if not data:
        return [ColSpec(DataType.string)]
    if not all(isinstance(item, dict) for item in data):
        return [ColSpec(_item_type(data))]
    columns: dict[Any, list[Any]] = {}
    for item in data:
        for key, value in item.items():
            columns.setdefault(key, []).append(value)
    return [
        ColSpec(
            _or_any(key, _item_type, values),
            key,
            not any(kinds.is_missing(item.get(key)) for item in data),
        )
        for key, values in columns.items()
    ]


def _holds_missing(value: Any) -> bool:
    return any(map(kinds.is_missing, value)) if isinstance(value, list) else kinds.is_missing(value)


def _item_type(values: list[Any]) -> ColumnType:
    found = _known_type(values)
    return found.dtype if isinstance(found, Array) else found


def _known_type(value: Any) -> ColumnType:
    found = _undetermined(value_type(value))
    if _holds_another(value, found):
        raise InvalidValue(
            f"An empty list or dict stands where {found!r} has another kind of value."
        )
    return found


def _holds_another(value: Any, kind: ColumnType) -> bool:
    """Whether an empty list or dict, which alone may be anything, is where other values are."""
    if isinstance(value, dict):
        if not isinstance(kind, Object):
            return isinstance(kind, (DataType, Array))
        types = {each.name: each.dtype for each in kind.properties}
        return any(_holds_another(each, types[name]) for name, each in value.items())
    if isinstance(value, list):
        if not isinstance(kind, Array):
            return isinstance(kind, (DataType, Object))
        return any(_holds_another(each, kind.dtype) for each in value)
    return False


def _or_any(name: Any, find: Callable[[Any], ColumnType], values: Any) -> ColumnType:
    """Return the type of a column; of one that has a name and no type, whatever comes."""
    try:
        return find(values)
    except InvalidValue as error:
        if name is None:
            raise
        logger.warning(
            "The type of the column %s is not known, so anything is accepted there: %s",
            quoted(name),
            error.message,
        )
        return AnyType()


def _undetermined(found: ColumnType | None) -> ColumnType:
    if found is None:
        raise InvalidValue("The type of an empty array is not known.")
    return found


# -- values ----------------------------------------------------------------------------------------


def value_type(value: Any) -> ColumnType | None:
    """Return the type of a value; None for an empty array, which says nothing."""
    if kinds.is_missing(value) or (isinstance(value, (list, dict)) and not value):
        return AnyType()
    if isinstance(value, dict):
        return Object([_property(name, part) for name, part in value.items()])
    if kinds.is_tensor(value):
        value = kinds.to_array(value)
    if isinstance(value, list) or kinds.is_array(value):
        return _array_type(value)
    return _scalar_type(value)


def _property(name: str, value: Any) -> Property:
    found = _undetermined(value_type(value))
    return Property(name, found, not isinstance(found, AnyType))


def _array_type(values: Any) -> Array | None:
    result: ColumnType | None = None
    for value in values:
        found = value_type(value)
        if found is None or found == result:
            continue
        if isinstance(result, DataType) and isinstance(found, AnyType):
            continue
        try:
            result = found if result is None else merged(result, found)
        except InvalidValue as error:
            raise InvalidValue(
                f"A list holds values of different types: {error.message}",
                hint="Write the signature yourself, with Array(AnyType()) for such a list.",
            ) from None
    return None if result is None else Array(result)


def _scalar_type(value: Any) -> DataType:
    known = _SCALARS.get(type(value))
    if known is DataType.long and value not in _LONG:
        raise InvalidValue(f"The number {quoted(value)} has more than 64 bits.")
    if known is not None:
        return known
    if isinstance(value, datetime.date):
        return DataType.datetime
    if kinds.is_numpy_scalar(value):
        return numpy_type(value.dtype)
    raise InvalidValue(f"{quoted(value)} ({type(value).__name__}) is of no type that models know.")


def numpy_type(dtype: Any) -> DataType:
    """Return the type of a scalar for one of NumPy or of pandas."""
    dtype = getattr(dtype, "subtype", dtype)  # That of a sparse column says nothing itself.
    kind, size = dtype.kind, getattr(dtype, "itemsize", 0)
    if kind in "iu":
        if size < 4 or (kind == "i" and size == 4):
            return DataType.integer
        if size < 8 or kind == "i":
            return DataType.long
    elif kind == "f" and size <= 8:
        return DataType.float if size <= 4 else DataType.double
    found = {
        "b": DataType.boolean,
        "U": DataType.string,
        "S": DataType.binary,
        "M": DataType.datetime,
    }.get(kind)
    if found is None:
        raise InvalidValue(f"The type {str(dtype)!r} has no counterpart in a schema.")
    return found


# -- pandas ----------------------------------------------------------------------------------------


def _pandas_spec(column: Any, name: Any) -> ColSpec:
    if len(column.shape) > 1:
        raise InvalidValue(f"The column {quoted(name)} is there several times.")
    # Without a name nothing can say that a column is left out.
    required = name is None or not any(map(kinds.is_missing, column))
    return ColSpec(_or_any(name, _pandas_type, column), name, required)


def _polars_spec(column: Any, name: str | None) -> ColSpec:
    from pegboard_models import polars_schema

    gaps = kinds.holds_gaps(column)
    found = _or_any(name, lambda each: polars_schema.dtype(each.dtype, gaps=gaps), column)
    return ColSpec(found, name, name is None or not polars_schema.holds_missing(column))


def _pandas_type(column: Any) -> ColumnType:
    if column.dtype.kind == "O":
        column = column.infer_objects()
    if column.dtype.kind != "O":
        return numpy_type(column.dtype)
    try:
        return _item_type(column.to_list())
    except InvalidValue:
        from pandas.api.types import is_string_dtype

        if is_string_dtype(column):
            return DataType.string
        raise


# -- params ----------------------------------------------------------------------------------------


def param_schema(params: Mapping[str, Any]) -> ParamSchema:
    """Return the schema of examples of params, which become the defaults."""
    if not isinstance(params, Mapping):
        raise InvalidValue(f"Params are a mapping, not {type(params).__name__}.")
    return ParamSchema([_param_spec(name, value) for name, value in params.items()])


def _param_spec(name: str, value: Any) -> ParamSpec:
    listed = isinstance(value, list) or kinds.is_array(value)
    try:
        found = _param_type(value, listed)
    except InvalidValue as error:
        raise InvalidValue(
            f"The type of the param {quoted(name)} is not known: {error.message}"
        ) from None
    return ParamSpec(name, found, deepcopy(value), (-1,) if listed else None)


def _param_type(value: Any, listed: bool) -> ColumnType:
    import numpy as np

    if isinstance(value, dict):
        return _undetermined(value_type(value))
    if listed:
        if all(_is_date(item) for item in value):
            return DataType.datetime
        return numpy_type(_flat(np, value).dtype)
    if _is_date(value):
        return DataType.datetime
    if not kinds.is_scalar(value):
        raise InvalidValue(f"{type(value).__name__} is neither one value nor a flat list.")
    return numpy_type(np.array(value).dtype)


def _flat(np: Any, value: Any) -> Any:
    try:
        array = np.array(value)
    except ValueError as error:
        raise InvalidValue(f"it is not a flat list: {error}") from None
    if array.ndim != 1:
        raise InvalidValue(f"a param is one value or a flat list, not one of {array.ndim} levels")
    return array


def _is_date(value: Any) -> bool:
    return isinstance(value, datetime.date) or (
        kinds.is_numpy_scalar(value) and value.dtype.kind == "M"
    )
