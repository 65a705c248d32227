"""JSON becomes data of the types that a model's signature names.

JSON knows numbers, texts, lists and objects only; the signature says which are whole numbers of 32
bits, times or bytes.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pegboard_models.datatypes import DataType
from pegboard_models.mismatch import SchemaMismatch
from pegboard_models.schema import ColSpec, Schema, TensorSpec


def typed_table(table: Any, schema: Schema | None) -> Any:
    """Return a table read from JSON with the types of a schema's columns.

    SchemaMismatch, which names the column, where a value is not of its type.
    """
    if schema is None or schema.is_tensor_spec():
        return table
    if schema.has_input_names():
        specs = {name: spec for name, spec in schema.input_dict().items() if name in table.columns}
    else:
        specs = dict(zip(table.columns, schema, strict=False))
    typed = {
        name: _column(name, table[name], spec.type)
        for name, spec in specs.items()
        if isinstance(spec, ColSpec) and isinstance(spec.type, DataType)
    }
    table = table.copy(deep=False)
    for name, column in typed.items():
        if column is not None:
            table[name] = column
    return table


def _column(name: Any, values: Any, dtype: DataType) -> Any:
    """Return a column as a type; None if it needs no conversion."""
    wanted = dtype.to_numpy()
    if values.dtype == wanted:
        return None
    if dtype is DataType.binary:
        return values.map(lambda text: _bytes(name, text), na_action="ignore")
    if dtype is DataType.datetime:
        return _times(name, values, wanted)
    if values.dtype.kind in "iu" and dtype in (DataType.integer, DataType.long):
        return _whole(name, values, wanted, dtype)
    if values.dtype.kind in "iuf" and dtype in (DataType.float, DataType.double):
        return values.astype(wanted)
    if values.isna().all() and dtype in (DataType.float, DataType.double):
        return values.astype(wanted)
    return None


def _whole(name: Any, values: Any, wanted: Any, dtype: DataType) -> Any:
    cast = values.astype(wanted)
    if not (cast == values).all():
        raise SchemaMismatch(
            f"The column {name!r} holds a number that is too large for the type {dtype.name}.",
            column=name,
        )
    return cast


def _times(name: Any, values: Any, wanted: Any) -> Any:
    import pandas as pd

    try:
        found = pd.to_datetime(values)
        if getattr(found.dtype, "tz", None) is not None:
            found = found.dt.tz_convert(None)
        return found.astype(wanted)
    except (ValueError, TypeError, OverflowError) as error:
        raise SchemaMismatch(
            f"The column {name!r} holds a value that is not a date or time: {error}", column=name
        ) from error


def _bytes(name: Any, text: Any) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return base64.decodebytes(text.encode("ascii"))
    except (AttributeError, UnicodeEncodeError, binascii.Error) as error:
        raise SchemaMismatch(
            f"The column {name!r} holds a value that is not base64, as bytes are in JSON.",
            column=name,
        ) from error


def typed_arrays(content: Any, schema: Schema | None) -> Any:
    """Return lists read from JSON as arrays, or a dict of them, with the types of a schema."""
    specs = list(schema) if schema is not None and schema.is_tensor_spec() else []
    if isinstance(content, dict):
        types = {spec.name: spec.type for spec in specs if isinstance(spec, TensorSpec)}
        return {name: _array(name, each, types.get(name)) for name, each in content.items()}
    only = specs[0] if len(specs) == 1 and isinstance(specs[0], TensorSpec) else None
    return _array(None, content, None if only is None else only.type)


def _array(name: Any, content: Any, dtype: Any) -> Any:
    import numpy as np

    try:
        return _cast(np.array(content), dtype)
    except (ValueError, TypeError, OverflowError) as error:
        what = "The input" if name is None else f"The input {name!r}"
        raise SchemaMismatch(f"{what} cannot be made an array: {error}", column=name) from error


def _cast(array: Any, dtype: Any) -> Any:
    if dtype is None:
        return array
    cast = array.astype(dtype)  # None, which is how JSON writes NaN, becomes NaN again.
    if array.dtype.kind in "iuf" and dtype.kind in "iu" and not (cast == array).all():
        raise ValueError(f"a number does not fit {dtype.name}")
    return cast
