"""Predictions of an ONNX model from tables, arrays and dicts of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pegboard.errors import InvalidValue

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_DTYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(uint8)": "uint8",
}


class OnnxPredictor:
    """Runs a session.

    A DataFrame gives a DataFrame, with a column per output of the model; an array (if the model has
    one input) or a dict of arrays by input gives a dict of arrays by output.
    """

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        self._inputs = {item.name: item for item in session.get_inputs()}
        self._outputs = [item.name for item in session.get_outputs()]

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return the model's outputs for ``data``."""
        del params  # a graph has none
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument

        feeds = {name: self._cast(name, value) for name, value in self._feeds(data).items()}
        try:
            outputs = self.session.run(self._outputs, feeds)
        except (InvalidArgument, Fail) as error:
            raise InvalidValue(
                f"ONNX Runtime does not take these inputs: {str(error).partition(chr(10))[0]}"
            ) from error
        named = dict(zip(self._outputs, outputs, strict=True))
        return _table(named, data) if hasattr(data, "columns") else named

    def _feeds(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            return self._chosen(data)
        if hasattr(data, "columns"):
            if len(self._inputs) > 1:
                columns = self._chosen(data)
                return {name: self._column(name, columns[name]) for name in columns}
            return {next(iter(self._inputs)): data.to_numpy()}
        if len(self._inputs) > 1:
            raise InvalidValue(
                f"The model has {len(self._inputs)} inputs, so one array does not do.",
                hint=f"Give a dict or a DataFrame with: {', '.join(self._inputs)}.",
            )
        return {next(iter(self._inputs)): data}

    def _chosen(self, data: Any) -> dict[str, Any]:
        missing = [name for name in self._inputs if name not in data]
        if missing:
            raise InvalidValue(
                f"The model's input {', '.join(map(repr, missing))} is missing.",
                hint=f"Its inputs are: {', '.join(self._inputs)}.",
            )
        return {name: data[name] for name in self._inputs}

    def _column(self, name: str, column: Any) -> Any:
        values = column.to_numpy()
        if values.dtype == object and len(values) and isinstance(values[0], (list, np.ndarray)):
            return np.stack([np.asarray(value) for value in values])
        # Converters of tables make each column an input of the shape (rows, 1).
        return values.reshape(-1, 1) if len(self._inputs[name].shape) == 2 else values

    def _cast(self, name: str, value: Any) -> Any:
        array = np.asarray(value)
        kind = self._inputs[name].type
        if kind == "tensor(string)":
            return array.astype(str).astype(object)
        dtype = _DTYPES.get(kind)
        if dtype is None or array.dtype == dtype:
            return array
        if array.dtype != object and not np.can_cast(array.dtype, dtype, casting="same_kind"):
            raise InvalidValue(
                f"The model's input {name!r} is of type {dtype}; {array.dtype} was given."
            )
        try:
            return array.astype(dtype)
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"The model's input {name!r} is of type {dtype}: {error}.") from None


def _table(outputs: Mapping[str, Any], given: Any) -> Any:
    """Return outputs as columns of a table like the one that was given.

    An output that has several values in a row is a column of arrays.
    """
    rows = len(given)
    columns: dict[str, Any] = {}
    for name, value in outputs.items():
        flat = isinstance(value, np.ndarray) and value.size == rows
        columns[name] = value.reshape(-1) if flat else list(value)
    return type(given)(columns, index=given.index)
