"""Data for models whose input is tensors."""

from __future__ import annotations

from typing import Any

from pegboard.errors import quoted

from pegboard_models import kinds
from pegboard_models.mismatch import SchemaMismatch
from pegboard_models.schema import Schema, TensorSpec


def enforce(data: Any, schema: Schema) -> Any:
    """Return an array, or a dict of arrays if the tensors have names; checked against a schema."""
    specs: dict[Any, TensorSpec] = {
        name: spec for name, spec in schema.input_dict().items() if isinstance(spec, TensorSpec)
    }
    if schema.has_input_names():
        return _named(data, specs)
    return _unnamed(data, specs[0])


def _named(data: Any, specs: dict[Any, TensorSpec]) -> dict[Any, Any]:
    if len(specs) == 1 and (kinds.is_array(data) or kinds.is_sparse(data)):
        data = {next(iter(specs)): data}
    frame = kinds.is_frame(data)
    if not frame and not isinstance(data, dict):
        raise SchemaMismatch(
            f"The model takes arrays by name, but got {type(data).__name__}.",
            hint=f"Pass a dict with the keys {', '.join(map(repr, specs))}.",
        )
    missing = [name for name in specs if name not in data]
    if missing:
        raise SchemaMismatch(
            f"The input {missing[0]!r} is missing.",
            column=missing[0],
            hint=f"The model's inputs are: {', '.join(map(repr, specs))}.",
        )
    if frame:
        return {name: _from_column(name, data[name], spec) for name, spec in specs.items()}
    return {name: _array(name, data[name], spec) for name, spec in specs.items()}


def _unnamed(data: Any, spec: TensorSpec) -> Any:
    if kinds.is_frame(data):
        if len(data.columns) == 1:
            return _from_column(None, data.iloc[:, 0], spec)
        return _array(None, data.to_numpy(), spec)
    return _array(None, data, spec)


def _what(name: Any) -> str:
    return "The input" if name is None else f"The input {name!r}"


def _array(name: Any, values: Any, spec: TensorSpec) -> Any:
    import numpy as np

    if kinds.is_tensor(values):
        values = kinds.to_array(values)
    elif isinstance(values, (list, int, float, str, bool)):
        values = _of_list(name, np, values, spec)
    if not kinds.is_array(values) and not kinds.is_sparse(values):
        raise SchemaMismatch(
            f"{_what(name)} is {type(values).__name__}, not an array.", column=name
        )
    return _checked(name, values, spec)


def _of_list(name: Any, np: Any, values: Any, spec: TensorSpec) -> Any:
    """Return a list as an array of the type that is asked for, if that is safe."""
    try:
        array = np.array(values)
    except (ValueError, TypeError) as error:
        raise SchemaMismatch(
            f"{_what(name)} is a list that is not an array: {error}", column=name
        ) from error
    if array.dtype != spec.type and array.dtype.kind in "biuf" and spec.type.kind in "iuf":
        cast = array.astype(spec.type)
        # Python has one type of whole numbers and one of floats; their sizes say nothing.
        if array.dtype.kind == spec.type.kind == "f" or (cast == array).all():
            return cast
    return array


def _checked(name: Any, values: Any, spec: TensorSpec) -> Any:
    import numpy as np

    given = values.dtype
    ragged = given == np.dtype("O") and values.ndim == 1
    if spec.shape == (-1,) and spec.type == np.dtype("O"):
        return values
    if ragged and len(spec.shape) > 1 and -1 in spec.shape[1:]:
        return values
    fits = len(values.shape) == len(spec.shape) and all(
        wanted in (-1, there) for wanted, there in zip(spec.shape, values.shape, strict=True)
    )
    if not fits:
        raise SchemaMismatch(
            f"{_what(name)} has the shape {tuple(values.shape)}, but the model takes {spec.shape}.",
            column=name,
            hint="-1 stands for any size.",
        )
    if np.dtype(given.type if given.char in "US" else given) != spec.type:
        raise SchemaMismatch(
            f"{_what(name)} is of the type {given}, but the model takes {spec.type}.",
            column=name,
            hint=f"Convert it with astype({spec.type.name!r}).",
        )
    return values


def _from_column(name: Any, column: Any, spec: TensorSpec) -> Any:
    """Return a column of a table, of scalars or of lists, as an array."""
    import numpy as np

    if spec.shape[0] != -1 or -1 in spec.shape[1:]:
        raise SchemaMismatch(
            f"{_what(name)} has the shape {spec.shape}, which a table cannot give.",
            column=name,
            hint="Pass an array.",
        )
    if not len(column):
        raise SchemaMismatch(f"{_what(name)} is empty.", column=name)
    first = column.iloc[0]
    try:
        if isinstance(first, list) or kinds.is_array(first):
            stacked = np.stack([np.asarray(item) for item in column])
            return _checked(name, stacked.reshape((len(column), *spec.shape[1:])).astype(
                spec.type, casting="same_kind"
            ), spec)  # fmt: skip
        if kinds.is_scalar(first) and spec.shape in ((-1,), (-1, 1)):
            return _checked(name, np.array(column, dtype=spec.type).reshape(spec.shape), spec)
    except (ValueError, TypeError) as error:
        raise SchemaMismatch(
            f"{_what(name)} cannot be given the shape {spec.shape} and the type {spec.type}: "
            f"{error}",
            column=name,
        ) from error
    raise SchemaMismatch(
        f"{_what(name)} holds {quoted(first)}, which does not fit the shape {spec.shape}.",
        column=name,
    )
