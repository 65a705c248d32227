"""Names, values and their limits (T3, T6)."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from pegboard.errors import InvalidValue
from pegboard_stores import refusals, validation


@pytest.mark.parametrize(
    "name", ["a", "k" * 250, "a/b", "with space", "Ünïcödé", "a.b-c_d:e", "0", "a..b"]
)
def test_good_names_pass(name: str) -> None:
    assert validation.key(name, "metric") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "k" * 251,
        "/a",
        "a//b",
        "a/",
        "./a",
        "a/../b",
        "..",
        ".",
        "..a",
        "a\n",
        "a?",
        "a\0",
        "🎯",
    ],
)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="param"):
        validation.key(name, "param")


@pytest.mark.parametrize("name", [None, 1, b"a", ["a"]])
def test_a_name_is_a_string(name: object) -> None:
    with pytest.raises(InvalidValue, match="not a string"):
        validation.key(name, "tag")


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_a_clear_error(name: str) -> None:
    try:
        assert validation.key(name, "metric") == name
    except InvalidValue as error:
        assert "metric" in str(error)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_float_is_a_value(value: float) -> None:
    assert repr(validation.number("m", value)) == repr(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        (Fraction(1, 4), 0.25),
        (Decimal("0.25"), 0.25),
        ("0.5", 0.5),
        (" 1e3 ", 1000.0),
        ("inf", math.inf),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.bool_(True), 1.0),
        (np.array(0.5), 0.5),
        (np.array([0.5]), 0.5),
        (np.array([[2]]), 2.0),
        (pd.Series([0.5], index=["a"]), 0.5),
    ],
)
def test_other_numbers_become_floats(value: object, expected: float) -> None:
    number = validation.number("m", value)
    assert type(number) is float
    assert number == expected


@pytest.mark.parametrize(
    "value",
    ["text", "", b"1", None, [1], {}, 1j, 10**400, np.array([1.0, 2.0]), np.array([]),
     np.array(["x"]), np.array([1j]), np.datetime64("2024-01-01"), pd.Series([1.0, 2.0])],
)  # fmt: skip
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match="'m'"):
        validation.number("m", value)


def test_a_point_needs_a_64_bit_step_and_time() -> None:
    point = Metric("m", 1, 2**63 - 1, -(2**63))
    assert validation.metric(point) == Metric("m", 1.0, 2**63 - 1, -(2**63))
    for bad in (2**63, -(2**63) - 1, "1", None, math.nan, math.inf):
        with pytest.raises(InvalidValue):
            validation.metric(Metric("m", 1.0, 0, bad))  # type: ignore[arg-type]
        with pytest.raises(InvalidValue):
            validation.metric(Metric("m", 1.0, bad, 0))  # type: ignore[arg-type]


def test_values_become_text() -> None:
    assert validation.param(Param("p", 0.1)) == Param("p", "0.1")  # type: ignore[arg-type]
    assert validation.tag(RunTag("t", None)) == RunTag("t", "None")  # type: ignore[arg-type]


def test_long_values_are_cut_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRUNCATE_LONG_VALUES", raising=False)
    with pytest.warns(UserWarning, match="'p' has 6001 characters"):
        cut = validation.param(Param("p", "x" * 6001))
    assert cut.value == "x" * 6000
    with pytest.warns(UserWarning, match="8000"):
        assert len(validation.tag(RunTag("t", "x" * 9000)).value) == 8000


def test_long_values_are_errors_where_cutting_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    with pytest.raises(InvalidValue, match="6001"):
        validation.param(Param("p", "x" * 6001))
    assert len(validation.param(Param("p", "x" * 6000)).value) == 6000


@pytest.mark.parametrize("name", ["", " \t", "x" * 501, "a\0", None, 5])
def test_bad_experiment_names_are_refused(name: object) -> None:
    with pytest.raises(InvalidValue):
        validation.experiment_name(name)


@pytest.mark.parametrize("value", ["", "-a", "_a", "a/b", "a.b", "..", "a b", "x" * 257, None, 1])
def test_bad_run_ids_are_refused(value: object) -> None:
    with pytest.raises(InvalidValue):
        validation.run_id(value)


@pytest.mark.parametrize("value", ["a", "0" * 32, "A-b_1", "x" * 256])
def test_good_run_ids_pass(value: str) -> None:
    assert validation.run_id(value) == value


@pytest.mark.parametrize("value", [0, -1, 11, "5", 1.5, None])
def test_bad_page_sizes_are_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match="max_results"):
        validation.page_size(value, 10)


def test_datasets_have_limits() -> None:
    good = DatasetInput(Dataset("n" * 500, "d" * 36, "local", "{}"), [InputTag("k", "v")])
    assert validation.dataset_input(good) == good
    for bad in (
        Dataset("n" * 501, "d", "local", "{}"),
        Dataset("n", "d" * 37, "local", "{}"),
        Dataset("n", "d", "local", "x" * 65_536),
        Dataset("n", "d", "local", "{}", schema="x" * 1_048_576),
        Dataset("n", "d", "local", "{}", profile="x" * 16_777_216),
        Dataset(None, "d", "local", "{}"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidValue, match="dataset"):
            validation.dataset_input(DatasetInput(bad))
    with pytest.raises(InvalidValue, match="tag"):
        validation.dataset_input(DatasetInput(good.dataset, [InputTag("k", "v" * 501)]))


def test_messages_quote_texts_once_and_shorten_long_ones() -> None:
    with pytest.raises(InvalidValue, match=r"^'a/b' is not a run id"):
        validation.run_id("a/b")
    with pytest.raises(InvalidValue, match=r"^12 is not a run id"):
        validation.run_id(12)
    with pytest.raises(InvalidValue, match=r"the value 'text', a str"):
        validation.number("loss", "text")
    assert refusals.no_run("x" * 60).message.endswith(f"id '{'x' * 60}'.")
    assert refusals.no_run("x" * 61).message.endswith(f"id '{'x' * 57}'….")
