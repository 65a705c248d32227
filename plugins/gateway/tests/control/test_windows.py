"""Windows begin at full units of UTC, whatever their length."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.errors import InvalidValue
from pegboard_gateway.control.windows import Unit, Window


def _ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc]


NOW = _ms(2024, 2, 29, 23, 59, 59)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("second", (2024, 2, 29, 23, 59, 59), (2024, 3, 1)),
        ("minute", (2024, 2, 29, 23, 59), (2024, 3, 1)),
        ("5 minutes", (2024, 2, 29, 23, 55), (2024, 3, 1)),
        ("hour", (2024, 2, 29, 23), (2024, 3, 1)),
        ("day", (2024, 2, 29), (2024, 3, 1)),
        ("week", (2024, 2, 26), (2024, 3, 4)),
        ("month", (2024, 2, 1), (2024, 3, 1)),
        ("3 Months", (2024, 1, 1), (2024, 4, 1)),
        ("year", (2024, 1, 1), (2025, 1, 1)),
    ],
)
def test_a_window_begins_at_a_full_unit(
    text: str, start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    assert Window.parse(text).span(NOW) == (_ms(*start), _ms(*end))


@pytest.mark.parametrize("text", ["", "0 days", "fortnight", "-1 day", "1.5 hours", "day day"])
def test_what_is_not_a_window_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="not a window"):
        Window.parse(text)


@settings(deadline=None)
@given(
    st.sampled_from(list(Unit)),
    st.integers(1, 40),
    st.integers(0, 4_000_000_000_000),
    st.integers(0, 4_000_000_000_000),
)
def test_windows_cover_time_without_gap_or_overlap(
    unit: Unit, count: int, first: int, second: int
) -> None:
    window = Window(unit, count)
    for now in (first, second, first):
        start, end = window.span(now)
        assert start <= now < end
        assert window.span(start) == (start, end)
        assert window.span(end - 1) == (start, end)
        assert window.span(end)[0] == end


@settings(deadline=None)
@given(st.sampled_from(list(Unit)), st.integers(1, 40))
def test_a_window_is_written_as_it_is_read(unit: Unit, count: int) -> None:
    assert Window.parse(str(Window(unit, count))) == Window(unit, count)
