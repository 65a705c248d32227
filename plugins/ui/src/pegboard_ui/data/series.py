"""``metrics/series``: histories of metrics, reduced to what a chart can show, with true counts.

An array is a text: the kind of its numbers, a colon, and base64 of them, little-endian. ``f8:`` are
float64, ``f4:`` float32 (of reduced histories, whose values are only drawn). Whole numbers may come
as ``u2:FIRST:`` or ``i4:FIRST:``: the first number in decimal digits, then by how much each further
one is greater, as uint16 or int32. So 20 curves of 600 stretches take 150 KB, not 400.
"""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from attrs import frozen
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import InvalidValue, NotFound
from pegboard_stores import cancellation
from pegboard_stores.curves import MOST_SMOOTH, MOST_WIDE, Curve, Curves, CurveShape, Specials
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import BOOLEAN, INT64, NUMBER, TEXT, record
from pegboard_wire.shapes import array as array_of
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import bands
from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.plain_curves import PlainCurves

MOST_RUNS = 100
MOST_KEYS = 100
MOST_SERIES = 500
"""How many series an answer may have."""

MOST_GROUPS = 50

_MOST_UINT16, _MOST_INT32 = (1 << 16) - 1, (1 << 31) - 1
_MOST_WHOLE = 1 << 53
"""Up to where float64, and JavaScript, know each whole number."""
_PRECISE = 2.0**-11
"""What part of the greatest value the range has to be so that float32 draws it well."""
_FLOAT32 = (1e-37, 3e38)
"""Between which sizes float32 has its full precision."""


@frozen
class SeriesRequest:
    """Which metrics of which runs, over what, from where to where, in how much detail."""

    run_ids: Annotated[list[str], AtMost(MOST_RUNS)]
    keys: Annotated[list[str], AtMost(MOST_KEYS)]
    x: Annotated[str, AtMost(300)] = "step"
    from_: float | None = None
    to: float | None = None
    width: Annotated[int, Between(2, MOST_WIDE)] = 600
    smooth: Annotated[float, Between(0, MOST_SMOOTH)] = 0.0
    group: Annotated[str, AtMost(300)] = ""
    """A column, as ``params.opt``: bands of runs with the same value, in place of series."""


def series(call: Call, wanted: SeriesRequest) -> Answer:
    """Return the curves of metrics of runs; those that were never logged are left out."""
    runs, keys = list(dict.fromkeys(wanted.run_ids)), list(dict.fromkeys(wanted.keys))
    if len(runs) * len(keys) > MOST_SERIES:
        raise InvalidValue(
            f"{len(runs)} runs with {len(keys)} metrics each are more than {MOST_SERIES} series; "
            "ask for them in several requests."
        )
    shape = CurveShape(
        x=wanted.x, low=wanted.from_, high=wanted.to, width=wanted.width, smooth=wanted.smooth
    )
    store = store_of(call)
    curves = store.ability(Curves) or PlainCurves(store)
    found: list[tuple[str, str, Curve]] = []
    missing = []
    for run_id in runs:
        try:
            for key in keys:
                cancellation.check()
                curve = curves.curve(run_id, key, shape)
                if curve.total:
                    found.append((run_id, key, curve))
        except NotFound:
            # A chart of many runs is not refused because one of them is gone.
            missing.append(run_id)
    if wanted.group:
        told = {"series": [], "groups": _groups(store, found, wanted)}
        counted = told["groups"]
    else:
        counted = [
            {"run_id": run_id, "key": key, **_curve_json(curve, shape)}
            for run_id, key, curve in found
        ]
        told = {"series": counted}
    sums = {name: sum(each[name] for each in counted) for name in ("points", "drawn")}
    return json_answer(call, {**told, "missing": missing, "x": wanted.x, **sums})


def _groups(
    store: TrackingStore, found: Sequence[tuple[str, str, Curve]], wanted: SeriesRequest
) -> list[dict[str, Any]]:
    """Return the bands of each metric, those of most runs first."""
    values = bands.values_of(store, list(dict.fromkeys(run for run, *_ in found)), wanted.group)
    groups: dict[tuple[str, str | None], list[Curve]] = {}
    for run_id, key, curve in found:
        groups.setdefault((key, values[run_id]), []).append(curve)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))[:MOST_GROUPS]
    return [_band_json(key, value, curves, wanted) for (key, value), curves in largest]


