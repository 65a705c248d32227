from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.errors import InvalidValue
from pegboard_stores import formats


def test_values_that_are_not_finite_are_kept_apart() -> None:
    assert [formats.number(v) for v in (math.nan, math.inf, -math.inf)] == [
        "NaN",
        "Infinity",
        "-Infinity",
    ]


def test_a_number_has_at_most_six_significant_digits() -> None:
    assert [formats.number(v) for v in (0.1 + 0.2, 123456789.0, -2.0, 1e-9)] == [
        "0.3",
        "1.23457e+08",
        "-2",
        "1e-09",
    ]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (59_900, "59.9 s"),
        (61_000, "1 min 1 s"),
        (3_661_000, "1 h 1 min"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(milliseconds: int, text: str) -> None:
    assert formats.duration(1000, 1000 + milliseconds) == text


def test_a_run_that_has_not_ended_has_no_duration() -> None:
    assert formats.duration(1000, None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (5, "5 s ago"), (119, "1 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")],
)
def test_an_age_is_written_in_its_largest_unit(seconds: int, text: str) -> None:
    assert formats.age(1_000_000, now=1000 + seconds) == text


@given(st.integers())
def test_any_time_that_a_store_may_hold_can_be_written(milliseconds: int) -> None:
    assert formats.moment(milliseconds)
    assert formats.age(milliseconds)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_950, "1.0 MB"), (2_500_000, "2.5 MB")],
)
def test_a_size_is_written_in_a_unit_that_fits(count: int, text: str) -> None:
    assert formats.size(count) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("1h30m", 5400), ("90 s", 90), ("0.5h", 1800)]
)
def test_a_length_of_time_is_understood(text: str, seconds: float) -> None:
    assert formats.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "30 days", "-1d", "1.2.3h"])
def test_what_is_not_a_length_of_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidValue, match="length of time") as caught:
        formats.parse_duration(text)
    assert "30d" in caught.value.hint


def test_a_noun_follows_its_number() -> None:
    assert [formats.counted(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
