"""What is said about data that does not fit; which data fits is compared with the real MLflow."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pegboard_models.datatypes import Array, Map, Object, Property
from pegboard_models.enforcement import SchemaMismatch, enforce, enforce_params
from pegboard_models.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

SCHEMA = Schema([ColSpec("double", "a"), ColSpec("long", "b"), ColSpec("string", "c", False)])


def mismatch(data: Any, schema: Schema = SCHEMA) -> SchemaMismatch:
    with pytest.raises(SchemaMismatch) as caught:
        enforce(data, schema)
    return caught.value


def test_a_table_that_fits_is_not_copied(table: pd.DataFrame) -> None:
    assert enforce(table, SCHEMA) is table


def test_columns_are_put_in_order_and_unknown_ones_left_out(
    table: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    given = table[["b", "a"]].assign(extra=0)
    assert list(enforce(given, SCHEMA).columns) == ["a", "b"]
    assert list(given.columns) == ["b", "a", "extra"]
    assert "'extra'" in caplog.text


def test_a_missing_column_is_named_with_those_there_are(table: pd.DataFrame) -> None:
    error = mismatch(table.rename(columns={"b": "B"}))
    assert error.column == "b"
    assert "'b' is missing" in error.message
    assert "'B'" in error.message
    assert "'a', 'b', 'c'" in error.hint
    assert error.error_code == "INVALID_PARAMETER_VALUE"


def test_whole_numbers_with_gaps_are_explained() -> None:
    error = mismatch(pd.DataFrame({"a": [1.0, 2.0], "b": [1, None]}))
    assert error.column == "b"
    assert "A value is missing" in error.hint
    assert "whole numbers" in mismatch(pd.DataFrame({"a": [1.0], "b": [1.5]})).hint


@pytest.mark.parametrize("largest", [2**53, -(2**53), 0])
def test_whole_numbers_become_floats_that_hold_them(largest: int) -> None:
    given = enforce({"a": [largest], "b": [1]}, SCHEMA)
    assert given["a"].dtype == "float64"
    assert int(given["a"].iloc[0]) == largest


@pytest.mark.parametrize("largest", [2**53 + 1, -(2**53) - 1, 2**62])
def test_whole_numbers_that_a_float_does_not_hold_are_refused(largest: int) -> None:
    assert mismatch({"a": [largest], "b": [1]}).column == "a"


def test_a_value_deep_inside_is_named_by_its_path() -> None:
    inner = Object([Property("x", "long"), Property("y", Array("double"), required=False)])
    schema = Schema([ColSpec(Array(inner), "o")])
    good = [{"x": 1, "y": [0.5]}, {"x": 2}]
    assert enforce({"o": good}, schema)["o"].iloc[0] == good
    assert mismatch({"o": [{"x": 1, "y": ["no"]}]}, schema).column == "o.y"
    assert "lacks 'x'" in mismatch({"o": [{"y": [0.5]}]}, schema).message
    assert "'z'" in mismatch({"o": [{"x": 1, "z": 1}]}, schema).message
    assert "where an object belongs" in mismatch({"o": [1]}, schema).message
    assert "where a list belongs" in mismatch({"o": 1}, schema).message


def test_maps_have_texts_as_keys() -> None:
    schema = Schema([ColSpec(Map("long"), "m")])
    assert enforce(pd.DataFrame({"m": [{"k": 1}]}), schema)["m"].iloc[0] == {"k": 1}
    assert "texts as keys" in mismatch(pd.DataFrame({"m": [{1: 1}]}), schema).message


def test_data_that_is_given_is_not_changed() -> None:
    schema = Schema([ColSpec(Object([Property("x", "double")]), "o")])
    value = {"x": 1}
    given = pd.DataFrame({"o": [value]})
    assert enforce(given, schema)["o"].iloc[0] == {"x": 1.0}
    assert given["o"].iloc[0] is value


def test_times_with_a_zone_become_those_of_utc_as_they_do_from_json() -> None:
    schema = Schema([ColSpec("datetime", "t")])
    moment = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    expected = pd.Series(pd.to_datetime(["2019-12-31 22:00"]), name="t").astype("datetime64[ns]")
    for given in (pd.DataFrame({"t": [moment]}), {"t": [moment]}, [{"t": moment}]):
        pd.testing.assert_series_equal(enforce(given, schema)["t"], expected)
    naive = enforce({"t": [datetime.datetime(2020, 1, 1)]}, schema)
    assert naive["t"].dtype == "datetime64[ns]"


def test_tables_of_polars_are_taken() -> None:
    given = enforce(pl.DataFrame({"b": [1, 2], "a": [0.5, 1.5]}), SCHEMA)
    pd.testing.assert_frame_equal(given, pd.DataFrame({"a": [0.5, 1.5], "b": [1, 2]}))


def test_nothing_is_checked_without_a_schema() -> None:
    for data in ("text", {"a": object}, [1, "x"]):
        assert enforce(data, None) is data


@pytest.mark.parametrize("data", [None, object(), {"a": [1.0], "b": [1, 2]}, {1, 2}])
def test_what_is_no_table_is_refused(data: Any) -> None:
    assert mismatch(data).message


TENSOR = Schema([TensorSpec("float32", (-1, 2))])


def test_lists_become_arrays_of_the_type_that_is_asked_for() -> None:
    given = enforce([[1, 2], [3, 4]], TENSOR)
    assert given.dtype == "float32"
    assert given.shape == (2, 2)


def test_an_array_of_another_shape_or_type_is_explained() -> None:
    wrong_shape = mismatch(np.ones((2, 3), dtype="float32"), TENSOR)
    assert "(2, 3)" in wrong_shape.message
    assert "(-1, 2)" in wrong_shape.message
    wrong_type = mismatch(np.ones((2, 2)), TENSOR)
    assert "astype('float32')" in wrong_type.hint
    assert mismatch([[1], [1, 2]], TENSOR).message
    assert mismatch("text", TENSOR).message
    assert mismatch(None, TENSOR).message


def test_a_missing_tensor_is_named() -> None:
    schema = Schema([TensorSpec("float32", (-1, 2), name) for name in ("x", "y")])
    error = mismatch({"x": np.ones((1, 2), dtype="float32")}, schema)
    assert error.column == "y"
    assert "'x', 'y'" in error.hint


PARAMS = ParamSchema(
    [
        ParamSpec("t", "double", 0.5),
        ParamSpec("k", "long", [1], (-1,)),
        ParamSpec("o", Object([Property("x", "long")]), {"x": 1}),
    ]
)


def test_params_that_are_not_given_have_their_defaults() -> None:
    assert enforce_params({"t": 1}, PARAMS) == {"t": 1.0, "k": [1], "o": {"x": 1}}
    assert enforce_params(None, PARAMS)["t"] == 0.5
    assert enforce_params(None, None) == {}


def test_params_that_nobody_declared_are_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert "temperature" not in enforce_params({"temperature": 1}, PARAMS)
    assert "'temperature'" in caplog.text


@pytest.mark.parametrize("wrong", [{"t": "x"}, {"k": 1}, {"k": ["a"]}, {"o": {"y": 1}}, {"o": 1}])
def test_a_param_of_another_type_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        enforce_params(wrong, PARAMS)
    assert str(caught.value.column).startswith(next(iter(wrong)))


def test_params_are_a_mapping() -> None:
    with pytest.raises(SchemaMismatch, match="mapping"):
        enforce_params([1], PARAMS)  # type: ignore[arg-type]