def _band_json(
    key: str, value: str | None, curves: Sequence[Curve], wanted: SeriesRequest
) -> dict[str, Any]:
    band = bands.band(curves, wanted.width)
    return {
        "key": key,
        "value": value,
        "runs": len(curves),
        "points": sum(curve.points for curve in curves),
        "not_finite": sum(
            odd.count for c in curves for odd in (c.nan, c.infinite, c.negative_infinite)
        ),
        "drawn": len(band.x),
        "x": _positions(band.x),
        "mean": _values(band.mean, is_exact=False),
        "min": _values(band.least, is_exact=False),
        "max": _values(band.greatest, is_exact=False),
    }


def _curve_json(curve: Curve, shape: CurveShape) -> dict[str, Any]:
    made: dict[str, Any] = {
        "points": curve.points,
        "drawn": len(curve.x),
        "total": curve.total,
        "exact": curve.is_exact,
        "x": _positions(curve.x),
        "y": _values(curve.y, curve.is_exact),
        "min": curve.least,
        "max": curve.greatest,
        "span": curve.span,
        "nan": _specials(curve.nan),
        "inf": _specials(curve.infinite),
        "neginf": _specials(curve.negative_infinite),
    }
    if curve.last is not None:
        made["last"] = {
            "step": curve.last.step,
            "time": curve.last.timestamp,
            "value": number(curve.last.value),
        }
    if shape.smooth:
        made["smooth"] = {
            "x": _positions(curve.smooth_x),
            "y": _values(curve.smooth_y, curve.is_exact),
        }
    return made


def _specials(found: Specials) -> dict[str, Any]:
    return {"count": found.count, "x": found.x}


def _positions(x: array[float]) -> str:
    """Encode x, which never falls: as differences if they are whole numbers, as steps are."""
    if not x or not all(map(float.is_integer, x)):
        return _encoded("f8", x)
    whole = list(map(int, x))
    steps = [after - before for before, after in pairwise(whole)]
    most = max(steps, default=0)
    if most > _MOST_INT32 or whole[-1] > _MOST_WHOLE or whole[0] < -_MOST_WHOLE:
        return _encoded("f8", x)
    name, kind = ("u2", "H") if most <= _MOST_UINT16 else ("i4", "i")
    return _encoded(f"{name}:{whole[0]}", array(kind, steps))


def _values(y: array[float], is_exact: bool) -> str:
    """Encode y: as float32 where a chart shows no difference."""
    if is_exact or not y:
        return _encoded("f8", y)
    least, greatest = min(y), max(y)
    size = max(abs(least), abs(greatest))
    small, large = _FLOAT32
    if size > large or greatest - least < size * _PRECISE:
        return _encoded("f8", y)
    if min(map(abs, filter(None, y)), default=small) < small:
        return _encoded("f8", y)
    return _encoded("f4", array("f", y))


def _encoded(name: str, values: array[Any]) -> str:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return f"{name}:{base64.b64encode(values).decode()}"


_SPECIALS = record(count=INT64, x=array_of(NUMBER))
_ARRAY = {"type": "string", "pattern": "^(f8:|f4:|u2:-?[0-9]+:|i4:-?[0-9]+:)"}

ENDPOINTS = [
    typed(
        "GET",
        "/api/pegboard/1.0/metrics/series",
        series,
        Permission.READ,
        "Metrics of runs, each reduced to what a chart of a width shows, with true counts.",
        SeriesRequest,
        record(
            x=TEXT,
            points=INT64,
            drawn=INT64,
            missing=array_of(TEXT),
            groups=array_of(
                record(
                    key=TEXT,
                    value={"type": ["string", "null"]},
                    runs=INT64,
                    points=INT64,
                    not_finite=INT64,
                    drawn=INT64,
                    x=_ARRAY,
                    mean=_ARRAY,
                    min=_ARRAY,
                    max=_ARRAY,
                )
            ),
            series=array_of(
                record(
                    run_id=TEXT,
                    key=TEXT,
                    points=INT64,
                    drawn=INT64,
                    total=INT64,
                    exact=BOOLEAN,
                    x=_ARRAY,
                    y=_ARRAY,
                    smooth=record(x=_ARRAY, y=_ARRAY),
                    min={"type": ["number", "null"]},
                    max={"type": ["number", "null"]},
                    span={"type": ["array", "null"], "items": {"type": "number"}},
                    nan=_SPECIALS,
                    inf=_SPECIALS,
                    neginf=_SPECIALS,
                    last=record(step=INT64, time=INT64, value=NUMBER),
                )
            ),
        ),
        tags=("Pages",),
    )
]
