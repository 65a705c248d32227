"""The contract of curves: the history of a metric, reduced to what a chart can show.

A curve says how many points it stands for. For each stretch of the x axis it holds the least and
the greatest value, both at the x where they were logged, so that no spike is lost.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence

from attrs import field, frozen
from pegboard.entities import Metric
from pegboard.errors import InvalidValue

STEP, TIME, RELATIVE = "step", "time", "relative"
"""What may be the x axis: the step, the time (ms since 1970), the ms since the run began."""
METRIC = "metrics."
"""Before the key of a metric whose value at the same step is the x axis."""

MOST_WIDE = 5_000
MOST_SMOOTH = 0.999
SPECIALS = 100
"""For how many values of each kind that are not numbers the places are kept."""


@frozen(kw_only=True)
class CurveShape:
    """What a chart can show. InvalidValue if it makes no sense."""

    x: str = STEP
    low: float | None = None
    """The least x wanted, itself included; None: from the first point on."""
    high: float | None = None
    width: int = field(default=600)
    """Into how many stretches the x axis is cut; a curve has at most twice as many points."""
    smooth: float = field(default=0.0)
    """The weight of an exponential moving average, 0 for none."""

    def __attrs_post_init__(self) -> None:
        if self.x not in (STEP, TIME, RELATIVE) and self.metric is None:
            raise InvalidValue(
                f"The x axis is {self.x[:60]!r}, not {STEP}, {TIME}, {RELATIVE} or {METRIC}KEY."
            )
        if not 2 <= self.width <= MOST_WIDE:
            raise InvalidValue(f"The width is {self.width}, not from 2 to {MOST_WIDE}.")
        if not 0 <= self.smooth <= MOST_SMOOTH:
            raise InvalidValue(f"The smoothing is {self.smooth}, not from 0 to {MOST_SMOOTH}.")
        for bound in (self.low, self.high):
            if bound is not None and not math.isfinite(bound):
                raise InvalidValue("The ends of the x axis have to be finite numbers.")

    @property
    def metric(self) -> str | None:
        """The key of the metric that is the x axis, if one is."""
        return self.x[len(METRIC) :] or None if self.x.startswith(METRIC) else None


@frozen
class Specials:
    """Values of one kind that are not numbers: how many, and the x of the first ones."""

    count: int = 0
    x: Sequence[float] = ()


@frozen(kw_only=True)
class Curve:
    """A history as a chart shows it; without points, all is empty.

    ``x`` never falls; ``y`` are finite. ``smooth_x`` and ``smooth_y`` are empty without smoothing:
    else, at the last point of each stretch (or at each point, if all are there), the debiased
    exponential moving average of all finite points up to it: ``m = w * m + (1 - w) * y``, from 0,
    divided by ``1 - w**n``. Source: TensorBoard, ``line_chart``, smoothing.
    """

    points: int = 0
    """How many points lie in the window before reducing, those that are not numbers included."""
    total: int = 0
    """How many points the metric has."""
    x: array[float] = field(factory=lambda: array("d"))
    y: array[float] = field(factory=lambda: array("d"))
    smooth_x: array[float] = field(factory=lambda: array("d"))
    smooth_y: array[float] = field(factory=lambda: array("d"))
    least: float | None = None
    """The least finite value in the window."""
    greatest: float | None = None
    span: tuple[float, float] | None = None
    """The least and the greatest x of all points, also outside of the window."""
    nan: Specials = Specials()
    infinite: Specials = Specials()
    negative_infinite: Specials = Specials()
    last: Metric | None = None
    """The latest point of the metric."""

    @property
    def is_exact(self) -> bool:
        """Whether each finite point of the window is there."""
        specials = self.nan.count + self.infinite.count + self.negative_infinite.count
        return len(self.x) + specials == self.points


class Curves(ABC):
    """Reduces histories where they are kept, in bounded memory."""

    @abstractmethod
    def curve(self, run_id: str, key: str, shape: CurveShape) -> Curve:
        """Return the curve of a run's metric, which is empty if it was never logged.

        All that was acknowledged is part of it. ``RELATIVE`` counts from the start of the run, or
        from its first point if that is earlier. Points of one x are in the order of logging. Where
        a metric is the x axis, points at whose step it has no finite value are left out, and of
        several values at a step the latest counts. NotFound; InvalidValue if it would take too much
        memory.
        """
