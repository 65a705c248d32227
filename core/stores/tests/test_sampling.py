"""Reducing curves without losing their spikes."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from pegboard_stores.sampling import reduce_points

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=300)


@given(VALUES, st.integers(0, 50))
def test_positions_are_ascending_without_repeats_and_not_too_many(
    values: list[float], points: int
) -> None:
    kept = reduce_points(values, points)
    assert kept == sorted(set(kept))
    assert len(kept) <= points
    assert all(0 <= position < len(values) for position in kept)


@given(VALUES, st.integers(4, 50))
def test_ends_and_extremes_are_kept(values: list[float], points: int) -> None:
    kept = [values[position] for position in reduce_points(values, points)]
    if values:
        assert repr(kept[0]) == repr(values[0])
        assert repr(kept[-1]) == repr(values[-1])
    numbers = [value for value in values if not math.isnan(value)]
    if numbers:
        assert max(numbers) in kept
        assert min(numbers) in kept


@given(VALUES)
def test_short_curves_are_kept_whole(values: list[float]) -> None:
    assert reduce_points(values, len(values)) == list(range(len(values)))


def test_each_stretch_keeps_its_spikes() -> None:
    values = [0.0] * 1000
    spikes = {105: 5.0, 333: -7.0, 720: 3.0}
    for position, value in spikes.items():
        values[position] = value
    assert set(spikes) <= set(reduce_points(values, 40))
