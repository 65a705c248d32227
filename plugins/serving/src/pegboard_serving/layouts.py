"""What the rows of a request become: a table of named columns, or one array.

Models whose signature has such a layout get their input built at once from the rows of one request
or of several. Other signatures are served without a layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pegboard_models import ColSpec, DataType, Schema, SchemaMismatch, TensorSpec

from pegboard_serving import casting

Rows = list[Any]
"""For a table lists of values in the order of its columns, for an array its items."""


class Layout(Protocol):
    """Builds a model's input."""

    def build(self, rows: Rows) -> Any:
        """Return the input that the rows make; SchemaMismatch if they make none."""
        ...


def layout_of(schema: Schema | None) -> Table | Tensor | None:
    """Return the layout of a schema, if it has one."""
    if schema is None:
        return None
    if schema.is_tensor_spec():
        (spec, *others) = schema.inputs
        if not others and isinstance(spec, TensorSpec) and Tensor.is_layout_of(spec):
            return Tensor(spec)
        return None
    columns = [spec for spec in schema.inputs if isinstance(spec, ColSpec)]
    flat = all(isinstance(spec.type, DataType) and spec.required for spec in columns)
    return Table(schema) if flat and schema.has_input_names() else None


class Table:
    """Named columns of scalars, all of them required: a DataFrame."""

    def __init__(self, schema: Schema) -> None:
        self.names = schema.input_names()
        self._types: list[DataType] = schema.input_types()
        self._index = pd.Index(self.names)
        kinds = set(self._types)
        self._dtype = _SAME.get(kinds.pop()) if len(kinds) == 1 else None

    def build(self, rows: Rows) -> pd.DataFrame:
        """Return a DataFrame with the columns of the schema, of its types."""
        if self._dtype is not None and (whole := self._at_once(rows)) is not None:
            return pd.DataFrame(whole, columns=self._index, copy=False)
        self._check_lengths(rows)
        columns = zip(*rows, strict=True) if rows else ((),) * len(self.names)
        casts = zip(self.names, columns, self._types, strict=True)
        return pd.DataFrame(
            {name: casting.column(name, values, kind) for name, values, kind in casts},
            columns=self._index,
        )

    def _at_once(self, rows: Rows) -> np.ndarray[Any, Any] | None:
        try:
            with np.errstate(over="ignore"):
                whole = np.array(rows, self._dtype)
        except (ValueError, TypeError, OverflowError):
            # Which column is at fault shows when they are cast one by one.
            return None
        return whole if whole.shape == (len(rows), len(self.names)) else None

    def _check_lengths(self, rows: Rows) -> None:
        for number, row in enumerate(rows):
            if not isinstance(row, (list, tuple)) or len(row) != len(self.names):
                size = len(row) if isinstance(row, (list, tuple)) else "no"
                raise SchemaMismatch(
                    f"The input does not fit the model: row {number} has {size} values, "
                    f"not {len(self.names)}.",
                )


_SAME = {DataType.double: np.float64, DataType.float: np.float32}
"""The types of columns that NumPy casts as strictly as is wanted."""


class Tensor:
    """One array of numbers without a name, whose first dimension is that of the rows."""

    def __init__(self, spec: TensorSpec) -> None:
        self._dtype = spec.type
        self._shape = spec.shape

    @staticmethod
    def is_layout_of(spec: TensorSpec) -> bool:
        """Whether the array has rows, any number of them."""
        return spec.name is None and spec.type.kind in "iuf" and spec.shape[:1] == (-1,)

    def build(self, rows: Rows) -> np.ndarray[Any, Any]:
        """Return an array of the shape and type of the schema."""
        try:
            with np.errstate(over="ignore"):
                found = np.array(rows, self._dtype)
        except (ValueError, TypeError, OverflowError):
            raise self._mismatch(rows) from None
        if not rows:
            found = found.reshape((0, *(max(size, 0) for size in self._shape[1:])))
        expected = zip(found.shape, self._shape, strict=False)
        if found.ndim != len(self._shape) or any(want not in (-1, size) for size, want in expected):
            raise SchemaMismatch(
                f"The input does not fit the model: its shape is {found.shape}, not {self._shape}."
            )
        if rows and found.dtype.kind in "iu" and _loses(rows, found):
            raise SchemaMismatch(
                "The input does not fit the model: "
                f"it holds numbers that are not whole or too large for {self._dtype}."
            )
        return found

    def _mismatch(self, rows: Rows) -> SchemaMismatch:
        front = "The input does not fit the model: "
        for number, row in enumerate(rows):
            try:
                np.array(row, self._dtype)
            except (ValueError, TypeError, OverflowError):
                return SchemaMismatch(f"{front}row {number} is not made of numbers as it should.")
        return SchemaMismatch(f"{front}its rows have different shapes.")


def _loses(rows: Rows, found: np.ndarray[Any, Any]) -> bool:
    given = np.array(rows)
    return given.dtype.kind == "f" and not bool(np.array_equal(given, found))


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several requests as one list."""
    return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))
