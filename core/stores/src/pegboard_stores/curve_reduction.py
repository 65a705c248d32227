"""How a history becomes a curve: in one pass over its parts, by the order of x.

Slices, ``min``, ``max`` and ``sum`` do the work of a part at once, so that a point takes some tens
of nanoseconds; no point becomes an object that outlives its part.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import lt, mul
from typing import Any, TypeAlias

from attrs import define, evolve, field, frozen
from pegboard.errors import InvalidValue

from pegboard_stores import cancellation
from pegboard_stores.curves import SPECIALS, Curve, CurveShape, Specials

MOST_HELD = 1 << 20
"""How many points are held to bring them in order, at the most."""
MOST_JOINED = 1_000_000
"""How many points a metric may have that is shown over another one."""

Points: TypeAlias = "tuple[Sequence[float], list[float]]"
"""The x of points and their values, of equal length, in the order of x."""


@frozen
class Summary:
    """What is known of points that are all finite: how many, and their extremes with their x."""

    points: int
    least: float
    least_x: float
    greatest: float
    greatest_x: float


@frozen
class Part:
    """Some points of a history, not read yet: the least and the greatest x, and which they are.

    One that has a summary is read only where a stretch of the curve ends within it.
    """

    least: float
    greatest: float
    number: int
    summary: Summary | None = None


def reduce(
    parts: Sequence[Part],
    load: Callable[[int], Points],
    shape: CurveShape,
    *,
    origin: float = 0,
) -> Curve:
    """Return the curve of what ``load`` returns for the number of each part.

    ``origin`` is taken off all x; ``shape.low`` and ``high`` do not have it any more.
    """
    if not parts:
        return Curve()
    low = -math.inf if shape.low is None else shape.low + origin
    high = math.inf if shape.high is None else shape.high + origin
    least, greatest = min(part.least for part in parts), max(part.greatest for part in parts)
    wanted = [part for part in parts if part.greatest >= low and part.least <= high]
    if not wanted:
        return Curve(span=(least - origin, greatest - origin))
    ends = max(low, min(p.least for p in wanted)), min(high, max(p.greatest for p in wanted))
    curve = _Curve(shape, *ends, origin)
    for points in _in_order(curve, wanted, load, (low, high)):
        if isinstance(points, Summary):
            curve.add_summary(points)
        else:
            curve.add(*points)
    return evolve(curve.done(), span=(least - origin, greatest - origin))


def in_order(x: Sequence[float], y: list[float]) -> Points:
    """Return points in the order of x; those of one x stay in theirs."""
    order = sorted(range(len(x)), key=x.__getitem__)
    return [x[i] for i in order], [y[i] for i in order]


def _in_order(
    curve: _Curve,
    parts: Sequence[Part],
    load: Callable[[int], Points],
    window: tuple[float, float],
) -> Iterator[Points | Summary]:
    """Yield the points of a window in the order of x, as long as few have to be held for that.

    Where a summary is enough it comes in their place.
    """
    parts = sorted(parts, key=lambda part: part.least)
    x: Sequence[float] = []
    y: list[float] = []
    for place, part in enumerate(parts):
        cancellation.check()
        following = parts[place + 1].least if place + 1 < len(parts) else math.inf
        if part.summary is not None and not x and part.greatest <= following < math.inf:
            inside = part.least >= window[0] and part.greatest <= window[1]
            if inside and curve.is_in_one_stretch(part) and _is_forgotten(curve, parts, place):
                yield part.summary
                continue
        new_x, new_y = _cut(*load(part.number), part, window)
        if not x:
            x, y = new_x, new_y
        elif new_x:
            # Two runs that are in order are merged, not sorted.
            x, y = in_order([*x, *new_x], y + new_y)
        if not x or x[-1] <= following:
            yield x, y
            x, y = [], []
        elif len(x) > MOST_HELD:
            curve.is_ordered = False
            yield x, y
            x, y = [], []
        elif cut := bisect_left(x, following):
            yield x[:cut], y[:cut]
            x, y = x[cut:], y[cut:]
    if x:
        yield x, y


def _is_forgotten(curve: _Curve, parts: Sequence[Part], place: int) -> bool:
    """Whether the average at the end of its stretch is the same without the points of a part.

    Without smoothing it is: with it, so many points have to follow that nothing is left of these.
    """
    left, number = curve.reach, curve.number_of(parts[place].greatest)
    for following in islice(parts, place + 1, None):
        if left <= 0:
            break
        if following.summary is None or curve.number_of(following.greatest) != number:
            return False
        left -= following.summary.points
    return left <= 0


def _cut(x: Sequence[float], y: list[float], part: Part, window: tuple[float, float]) -> Points:
    low, high = window
    start = bisect_left(x, low) if part.least < low else 0
    end = bisect_right(x, high) if part.greatest > high else len(x)
    return (x, y) if end - start == len(x) else (x[start:end], y[start:end])


@define
class _Stretch:
    """The extremes of one stretch of the x axis, and the average behind its last point."""

    least_x: float
    least: float
    greatest_x: float
    greatest: float
    last_x: float
    smooth: float = 0.0


@define
class _Special:
    count: int = 0
    x: list[float] = field(factory=list)

    def add(self, x: float) -> None:
        self.count += 1
        if len(self.x) < SPECIALS:
            self.x.append(x)

    def done(self, origin: float) -> Specials:
        return Specials(self.count, [float(x - origin) for x in self.x])


class _Curve:
    """A curve in the making."""

    def __init__(self, shape: CurveShape, low: float, high: float, origin: float) -> None:
        # The first and the last point of all come beside the stretches.
        self._count = shape.width - 1
        self._low, self._origin = low, origin
        self._per_x = self._count / (high - low) if high > low else 0.0
        self._stretches: dict[int, _Stretch] = {}
        self._most = 2 * shape.width
        self._raw_x, self._raw_y = array("d"), array("d")
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None
        self._points = self._finite = 0
        self._special = {"nan": _Special(), "inf": _Special(), "-inf": _Special()}
        self._average = _Average(shape.smooth)
        self.is_ordered = True

    def add(self, x: Sequence[float], y: list[float]) -> None:
        """Add points, in the order of x."""
        self._points += len(x)
        if not math.isfinite(sum(y)):
            x, y = self._without_specials(x, y)
        if not x:
            return
        if self._first is None or x[0] < self._first[0]:
            self._first = x[0], y[0]
        if self._last is None or x[-1] >= self._last[0]:
            self._last = x[-1], y[-1]
        if self._finite <= self._most:
            left = self._most + 1 - self._finite
            self._raw_x.extend(each - self._origin for each in x[:left])
            self._raw_y.extend(y[:left])
        self._finite += len(x)
        self._cut_up(x, y)

    def is_in_one_stretch(self, part: Part) -> bool:
        """Whether of the points of a part, which comes next, only the extremes count."""
        # A curve of so few points that all are drawn needs each.
        if self._finite <= self._most or not self._per_x:
            return False
        number = self.number_of(part.least)
        last = self._count - 1
        return number == last or part.greatest < self._low + (number + 1) / self._per_x

    @property
    def reach(self) -> int:
        """From how many points away a point counts for nothing in the average; 0 without one."""
        return self._average.reach

    def number_of(self, x: float) -> int:
        """Return which stretch an x is in."""
        return min(int((x - self._low) * self._per_x), self._count - 1)

    def add_summary(self, summary: Summary) -> None:
        """Add points by their extremes; they are neither the first nor the last ones."""
        self._points += summary.points
        self._finite += summary.points
        self._note_extremes(self.number_of(min(summary.least_x, summary.greatest_x)), summary)
        self._average.skip(summary.points)

    def _note_extremes(self, number: int, summary: Summary) -> _Stretch:
        found = self._stretches.get(number)
        if found is None:
            made = _Stretch(0, math.inf, 0, -math.inf, 0)
            found = self._stretches[number] = made
        if summary.least < found.least:
            found.least, found.least_x = summary.least, summary.least_x
        if summary.greatest > found.greatest:
            found.greatest, found.greatest_x = summary.greatest, summary.greatest_x
        return found

    def _without_specials(self, x: Sequence[float], y: list[float]) -> Points:
        kept = []
        for place, value in enumerate(y):
            if math.isfinite(value):
                kept.append(place)
            else:
                self._special[str(value)].add(x[place])
        return [x[i] for i in kept], [y[i] for i in kept]

    def _cut_up(self, x: Sequence[float], y: list[float]) -> None:
        low, per_x, last = self._low, self._per_x, self._count - 1
        start, count = 0, len(x)
        while start < count:
            number = self.number_of(x[start])
            end = count
            if number < last and per_x:
                end = bisect_left(x, low + (number + 1) / per_x, start + 1, count)
            self._note(number, x, y[start:end], start)
            start = end

    def _note(self, number: int, x: Sequence[float], y: list[float], start: int) -> None:
        least, greatest = min(y), max(y)
        found = self._stretches.get(number)
        if found is None:
            made = _Stretch(0, math.inf, 0, -math.inf, 0)
            found = self._stretches[number] = made
        if least < found.least:
            found.least, found.least_x = least, x[start + y.index(least)]
        if greatest > found.greatest:
            found.greatest, found.greatest_x = greatest, x[start + y.index(greatest)]
        found.last_x = x[start + len(y) - 1]
        if self._average.weight:
            found.smooth = self._average.add(y)

    def done(self) -> Curve:
        """Return the curve."""
        if not self._finite:
            return self._curve(array("d"), array("d"), array("d"), array("d"))
        if self._finite <= self._most and self.is_ordered:
            smooth = _smoothed(self._raw_y, self._average.weight)
            smooth_x = self._raw_x if smooth else array("d")
            return self._curve(self._raw_x, self._raw_y, smooth_x, smooth)
        origin = self._origin
        points: list[tuple[float, float]] = []
        smooth_x, smooth = array("d"), array("d")
        for _, each in sorted(self._stretches.items()):
            extremes = [(each.least_x, each.least), (each.greatest_x, each.greatest)]
            points += extremes if each.least_x <= each.greatest_x else reversed(extremes)
            if self._average.weight and self.is_ordered:
                smooth_x.append(each.last_x - origin)
                smooth.append(each.smooth)
        assert self._first is not None and self._last is not None
        whole = [self._first, *points, self._last]
        drawn = [p for p, before in zip(whole, [None, *whole], strict=False) if p != before]
        x = array("d", [x - origin for x, _ in drawn])
        return self._curve(x, array("d", [y for _, y in drawn]), smooth_x, smooth)

    def _curve(
        self, x: array[float], y: array[float], smooth_x: array[float], smooth_y: array[float]
    ) -> Curve:
        specials = {name: each.done(self._origin) for name, each in self._special.items()}
        return Curve(
            points=self._points,
            x=x,
            y=y,
            smooth_x=smooth_x,
            smooth_y=smooth_y,
            least=min(y, default=None),
            greatest=max(y, default=None),
            nan=specials["nan"],
            infinite=specials["inf"],
            negative_infinite=specials["-inf"],
        )


class _Average:
    """The debiased exponential moving average of all that was added."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._value, self._count = 0.0, 0
        self._weights: list[float] = []
        # A value has no influence on points further away than this.
        self.reach = math.ceil(math.log(1e-18) / math.log(weight)) if weight else 0

    def add(self, y: list[float]) -> float:
        """Add values and return the average."""
        weight, count = self.weight, len(y)
        self._count += count
        if count > self.reach:
            y = y[-self.reach :]
        if len(y) > len(self._weights):
            # The last value of those that are added has the greatest weight.
            self._weights = [(1 - weight) * weight**back for back in range(len(y) - 1, -1, -1)]
        weights = self._weights[len(self._weights) - len(y) :]
        self._value = self._value * weight**count + sum(map(mul, y, weights))
        return self._value / (1 - weight**self._count)

    def skip(self, count: int) -> None:
        """Leave points out, behind which more follow than ``reach`` before the next average."""
        self._count += count
        self._value = 0.0


