"""Data is checked against a model's signature before it predicts.

Values are converted only where nothing can be lost; every error names the column or param.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard.errors import quoted

from pegboard_models import casting, kinds
from pegboard_models.datatypes import AnyType, Array, ComposedType, DataType, Map, Object, Property
from pegboard_models.mismatch import SchemaMismatch as SchemaMismatch
from pegboard_models.mismatch import listed
from pegboard_models.schema import ParamSchema, ParamSpec, Schema
from pegboard_models.values import object_value, value

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


def enforce(data: Any, schema: Schema | None) -> Any:
    """Return data in the form a schema asks for: a table for columns, arrays for tensors.

    ``data`` may be a table of pandas or polars, an array, a tensor, a dict, a list or one value.
    Columns that the schema does not know are left out.
    """
    if kinds.is_polars_frame(data) or kinds.is_polars_series(data):
        data = kinds.to_pandas(data, nullable=schema is not None)
    elif kinds.is_tensor(data):
        data = kinds.to_array(data)
    if schema is None or _takes_anything(schema):
        return data
    if kinds.is_series(data):
        data = data.to_frame()
    if schema.is_tensor_spec():
        from pegboard_models import tensors

        return tensors.enforce(data, schema)
    return _enforce_columns(_table(data, schema), schema)


def _takes_anything(schema: Schema) -> bool:
    """Whether a schema has a single input, without a name, that nothing is known of."""
    return not schema.has_input_names() and all(isinstance(each.type, AnyType) for each in schema)


def enforce_hinted(data: Any, schema: Schema | None) -> Any:
    """Return data for a model whose signature comes from the type hint ``list[X]`` of its input.

    Lists stay lists, and their items are checked; other data is as for any model.
    """
    if schema is None or not isinstance(data, list):
        return enforce(data, None)
    if not schema.has_input_names():
        (item_type,) = schema.column_types()
        return [value(item, item_type, number) for number, item in enumerate(data)]
    types = zip(schema, schema.column_types(), strict=True)
    kind = Object([Property(str(spec.name), dtype, spec.required) for spec, dtype in types])
    return [
        object_value(item, kind, number) if isinstance(item, dict) else item
        for number, item in enumerate(data)
    ]


# -- columns ---------------------------------------------------------------------------------------


def _table(data: Any, schema: Schema) -> pd.DataFrame:
    if kinds.is_frame(data):
        return data
    from pegboard_scripting.client.frames import load_pandas

    pd = load_pandas()
    try:
        if isinstance(data, dict):
            return _table_of_dict(data, schema)
        if isinstance(data, list):
            return _table_of_list(data, schema)
        if kinds.is_array(data):
            return pd.DataFrame(data)
        if kinds.is_scalar(data) or isinstance(data, datetime.date):
            return pd.DataFrame([data])
    except (ValueError, TypeError) as error:
        raise SchemaMismatch(f"The data cannot be made a table: {error}") from error
    raise SchemaMismatch(
        f"The model takes a table, but got {type(data).__name__}.",
        hint="Pass a pandas.DataFrame, a dict, a list or a NumPy array.",
    )


def _table_of_list(data: list[Any], schema: Schema) -> pd.DataFrame:
    from pegboard_scripting.client.frames import load_pandas

    pd = load_pandas()
    one = len(schema) == 1 and not schema.has_input_names()
    rows = any(isinstance(item, (list, dict)) for item in data)
    if one and (isinstance(schema.inputs[0].type, ComposedType) or not rows):
        # As objects, so that neither gaps nor lists become something else.
        return pd.DataFrame({0: _objects(data)})
    table = pd.DataFrame(data)
    if all(isinstance(item, dict) for item in data):
        for name in table.columns[table.isna().any()]:
            # As they are, so that whole numbers with gaps among them do not become floats.
            table[name] = pd.Series([item.get(name) for item in data], dtype=object)
    return table


_PLAIN = frozenset({bool, int, float, str, bytes})


def _objects(data: list[Any]) -> pd.Series:
    """Return values as a column of what they are, or of objects if some are missing or nested."""
    import pandas as pd

    if data and all(type(item) in _PLAIN and item == item for item in data):
        return pd.Series(data)
    found = pd.Series([None] * len(data), dtype=object)
    for number, item in enumerate(data):
        found.iat[number] = item
    return found


def _table_of_dict(data: dict[Any, Any], schema: Schema) -> pd.DataFrame:
    from pegboard_scripting.client.frames import load_pandas

    pd = load_pandas()
    composed = any(isinstance(spec.type, (Array, Object, Map)) for spec in schema)
    if composed or all(map(_of_one_row, data.values())):
        return pd.DataFrame([data])
    lengths = {len(item) for item in data.values() if isinstance(item, list)}
    columns = {key: _as_column(item) if len(lengths) < 2 else item for key, item in data.items()}
    try:
        return pd.DataFrame(columns)
    except ValueError:
        if not any(isinstance(spec.type, AnyType) for spec in schema):
            raise
        # Lists of different lengths, of which nothing is known: each is one value.
        return pd.DataFrame([data])


def _as_column(given: Any) -> Any:
    if kinds.is_array(given) and given.ndim > 1:
        return given.tolist()
    return _objects(given) if isinstance(given, list) else given


def _of_one_row(value: Any) -> bool:
    """Whether a value of a dict belongs to one row: a scalar, or texts that are one's content."""
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    if kinds.is_array(value):
        return bool(value.ndim == 0)
    one = kinds.is_scalar(value) or isinstance(value, datetime.date)
    return one or kinds.is_missing(value)


