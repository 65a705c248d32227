"""The small pictures of metrics beside their numbers, and how far a run has come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric
from pegboard_stores.curves import Curve, Curves, CurveShape

from pegboard_ui.data.answers import number
from pegboard_ui.data.directions import FALLS, NAMES
from pegboard_ui.data.plain_curves import PlainCurves

_SHAPE = CurveShape(width=16)
"""A spark has 32 points at the most."""

_TOTALS = re.compile(
    r"(max|total|num|n|train)?_?(train_)?"
    r"(steps?|iters?|iterations?|rounds?|boost_round|estimators|updates)"
)
_EPOCHS = re.compile(r"(max|total|num|n)?_?(train_)?epochs?")


def curves_of(store: TrackingStore) -> Curves:
    """Return what reduces the histories of a store."""
    return store.ability(Curves) or PlainCurves(store)


@frozen
class Spark:
    """A metric of a run in a few numbers."""

    curve: Curve

    @classmethod
    def of(cls, curves: Curves, run_id: str, key: str) -> Spark:
        """Read it."""
        return cls(curves.curve(run_id, key, _SHAPE))

    def best(self, way: int) -> tuple[float, int] | None:
        """Return the best finite value and its step."""
        y = self.curve.y
        if not y:
            return None
        value = min(y) if way == FALLS else max(y)
        return value, int(self.curve.x[y.index(value)])

    def json(self, way: int) -> dict[str, Any]:
        """Return what a page shows of it."""
        best = self.best(way)
        return {
            "points": self.curve.total,
            "direction": NAMES[way],
            "best": None if best is None else best[0],
            "best_step": None if best is None else best[1],
            "spark": list(self.curve.y),
        }


def last_json(point: Metric) -> dict[str, Any]:
    """Return the last point of a metric."""
    return {"last": number(point.value), "step": point.step, "time": point.timestamp}


def planned_steps(counts: Mapping[str, int], step: int) -> int | None:
    """Return how many steps a run is to take, if one of its params says so plausibly."""
    found = []
    for key, value in counts.items():
        name = key.rpartition(".")[2].rpartition("/")[2].lower()
        is_epochs = _EPOCHS.fullmatch(name) is not None
        if value > max(step, 0) and (is_epochs or _TOTALS.fullmatch(name)):
            found.append((is_epochs, value))
    return min(found)[1] if found else None


def counts(params: Mapping[str, str]) -> dict[str, int]:
    """Return the params that are whole numbers."""
    return {
        key: int(value)
        for key, value in params.items()
        if value.isascii() and value.isdigit() and len(value) < 16
    }
