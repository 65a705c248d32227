"""Safe conversions of the columns of a table."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pegboard_models import kinds
from pegboard_models.datatypes import DataType
from pegboard_models.mismatch import SchemaMismatch

if TYPE_CHECKING:
    import pandas as pd

_EXACT = {4: 2**24, 8: 2**53}
"""By the size of a float: the whole numbers up to which it holds each of them exactly."""


def column(name: Any, values: pd.Series, dtype: DataType, *, gaps: bool = False) -> pd.Series:
    """Return a column as a type; SchemaMismatch, which names it, where that could lose something.

    It is the same column, not a copy, if it is of that type, or of categories of that type.
    ``gaps``: whole numbers and booleans may be missing, and then are of pandas's nullable types.
    """
    wanted = dtype.to_numpy()
    if values.dtype == wanted:
        return values
    if hasattr(values.dtype, "fill_value"):
        return column(name, values.sparse.to_dense(), dtype, gaps=gaps)
    if _is_categorical(values.dtype):
        column(name, values.cat.categories.to_series(), dtype, gaps=gaps)
        return values
    if gaps and dtype in _NULLABLE and (found := _with_gaps(values, dtype)) is not None:
        return found
    if gaps and wanted.kind in "fM" and values.isna().all():
        return values.map(lambda _: float("nan")).astype(wanted)
    if values.dtype == object and dtype not in (DataType.string, DataType.binary):
        given, numeric = values, dtype in (DataType.float, DataType.double)
        values = _without_odd_gaps(values) if numeric else values.infer_objects()
        if values.dtype != wanted and wanted.kind == "i" and _are_whole(given, wanted):
            return given.astype(wanted)
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
        return _naive_dates(values)
    if dtype is DataType.double and values.dtype == object:
        return _decimals(name, values)
    if not _is_safe(values, wanted):
        raise _mismatch(name, values, dtype)
    try:
        return values.astype(wanted)
    except (ValueError, TypeError) as error:
        raise _mismatch(name, values, dtype) from error


_NULLABLE = {
    DataType.boolean: "boolean",
    DataType.integer: "Int32",
    DataType.long: "Int64",
}
"""What pandas calls the types of values of which some may be missing."""


def _is_categorical(dtype: Any) -> bool:
    import pandas as pd

    return isinstance(dtype, pd.CategoricalDtype)


def _with_gaps(values: pd.Series, dtype: DataType) -> pd.Series | None:
    """Return a column in which values are missing, in a type that can say so; None for others."""
    if not values.isna().any():
        return None
    if values.dtype != object:
        # A type that holds gaps among whole numbers or booleans is kept as it is.
        return values if values.dtype.kind in "iub" and _is_safe(values, dtype.to_numpy()) else None
    import pandas as pd

    present = values[values.notna()]
    if dtype is DataType.boolean and len(present):
        return None  # Objects that are true or false are checked one by one.
    if len(present) and not _are_whole(present, dtype.to_numpy()):
        return None
    kept = [None if kinds.is_missing(value) else value for value in values]
    return pd.Series(pd.array(kept, dtype=_NULLABLE[dtype]), values.index, name=values.name)


def _are_whole(values: pd.Series, wanted: Any) -> bool:
    """Whether objects are whole numbers that a type holds, of whatever mixture of types."""
    if not all(map(_is_whole, values)):
        return False
    if any(getattr(each, "itemsize", 8) > wanted.itemsize for each in values):
        return False  # As for columns, the type decides, not how large a number happens to be.
    return len(values) == 0 or (values.max() < 2**63 and values.min() >= -(2**63))


def _is_whole(value: Any) -> bool:
    if kinds.is_numpy_scalar(value):
        return bool(value.dtype.kind in "iu")
    return isinstance(value, int) and not isinstance(value, bool)


def _without_odd_gaps(values: pd.Series) -> pd.Series:
    """Return objects as what they are together; whatever stands for a gap is NaN then."""
    if not values.isna().any():
        return values.infer_objects()
    floats = values.map(lambda value: float("nan") if kinds.is_missing(value) else value)
    present = values[values.notna()]
    if len(present) and all(map(_is_small_float, present)):
        # Together with Python's own NaN, small floats would be taken for big ones.
        return floats.astype("float32")
    return floats.infer_objects()


def _is_small_float(value: Any) -> bool:
    return kinds.is_numpy_scalar(value) and value.dtype.kind == "f" and value.itemsize <= 4


def _is_text(dtype: Any) -> bool:
    import pandas as pd

    # Bytes of pyarrow are of the kind of objects.
    return isinstance(dtype, pd.StringDtype) or dtype.kind in "US" or dtype.type is bytes


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
        numpy_one = kinds.is_numpy_scalar(value) and value.dtype.kind == "b"
        if not (isinstance(value, bool) or numpy_one or kinds.is_missing(value)):
            raise _not_a(name, value, DataType.boolean)
    return values


def _dates(name: Any, values: pd.Series) -> pd.Series:
    """Return texts, dates or times as times without a zone."""
    if values.dtype == object:
        values = values.map(_without_zone)
    for unit in ("ns", "us"):
        # Nanoseconds, as the type has it, reach from 1677 to 2262 only.
        try:
            return values.astype(f"datetime64[{unit}]")
        except (ValueError, TypeError, OverflowError) as error:
            fault = error
    raise _mismatch(name, values, DataType.datetime) from fault


def _without_zone(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value


def _zone(dtype: Any) -> Any:
    # Of pyarrow's types, dates know no zone, and their accessor does not either.
    return getattr(getattr(dtype, "pyarrow_dtype", dtype), "tz", None)


def _naive_dates(values: pd.Series) -> pd.Series:
    """Return times as such of UTC without a zone, which is what they become as JSON too."""
    import pandas as pd

    if _zone(values.dtype) is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    try:
        return values.astype("datetime64[ns]")
    except pd.errors.OutOfBoundsDatetime:
        return values


def _decimals(name: Any, values: pd.Series) -> pd.Series:
    if len(values) and all(isinstance(each, Decimal) or kinds.is_missing(each) for each in values):
        return values.map(float, na_action="ignore").astype(float)
    raise _mismatch(name, values, DataType.double)
