"""What kind of data an object is, told without importing the library that it is of."""

from __future__ import annotations

import math
import sys
from typing import Any


def _is(data: Any, module: str, *names: str) -> bool:
    """Whether an object is of a class of a library; it cannot be if that is not imported."""
    library = sys.modules.get(module)
    if library is None:
        return False
    classes = tuple(found for name in names if (found := getattr(library, name, None)))
    return isinstance(data, classes)


def is_frame(data: Any) -> bool:
    """Whether it is a pandas.DataFrame."""
    return _is(data, "pandas", "DataFrame")


def is_series(data: Any) -> bool:
    """Whether it is a pandas.Series."""
    return _is(data, "pandas", "Series")


def is_polars_frame(data: Any) -> bool:
    """Whether it is a polars.DataFrame."""
    return _is(data, "polars", "DataFrame")


def is_polars_series(data: Any) -> bool:
    """Whether it is a polars.Series."""
    return _is(data, "polars", "Series")


def is_array(data: Any) -> bool:
    """Whether it is a NumPy array."""
    return _is(data, "numpy", "ndarray")


def is_numpy_scalar(data: Any) -> bool:
    """Whether it is a scalar of NumPy's."""
    return _is(data, "numpy", "generic")


def is_sparse(data: Any) -> bool:
    """Whether it is a sparse matrix of SciPy's, by rows or by columns."""
    return _is(data, "scipy.sparse", "csr_matrix", "csc_matrix", "csr_array", "csc_array")


def is_scalar(data: Any) -> bool:
    """Whether it is one value: text, bytes, a number or a scalar of NumPy's."""
    return isinstance(data, (str, bytes, bool, int, float, complex)) or is_numpy_scalar(data)


def is_missing(value: Any) -> bool:
    """Whether it stands for no value: None, NaN and what pandas has for it."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def is_tensor(data: Any) -> bool:
    """Whether it is an array of another library, such as a tensor of PyTorch's."""
    if is_array(data) or is_numpy_scalar(data) or is_sparse(data):
        return False
    if is_frame(data) or is_series(data) or is_polars_series(data) or isinstance(data, type):
        return False
    return all(hasattr(data, name) for name in ("shape", "dtype", "__array__"))


def to_array(data: Any) -> Any:
    """Return a tensor as a NumPy array."""
    import numpy as np

    for step in ("detach", "cpu"):
        # PyTorch's tensors may be part of a graph, or on another device.
        method = getattr(data, step, None)
        if callable(method):
            data = method()
    return np.asarray(data)


def to_pandas(data: Any, *, nullable: bool = False) -> Any:
    """Return a table or a column of polars as that of pandas.

    Whole numbers and booleans with gaps become floats and objects, as polars itself has it; with
    ``nullable`` they keep their type.
    """
    from pegboard_scripting.client.frames import load_pandas

    pd = load_pandas()
    frame = is_polars_frame(data)
    try:
        found = data.to_pandas()
    except ModuleNotFoundError:
        # Polars asks for pyarrow, which pandas itself does not need.
        if frame:
            found = pd.DataFrame(data.to_dict(as_series=False))
        else:
            found = pd.Series(data.to_list(), name=data.name or None)
    if nullable and frame:
        for column in data.get_columns():
            if (kept := _with_gaps(pd, column)) is not None:
                found[column.name] = kept
        return found
    kept = _with_gaps(pd, data) if nullable else None
    return found if kept is None else kept.rename(data.name or None)


def _with_gaps(pd: Any, column: Any) -> Any:
    """Return a column of polars that would lose its types to gaps; None for any other."""
    if column.dtype.is_nested():
        return pd.Series(column.to_list(), dtype=object) if holds_gaps(column) else None
    if not column.null_count() or not (column.dtype.is_integer() or str(column.dtype) == "Boolean"):
        return None
    # Both libraries have the same names for the sizes of numbers.
    name = "boolean" if str(column.dtype) == "Boolean" else str(column.dtype)
    return pd.Series(column.to_list(), dtype=name)


def holds_gaps(column: Any) -> bool:
    """Whether values of a column of polars are missing, however deep they are nested."""
    if not column.dtype.is_nested():
        return bool(column.null_count())
    return any(map(_holds_none, column.to_list()))


def _holds_none(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_none, value.values()))
    return value is None or (isinstance(value, list) and any(map(_holds_none, value)))