def _enforce_columns(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    if not schema.has_input_names():
        return _enforce_unnamed(table, schema)
    specs = schema.input_dict()
    present = set(table.columns)
    missing = [name for name, spec in specs.items() if spec.required and name not in present]
    if missing:
        _refuse_missing(missing, [name for name in table.columns if name not in specs], specs)
    names = [name for name in specs if name in present]
    if len(names) < len(table.columns):
        extra = [name for name in table.columns if name not in specs]
        logger.warning("These columns are not the model's and are ignored: %s", listed(extra))
    return _checked(table, [(name, specs[name]) for name in names])


def _refuse_missing(missing: list[Any], extra: list[Any], specs: Mapping[Any, Any]) -> None:
    one = len(missing) == 1
    message = (
        f"The column {missing[0]!r} is missing."
        if one
        else f"The columns {listed(missing)} are missing."
    )
    if extra:
        message += f" There are columns the model does not know: {listed(extra)}."
    raise SchemaMismatch(
        message, column=missing[0], hint=f"The model's columns are: {listed(list(specs))}."
    )


def _enforce_unnamed(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    wanted, there = len(schema), len(table.columns)
    if there < wanted:
        raise SchemaMismatch(f"The model takes {wanted} columns, but got {there}.")
    return _checked(table, list(zip(table.columns, schema, strict=False)))


def _checked(table: pd.DataFrame, wanted: list[tuple[Any, Any]]) -> pd.DataFrame:
    """Return a table of these columns: the one given, not a copy, if nothing differs."""
    columns = {}
    changed = [name for name, _ in wanted] != list(table.columns)
    for name, spec in wanted:
        given = table[name]
        columns[name] = _column(name, given, spec)
        changed = changed or columns[name] is not given
    if not changed:
        return table
    import pandas as pd

    return pd.DataFrame(columns, index=table.index)


def _column(name: Any, values: pd.Series, spec: Any) -> pd.Series:
    if getattr(values, "ndim", 1) > 1:
        raise SchemaMismatch(f"The column {name!r} is there several times.", column=name)
    # Without a name nothing can say that values may be missing.
    required = spec.required and spec.name is not None
    if isinstance(spec.type, DataType):
        return casting.column(name, values, spec.type, gaps=not required)
    if isinstance(spec.type, AnyType):
        return values
    import pandas as pd

    checked = [value(item, spec.type, name, required=required) for item in values]
    # Filled one by one: pandas would make a table of a list of lists.
    result = pd.Series([None] * len(checked), index=values.index, name=name, dtype=object)
    for number, item in enumerate(checked):
        result.iat[number] = item
    return result


# -- params ----------------------------------------------------------------------------------------


def enforce_params(params: Mapping[str, Any] | None, schema: ParamSchema | None) -> dict[str, Any]:
    """Return all params of a schema: those given, checked, and the defaults of the others.

    Params that the schema does not know are left out, and named in the log.
    """
    if params is not None and not isinstance(params, Mapping):
        raise SchemaMismatch(f"Params are a mapping, not {type(params).__name__}.")
    given = {str(key): item for key, item in (params or {}).items()}
    specs = {spec.name: spec for spec in schema} if schema else {}
    unknown = [name for name in given if name not in specs]
    if unknown:
        logger.warning(
            "The model's signature does not declare these params, so they are ignored: %s",
            listed(unknown),
        )
    return {
        name: param_value(given[name], spec) if name in given else spec.default
        for name, spec in specs.items()
    }


_WIDER: Mapping[DataType, tuple[str, ...]] = {
    DataType.boolean: ("b",),
    DataType.integer: ("i4",),
    DataType.long: ("i4", "i8"),
    DataType.float: ("i4", "i8", "f4"),
    DataType.double: ("i4", "i8", "f4", "f8"),
    DataType.string: ("U",),
}
"""For each type of a param: the NumPy types of the values that become it without loss."""


def param_value(given: Any, spec: ParamSpec) -> Any:
    """Return a value for a param, converted if that is safe; else SchemaMismatch."""
    if spec.shape is None:
        if isinstance(spec.dtype, Object):
            if given is not None:
                value(given, spec.dtype, spec.name)
            return given
        return _param_scalar(given, spec)
    if kinds.is_array(given) and given.ndim == 1:
        given = list(given)
    if not isinstance(given, (list, tuple)) or any(
        isinstance(item, (list, dict)) for item in given
    ):
        raise SchemaMismatch(
            f"The param {spec.name!r} is {quoted(given)}; it should be a flat list.",
            column=spec.name,
        )
    return [_param_scalar(item, spec) for item in given]


def _param_scalar(given: Any, spec: ParamSpec) -> Any:
    if given is None:
        return None
    dtype = spec.dtype
    assert isinstance(dtype, DataType)
    if dtype is DataType.datetime:
        return _param_date(given, spec)
    if type(given) is dtype.to_python():
        return given
    if _described(given) in _WIDER.get(dtype, ()) or _kind(given) in _WIDER.get(dtype, ()):
        return dtype.to_python()(given)
    raise SchemaMismatch(
        f"The param {spec.name!r} is {quoted(given)} ({type(given).__name__}); "
        f"it should be of the type {dtype.name}.",
        column=spec.name,
    )


def _kind(given: Any) -> str:
    if kinds.is_numpy_scalar(given):
        return str(given.dtype.kind)
    return {bool: "b", str: "U"}.get(type(given), "")


def _described(given: Any) -> str:
    if kinds.is_numpy_scalar(given):
        return f"{given.dtype.kind}{given.dtype.itemsize}"
    return {int: "i8", float: "f8"}.get(type(given), "")


def _param_date(given: Any, spec: ParamSpec) -> Any:
    import numpy as np

    if isinstance(given, (str, datetime.date)) or kinds.is_numpy_scalar(given):
        try:
            found = np.datetime64(given).item()
        except (ValueError, TypeError):
            found = None
        if isinstance(found, datetime.date):
            return found
    raise SchemaMismatch(
        f"The param {spec.name!r} is {quoted(given)}; it should be a date or a time.",
        column=spec.name,
    )
