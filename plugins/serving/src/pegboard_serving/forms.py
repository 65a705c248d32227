"""The four forms of a body: as rows in the order of a layout's columns, or as the model takes them.

What MLflow's scoring server makes of a form is made of it here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from pegboard.errors import quoted
from pegboard_models import ColSpec, DataType, Schema, TensorSpec
from pegboard_server import Failure

from pegboard_serving import bounds, casting
from pegboard_serving.layouts import Rows

_SPLIT_KEYS = {"columns", "data", "index"}
Names = Sequence[str | int]


def malformed(message: str) -> Failure:
    """The body is not what can be predicted from."""
    return Failure(400, "BAD_REQUEST", message)


# -- rows for a layout -----------------------------------------------------------------------------


def split_parts(value: Any) -> tuple[list[Any] | None, list[Any] | None, list[Any]]:
    """Return the columns, the index and the data of ``dataframe_split``."""
    if not isinstance(value, dict) or "data" not in value or not value.keys() <= _SPLIT_KEYS:
        raise malformed(
            "dataframe_split has to be an object with data, and perhaps columns and index; "
            + (f"it has {quoted(sorted(value))}." if isinstance(value, dict) else "it is not one.")
        )
    columns, index, data = value.get("columns"), value.get("index"), value["data"]
    for name, part in (("columns", columns), ("index", index), ("data", data)):
        if not isinstance(part, list) and (part is not None or name == "data"):
            raise malformed(f"The {name} of dataframe_split have to be a list.")
    if index is not None and len(index) != len(data):
        raise malformed(f"dataframe_split has {len(data)} rows, but an index of {len(index)}.")
    return columns, index, data


def chosen(columns: list[Any], data: list[Any], names: Names) -> Rows | None:
    """Return rows whose values are in the order of ``names``; None if that takes more thought."""
    if columns == names:
        return data
    try:
        places = [columns.index(name) for name in names]
    except ValueError:
        return None
    width = len(columns)
    if any(columns.count(name) > 1 for name in names) or not all(
        isinstance(row, list) and len(row) == width for row in data
    ):
        return None
    return [[row[place] for place in places] for row in data]


def of_records(records: list[Any], names: Names) -> Rows | None:
    """Return the values of objects in the order of ``names``; None if that takes more thought."""
    get = itemgetter(*names) if len(names) > 1 else (lambda record: (record[names[0]],))
    try:
        return [get(record) for record in records]
    except (KeyError, TypeError, IndexError):
        return None


def of_columns(columns: Mapping[str, Any], names: Names) -> Rows | None:
    """Return the rows that lists of values by name make; None if that takes more thought."""
    lists = [columns.get(str(name)) for name in names]
    if not all(isinstance(values, list) for values in lists):
        return None
    if len({len(values) for values in lists if values is not None}) != 1:
        return None
    return list(zip(*lists, strict=True))


# -- tables ----------------------------------------------------------------------------------------


def from_split(
    columns: list[Any] | None, index: list[Any] | None, data: list[Any], schema: Schema | None
) -> pd.DataFrame:
    """Return the DataFrame that ``dataframe_split`` describes."""
    bounds.check_columns(len(columns or ()), schema)
    bounds.check_rows(data, schema)
    try:
        return _cast(pd.DataFrame(data, index, columns, _dtype(schema)), schema)
    except (ValueError, TypeError, KeyError) as error:
        raise malformed(f"dataframe_split makes no table: {error}") from None


def from_records(records: list[Any], schema: Schema | None) -> pd.DataFrame:
    """Return the DataFrame that ``dataframe_records`` describes."""
    wrong = next((n for n, each in enumerate(records) if not isinstance(each, dict)), None)
    if wrong is not None:
        raise malformed(f"Row {wrong} of dataframe_records is not an object.")
    bounds.check_rows(records, schema)
    try:
        return _cast(pd.DataFrame(records, dtype=_dtype(schema)), schema)
    except (ValueError, TypeError, KeyError) as error:
        raise malformed(f"dataframe_records makes no table: {error}") from None


def _dtype(schema: Schema | None) -> type | None:
    # With a schema, what came is cast as it came, not after a guess at its type.
    return None if schema is None else object


def _cast(table: pd.DataFrame, schema: Schema | None) -> pd.DataFrame:
    if schema is None:
        return table
    if schema.is_tensor_spec():
        return table.infer_objects()
    if schema.has_input_names():
        pairs = [(name, name) for name in schema.input_names() if name in table.columns]
    else:
        pairs = list(zip(table.columns, schema.input_names(), strict=False))
    kinds, specs = schema.input_types_dict(), schema.input_dict()
    for name, known in pairs:
        kind = kinds[known]
        if isinstance(kind, DataType) and table[name].dtype != kind.to_numpy():
            values = [_missing_as_none(value) for value in table[name].tolist()]
            cast = casting.column(name, values, kind, gaps=not specs[known].required)
            table[name] = pd.Series(cast).set_axis(table.index)
    return table


def _missing_as_none(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def cast_table(table: pd.DataFrame, schema: Schema | None) -> pd.DataFrame:
    """Return a table, its columns cast as a schema says; SchemaMismatch if that is not possible."""
    return _cast(table, schema)


# -- tensors and lists -----------------------------------------------------------------------------


def from_instances(value: Any, schema: Schema | None) -> Any:
    """Return what ``instances`` describe: one value for each row."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return from_inputs(value, schema)
    specs = _specs_by_name(schema)
    bounds.check_rows(value, schema)
    names = dict.fromkeys(name for item in _objects(value) for name in item)
    found = {}
    for name in names:
        values = [item[name] for item in value if name in item]
        if len(values) != len(value) and _is_required(specs.get(name)):
            raise malformed(f"Not every instance has {quoted(name)}.")
        spec = specs.get(name)
        if isinstance(spec, ColSpec) and isinstance(spec.type, DataType):
            found[name] = _converted(values, spec, name)
        else:
            found[name] = _array([_converted(each, spec, name) for each in values])
    return found


