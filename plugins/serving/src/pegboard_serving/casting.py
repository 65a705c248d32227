"""Values of JSON and CSV, cast to the columns of a signature: strictly, and by whole columns.

A value is taken if nothing of it is lost: ``3.0`` and ``"3"`` for a whole number, but not ``3.5``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pegboard.errors import quoted
from pegboard_models import DataType, SchemaMismatch

Column = Any
"""What a table can be made of: an array, a Series or a list."""

_WANTED = {
    DataType.boolean: "true or false",
    DataType.integer: "a whole number of 32 bits",
    DataType.long: "a whole number of 64 bits",
    DataType.float: "a number",
    DataType.double: "a number",
    DataType.string: "text",
    DataType.binary: "bytes in Base64",
    DataType.datetime: "a date or time without a time zone",
}


_NULLABLE: Mapping[DataType, Callable[[Any, Any], Column]] = {
    DataType.boolean: pd.arrays.BooleanArray,
    DataType.integer: pd.arrays.IntegerArray,
    DataType.long: pd.arrays.IntegerArray,
}


class _Unfit(ValueError):
    """The values cannot be taken."""


def column(name: str | int, values: Sequence[Any], kind: DataType, *, gaps: bool = False) -> Column:
    """Return values as a column of a type; SchemaMismatch names the column and the first bad row.

    What is missing (None) is NaN, NaT or None in columns that have such a thing; others refuse it,
    or with ``gaps`` are of pandas's nullable types.
    """
    if gaps and kind in _NULLABLE and any(value is None for value in values):
        found = column(name, [0 if value is None else value for value in values], kind)
        return _NULLABLE[kind](found, np.array([value is None for value in values]))
    cast = _CASTS[kind]
    try:
        return cast(values)
    except (ValueError, TypeError, OverflowError):
        row = _first_bad(values, cast)
        if row is None:
            raise mismatch(name, f"its values together are not {_WANTED[kind]}") from None
        value = values[row]
        if value is None:
            raise mismatch(name, "a value is missing", row) from None
        raise mismatch(name, f"{quoted(value)} is not {_WANTED[kind]}", row) from None


def mismatch(name: str | int, what: str, row: int | None = None) -> SchemaMismatch:
    """Return the error for a column, and perhaps a row of it, counted from 0."""
    where = f"column {quoted(name)}" + ("" if row is None else f", row {row}")
    return SchemaMismatch(f"The input does not fit the model: {where}: {what}.", column=name)


def _first_bad(values: Sequence[Any], cast: Callable[[Sequence[Any]], Column]) -> int | None:
    """Return the position of the first value that cannot be cast alone, by halving."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if _is_good(values[low : middle + 1], cast):
            low = middle + 1
        else:
            high = middle
    return low if low < len(values) else None


def _is_good(values: Sequence[Any], cast: Callable[[Sequence[Any]], Column]) -> bool:
    try:
        cast(values)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _floats(dtype: type[np.floating[Any]]) -> Callable[[Sequence[Any]], Column]:
    def cast(values: Sequence[Any]) -> Column:
        with np.errstate(over="ignore"):
            found = np.array(values, dtype)
        if found.ndim != 1:
            raise _Unfit
        return found

    return cast


def _integers(dtype: type[np.signedinteger[Any]]) -> Callable[[Sequence[Any]], Column]:
    bounds = np.iinfo(dtype)

    def cast(values: Sequence[Any]) -> Column:
        found = np.array(values)
        if found.ndim != 1:
            raise _Unfit
        if found.dtype.kind not in "iubf" and len(found):
            found = np.array([_integer(value) for value in values])
        if found.dtype.kind == "f" and not (np.isfinite(found) & (found == np.floor(found))).all():
            raise _Unfit
        # What is beyond 64 bits is a float by now, and 2.0**63 is the first that is too large.
        if len(found) and not (found.min() >= bounds.min and found.max() < bounds.max + 1):
            raise _Unfit
        return found.astype(dtype)

    return cast


def _integer(value: Any) -> int | float:
    return int(value) if isinstance(value, str) else float(value)


def _booleans(values: Sequence[Any]) -> Column:
    if not all(value is True or value is False or _is_bit(value) for value in values):
        raise _Unfit
    return np.array(values, np.bool_)


def _is_bit(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_, int, float)) and value in (0, 1)


def _texts(values: Sequence[Any]) -> Column:
    if not all(isinstance(value, str) or value is None for value in values):
        raise _Unfit
    return _objects(list(values))


def _binaries(values: Sequence[Any]) -> Column:
    return _objects([None if value is None else _bytes(value) for value in values])


def _objects(values: list[Any]) -> Column:
    # A list, as pandas' type for text depends on its version; it takes an empty one for numbers.
    return values or np.array([], object)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise _Unfit
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        raise _Unfit from None


def _times(values: Sequence[Any]) -> Column:
    if not all(value is None or isinstance(value, (str, int)) for value in values):
        raise _Unfit
    series = pd.Series(list(values), dtype=object)
    try:
        found = pd.to_datetime(series, format="ISO8601")
    except ValueError:
        found = pd.to_datetime(series)
    if found.dtype.kind != "M" or getattr(found.dtype, "tz", None) is not None:
        raise _Unfit
    return found.astype("datetime64[ns]")


_CASTS: Mapping[DataType, Callable[[Sequence[Any]], Column]] = {
    DataType.boolean: _booleans,
    DataType.integer: _integers(np.int32),
    DataType.long: _integers(np.int64),
    DataType.float: _floats(np.float32),
    DataType.double: _floats(np.float64),
    DataType.string: _texts,
    DataType.binary: _binaries,
    DataType.datetime: _times,
}
