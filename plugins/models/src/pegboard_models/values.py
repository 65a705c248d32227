"""Single values are checked against the types of a schema, however deep they are nested."""

from __future__ import annotations

import datetime
from typing import Any

from pegboard.errors import quoted

from pegboard_models import casting, kinds
from pegboard_models.datatypes import AnyType, Array, ColumnType, DataType, Map, Object
from pegboard_models.mismatch import SchemaMismatch, listed


def value(data: Any, dtype: ColumnType, column: Any, *, required: bool = True) -> Any:
    """Return one value as a type asks for; SchemaMismatch if it is not of that type."""
    if isinstance(dtype, AnyType):
        return data
    if not required and (kinds.is_missing(data) or _empty(data)):
        return None if kinds.is_missing(data) else data
    if isinstance(dtype, DataType):
        return _scalar(data, dtype, column)
    if isinstance(dtype, Array):
        return _array(data, dtype, column)
    if isinstance(dtype, Object):
        return object_value(data, dtype, column)
    if isinstance(dtype, Map):
        return _map(data, dtype, column, required)
    raise SchemaMismatch(f"The column {column!r} is of the unknown type {dtype!r}.", column=column)


def _empty(data: Any) -> bool:
    return (isinstance(data, (list, dict)) or kinds.is_array(data)) and len(data) == 0


def _scalar(data: Any, dtype: DataType, column: Any) -> Any:
    if not kinds.is_scalar(data) and not isinstance(data, datetime.date):
        raise SchemaMismatch(
            f"The column {column!r} holds {quoted(data)} where a value of the type "
            f"{dtype.name} belongs.",
            column=column,
        )
    from pegboard_scripting.client.frames import load_pandas

    found = casting.column(column, load_pandas().Series([data]), dtype).iloc[0]
    return found.item() if kinds.is_numpy_scalar(found) else found


def _array(data: Any, dtype: Array, column: Any) -> Any:
    is_array = kinds.is_array(data)
    if _empty(data) and (is_array or isinstance(data, list)):
        return data
    if data is None and isinstance(dtype.dtype, AnyType):
        return data
    if not isinstance(data, (list, tuple)) and not is_array:
        raise SchemaMismatch(
            f"The column {column!r} holds {quoted(data)} where a list belongs.", column=column
        )
    if isinstance(dtype.dtype, DataType):
        return _flat_array(data, dtype.dtype, column)
    # The type of a list does not say whether items may be missing, so they may.
    items = [value(item, dtype.dtype, column, required=False) for item in data]
    if is_array:
        import numpy as np

        return np.array(items)
    return items


def _flat_array(data: Any, dtype: DataType, column: Any) -> Any:
    import numpy as np
    from pegboard_scripting.client.frames import load_pandas

    if kinds.is_array(data) and data.ndim != 1:
        raise SchemaMismatch(
            f"The column {column!r} holds an array of {data.ndim} dimensions where a flat list "
            "belongs.",
            column=column,
        )
    gaps = any(map(kinds.is_missing, data))
    # As objects, so that whole numbers do not become floats because of gaps, or unsigned because
    # of one of NumPy's among them.
    objects = gaps or not kinds.is_array(data)
    values = load_pandas().Series(
        list(data) if objects else data, dtype=object if objects else None
    )
    checked = casting.column(column, values, dtype, gaps=gaps)
    if kinds.is_array(data):
        wanted = object if gaps and checked.dtype.kind in "iubO" else dtype.to_numpy()
        return np.asarray(checked.to_numpy(dtype=wanted))
    if not gaps:
        return checked.tolist()
    return [None if kinds.is_missing(item) else item for item in checked.tolist()]


def object_value(data: Any, dtype: Object, column: Any) -> dict[str, Any]:
    """Return a dict with its parts as an object's properties ask for; else SchemaMismatch."""
    if not isinstance(data, dict):
        raise SchemaMismatch(
            f"The column {column!r} holds {quoted(data)} where an object belongs.", column=column
        )
    properties = {each.name: each for each in dtype.properties}
    missing = sorted(
        name for name, each in properties.items() if each.required and name not in data
    )
    if missing:
        raise SchemaMismatch(
            f"An object in the column {column!r} lacks {listed(missing)}.", column=column
        )
    unknown = [name for name in data if name not in properties]
    if unknown:
        raise SchemaMismatch(
            f"An object in the column {column!r} holds {listed(unknown)}, which the model does "
            "not know.",
            column=column,
            hint=f"Known are: {listed(list(properties))}.",
        )
    return {
        name: value(
            item, properties[name].dtype, f"{column}.{name}", required=properties[name].required
        )
        for name, item in data.items()
    }


def _map(data: Any, dtype: Map, column: Any, required: bool) -> Any:
    if data is None and isinstance(dtype.value_type, AnyType):
        return data
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise SchemaMismatch(
            f"The column {column!r} holds {quoted(data)} where an object with texts as keys "
            "belongs.",
            column=column,
        )
    return {
        key: value(item, dtype.value_type, f"{column}.{key}", required=required)
        for key, item in data.items()
    }
