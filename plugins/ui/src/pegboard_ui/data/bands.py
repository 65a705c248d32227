"""Bands of groups of curves: at places of the x axis the mean, the least and the greatest."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

from attrs import frozen
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import InvalidValue
from pegboard_stores.curves import Curve

_ATTRIBUTES = ("experiment_id", "run_name", "status", "user_id")
_NOTHING = (math.nan, math.inf, -math.inf)


@frozen
class Band:
    """What runs of a group have at ``x``, which rises; all have the same length."""

    x: array[float]
    mean: array[float]
    """Each run that has begun and not ended there counts once."""
    least: array[float]
    greatest: array[float]


def band(curves: Sequence[Curve], width: int) -> Band:
    """Join curves: where one has no point but goes on, its line counts.

    The places are the x of the points if these are few, else the middles of ``width`` stretches.
    """
    lines = [line for each in curves if (line := _line(each))[0]]
    edges, places = _places([x for x, _ in lines], width)
    cells = [_cells(x, y, edges, places) for x, y in lines]
    kept: list[tuple[float, float, float, float]] = []
    for at, place in enumerate(places):
        found = [each[at] for each in cells if not math.isnan(each[at][0])]
        if found:
            mean = math.fsum(middle for middle, _, _ in found) / len(found)
            least, greatest = min(low for _, low, _ in found), max(high for *_, high in found)
            kept.append((place, mean, least, greatest))
    columns = [array("d", column) for column in zip(*kept, strict=True)] or [array("d")] * 4
    return Band(*columns)


def _line(curve: Curve) -> tuple[Sequence[float], Sequence[float]]:
    return (curve.smooth_x, curve.smooth_y) if curve.smooth_x else (curve.x, curve.y)


def _places(xs: Sequence[Sequence[float]], width: int) -> tuple[list[float], list[float]]:
    """Return the edges between places, one more than places, and the places."""
    known: set[float] = set()
    for x in xs:
        known.update(x)
    if len(known) <= width:
        places = sorted(known)
        between = [(a + b) / 2 for a, b in pairwise(places)]
        return [-math.inf, *between, math.inf], places
    low, high = min(known), max(known)
    step = (high - low) / width
    edges = [low + i * step for i in range(width)]
    return [-math.inf, *edges[1:], math.inf], [edge + step / 2 for edge in edges]


def _cells(
    x: Sequence[float], y: Sequence[float], edges: Sequence[float], places: Sequence[float]
) -> list[tuple[float, float, float]]:
    """Return mean, least and greatest of a line at each place; NaN where it is not."""
    found = []
    start = 0
    for at, place in enumerate(places):
        end = bisect_left(x, edges[at + 1], start)
        if end > start:
            here = y[start:end]
            found.append((math.fsum(here) / len(here), min(here), max(here)))
        elif 0 < start < len(x):
            part = (place - x[start - 1]) / (x[start] - x[start - 1])
            value = y[start - 1] + part * (y[start] - y[start - 1])
            found.append((value, value, value))
        else:
            found.append(_NOTHING)
        start = end
    return found


def values_of(store: TrackingStore, runs: Sequence[str], column: str) -> Mapping[str, str | None]:
    """Return what each run has in a column of params, tags or attributes."""
    kind, _, key = column.partition(".")
    is_known = key in _ATTRIBUTES if kind == "attributes" else kind in ("params", "tags") and key
    if not is_known:
        raise InvalidValue(
            f"Runs cannot be grouped by {column[:80]!r}.",
            hint=f"Name params.KEY, tags.KEY, or attributes.X with X of {', '.join(_ATTRIBUTES)}.",
        )
    return {run: _value(store, run, kind, key) for run in runs}


def _value(store: TrackingStore, run_id: str, kind: str, key: str) -> str | None:
    run = store.get_run(run_id)
    if kind == "attributes":
        return str(getattr(run.info, key))
    pairs = run.data.params if kind == "params" else run.data.tags
    return pairs.get(key)
