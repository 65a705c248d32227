"""Safe conversions of the columns of a table."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pegboard_models.datatypes import DataType
from pegboard_models.mismatch import SchemaMismatch

if TYPE_CHECKING:
    import pandas as pd

_EXACT = {4: 2**24, 8: 2**53}
"""By the size of a float: the whole numbers up to which it holds each of them exactly."""


def column(name: Any, values: pd.Series, dtype: DataType) -> pd.Series:
    """Return a column as a type; SchemaMismatch, which names it, where that could lose something.

    It is the same column, not a copy, if it is of that type.
    """
    wanted = dtype.to_numpy()
    if values.dtype == wanted:
        return values
    if values.dtype == object and dtype not in (DataType.string, DataType.binary):
        values = values.infer_objects()
        if values.dtype == wanted:
            return values
    textual = _is_text(values.dtype)
    if dtype in (DataType.string, DataType.binary) and (values.dtype == object or textual):
        return values
    if dtype is DataType.boolean and values.dtype == object:
        return _checked_booleans(name, values)
    if dtype is DataType.datetime and (values.dtype == object or textual):
        return _dates(name, values)
    if dtype is DataType.datetime and values.dtype.kind == "M":
        return _naive_dates(name, values)
    if dtype is DataType.double and values.dtype == object:
        return _decimals(name, values)
    if not _is_safe(values, wanted):
        raise _mismatch(name, values, dtype)
    try:
        return values.astype(wanted)
    except (ValueError, TypeError) as error:
        raise _mismatch(name, values, dtype) from error


def _is_text(dtype: Any) -> bool:
    import pandas as pd

    return isinstance(dtype, pd.StringDtype) or dtype.kind in "US"


def _is_safe(values: pd.Series, wanted: Any) -> bool:
    given = values.dtype
    size = getattr(given, "itemsize", 0)
    if given.kind == wanted.kind:
        return bool(size <= wanted.itemsize)
    if given.kind == "u" and wanted.kind == "i":
        return bool(size < wanted.itemsize)
    if given.kind in "iu" and wanted.kind == "f":
        # MLflow refuses these by type alone; the values say more, and JSON has no other numbers.
        limit = _EXACT[wanted.itemsize]
        return len(values) == 0 or bool((values.max() <= limit) and (values.min() >= -limit))
    return False


def _mismatch(name: Any, values: pd.Series, dtype: DataType) -> SchemaMismatch:
    hint = ""
    if dtype in (DataType.integer, DataType.long) and values.dtype.kind == "f":
        if values.isna().any():
            hint = (
                "A value is missing, and whole numbers have none that stands for that. Declare "
                "the column as double, or infer the signature from data with missing values."
            )
        else:
            hint = "Pass whole numbers, or declare the column as double."
    return SchemaMismatch(
        f"The column {name!r} is of the type {values.dtype}, which cannot be converted to "
        f"{dtype.name} without the risk of losing something.",
        column=name,
        hint=hint,
    )


def _not_a(name: Any, value: Any, dtype: DataType) -> SchemaMismatch:
    from pegboard.errors import quoted

    return SchemaMismatch(
        f"The column {name!r} holds {quoted(value)}, which is not of the type {dtype.name}.",
        column=name,
    )


def _checked_booleans(name: Any, values: pd.Series) -> pd.Series:
    for value in values:
        if not (value is None or isinstance(value, bool) or value != value):
            raise _not_a(name, value, DataType.boolean)
    return values


def _dates(name: Any, values: pd.Series) -> pd.Series:
    import numpy as np

    try:
        return values.astype(np.dtype("datetime64[ns]"))
    except (ValueError, TypeError, OverflowError) as error:
        raise _mismatch(name, values, DataType.datetime) from error


def _naive_dates(name: Any, values: pd.Series) -> pd.Series:
    import numpy as np

    try:
        return values.astype(np.dtype("datetime64[ns]"))
    except (TypeError, ValueError) as error:
        raise SchemaMismatch(
            f"The column {name!r} holds times with a time zone ({values.dtype}).",
            column=name,
            hint="Models take times without one: convert them with dt.tz_convert(None).",
        ) from error


def _decimals(name: Any, values: pd.Series) -> pd.Series:
    if len(values) and all(value is None or isinstance(value, Decimal) for value in values):
        return values.astype(float)
    raise _mismatch(name, values, DataType.double)