def _objects(value: list[Any]) -> list[dict[str, Any]]:
    wrong = next((n for n, each in enumerate(value) if not isinstance(each, dict)), None)
    if wrong is not None:
        raise malformed(f"Instance {wrong} is not an object, as the first one is.")
    return value


def _is_required(spec: ColSpec | TensorSpec | None) -> bool:
    return spec is None or spec.required


def from_inputs(value: Any, schema: Schema | None) -> Any:
    """Return what ``inputs`` describe: arrays by name, one array, or a list of objects."""
    specs = _specs_by_name(schema)
    if len(specs) == 1 and isinstance(value, list) and not any(isinstance(x, dict) for x in value):
        value = {next(iter(specs)): value}
    elif schema is not None and not specs and isinstance(value, dict):
        raise malformed("The model takes one array or one value, not an object of several.")
    if isinstance(value, dict):
        bounds.check_columns(len(value), schema)
        return {name: _converted(each, specs.get(name), name) for name, each in value.items()}
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return [
            {name: _converted(item, specs.get(name), name) for name, item in each.items()}
            for each in value
        ]
    return _converted(value, schema.inputs[0] if schema is not None else None, None)


def _specs_by_name(schema: Schema | None) -> dict[Any, ColSpec | TensorSpec]:
    return schema.input_dict() if schema is not None and schema.has_input_names() else {}


def _converted(value: Any, spec: ColSpec | TensorSpec | None, name: Any) -> Any:
    where = "The input" if name is None else f"The input {quoted(name)}"
    try:
        if spec is None:
            return np.array(value)
        if isinstance(spec, TensorSpec):
            return np.array(value, dtype=spec.type)
        if not isinstance(spec.type, DataType):
            # Nested values are checked when the model is called.
            return value
        if isinstance(value, list):
            return _array(casting.column(name, value, spec.type))
        return _array(casting.column(name, [value], spec.type))[0]
    except (ValueError, TypeError, OverflowError) as error:
        what = "one array" if spec is None else repr(spec.type)
        raise malformed(f"{where} cannot be made {what}: {error}") from None


def _array(values: Any) -> Any:
    """Return an array of values; one of objects if they have different shapes."""
    try:
        return np.array(values)
    except ValueError:
        found = np.empty(len(values), dtype=object)
        found[:] = values
        return found