def _smoothed(y: array[float], weight: float) -> array[float]:
    """Return the debiased moving average at each value; nothing for the weight 0."""
    found, value = array("d"), 0.0
    if weight:
        for count, each in enumerate(y, 1):
            value = value * weight + (1 - weight) * each
            found.append(value / (1 - weight**count))
    return found


def over_metric(
    steps: array[int], y: array[float], x_steps: array[int], x: array[float]
) -> tuple[list[Part], Callable[[int], Points]]:
    """Return points whose x is the value of another metric at their step, for ``reduce``.

    Steps do not fall; of several x at a step the last counts. Points without a finite x are left
    out. InvalidValue for more than MOST_JOINED points.
    """
    found_x, found_y = (x, y) if steps == x_steps and _rises(steps) else _join(steps, y, x_steps, x)
    if not math.isfinite(sum(found_x)):
        pairs = [(a, b) for a, b in zip(found_x, found_y, strict=True) if math.isfinite(a)]
        found_x, found_y = array("d", [a for a, _ in pairs]), array("d", [b for _, b in pairs])
    points = in_order(found_x, found_y.tolist())
    if not found_x:
        return [], lambda _: points
    return [Part(points[0][0], points[0][-1], 0)], lambda _: points


def check_joinable(*points: int) -> None:
    """Raise InvalidValue if metrics have too many points to be plotted one against the other."""
    if max(points) > MOST_JOINED:
        raise InvalidValue(
            f"A metric of {max(points)} points cannot be shown over another metric, or be its x "
            f"axis: {MOST_JOINED} are allowed.",
            hint="Choose the step or the time as the x axis.",
        )


def _rises(steps: Sequence[Any]) -> bool:
    return all(map(lt, steps, islice(steps, 1, None)))


def _join(
    steps: array[int], y: array[float], x_steps: array[int], x: array[float]
) -> tuple[array[float], array[float]]:
    found_x, found_y = array("d"), array("d")
    place, count = 0, len(x_steps)
    for step, value in zip(steps, y, strict=True):
        while place < count and x_steps[place] <= step:
            place += 1
        if place and x_steps[place - 1] == step:
            found_x.append(x[place - 1])
            found_y.append(value)
    return found_x, found_y
