"""Parameters of a sweep, and the values they may have, in W&B's words.

Each parameter gives a value for each number ``u`` of 0 ≤ u < 1, so that uniform numbers yield its
distribution. All searches draw such numbers, and all parameters are alike for them.

Source: W&B's documentation, "Sweep configuration options", for what the distributions mean.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from statistics import NormalDist
from typing import Any

from attrs import frozen

_EDGE = 1e-12
"""How near to 0 and 1 numbers come for distributions without an end."""


def text_of(value: Any) -> str:
    """Return a value as it is logged, and given to a command."""
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


@frozen(kw_only=True)
class Parameter(ABC):
    """A parameter that has a value in each trial."""

    name: str

    @property
    @abstractmethod
    def summary(self) -> str:
        """What values it has, for people."""

    @abstractmethod
    def at(self, u: float) -> Any:
        """Return the value for a number of 0 ≤ u < 1."""

    @abstractmethod
    def choices(self) -> Sequence[Any] | None:
        """Return all values in their order, if they can be counted."""

    @abstractmethod
    def value_of(self, text: str) -> Any:
        """Return the value that was logged as ``text``; ValueError if it is none of ours."""

    def examples(self) -> Sequence[Any]:
        """Return values that are fit if all are."""
        return self.choices() or [self.at(0.0), self.at(1 - _EDGE)]


@frozen(kw_only=True)
class Choice(Parameter):
    """One of some values; ``probabilities`` sum up to 1, if they are not all the same."""

    values: Sequence[Any]
    probabilities: Sequence[float] | None = None

    @property
    def summary(self) -> str:
        """What values it has, for people."""
        return ", ".join(map(text_of, self.values))

    def at(self, u: float) -> Any:
        """Return the value for a number of 0 ≤ u < 1."""
        if self.probabilities is None:
            return self.values[int(u * len(self.values))]
        below = list(accumulate(self.probabilities))
        return self.values[min(bisect_right(below, u), len(self.values) - 1)]

    def choices(self) -> Sequence[Any]:
        """Return all values in their order."""
        return self.values

    def value_of(self, text: str) -> Any:
        """Return the value that was logged as ``text``."""
        return self.values[list(map(text_of, self.values)).index(text)]


@frozen
class Form:
    """A family of continuous distributions: the value at u, of two bounds or moments; and back."""

    at: Callable[[float, float, float], float]
    back: Callable[[float, float, float], float]
    keys: tuple[str, str] = ("min", "max")
    is_bounded: bool = True


def _line(a: float, b: float, u: float) -> float:
    return a + u * (b - a)


def _place(a: float, b: float, x: float) -> float:
    return (x - a) / (b - a) if b > a else 0.5


def _bell(mu: float, sigma: float, u: float) -> float:
    return NormalDist(mu, sigma).inv_cdf(min(max(u, _EDGE), 1 - _EDGE))


def _below(mu: float, sigma: float, x: float) -> float:
    return NormalDist(mu, sigma).cdf(x)


_UNIFORM = Form(_line, _place)
_OF_VALUES = Form(
    lambda a, b, u: math.exp(_line(math.log(a), math.log(b), u)),
    lambda a, b, x: _place(math.log(a), math.log(b), math.log(x)),
)
_MOMENTS = ("mu", "sigma")
FORMS: Mapping[str, Form] = {
    "uniform": _UNIFORM,
    "log_uniform": Form(
        lambda a, b, u: math.exp(_line(a, b, u)), lambda a, b, x: _place(a, b, math.log(x))
    ),
    "log_uniform_values": _OF_VALUES,
    "inv_log_uniform": Form(
        lambda a, b, u: math.exp(-_line(a, b, u)), lambda a, b, x: _place(a, b, -math.log(x))
    ),
    # The logarithm of 1/x is uniform: so is that of x.
    "inv_log_uniform_values": _OF_VALUES,
    "normal": Form(_bell, _below, _MOMENTS, is_bounded=False),
    "log_normal": Form(
        lambda a, b, u: math.exp(_bell(a, b, u)),
        lambda a, b, x: _below(a, b, math.log(x)),
        _MOMENTS,
        is_bounded=False,
    ),
}
OF_VALUES = ("log_uniform_values", "inv_log_uniform_values")
"""Those whose bounds have to be positive."""
STEPPED = tuple(f"q_{name}" for name in FORMS if not name.startswith("inv_"))
CHOICES = ("constant", "categorical", "categorical_w_probabilities")
NAMES = (*CHOICES, "int_uniform", *FORMS, *STEPPED)
"""All distributions."""


@frozen(kw_only=True)
class Number(Parameter):
    """A number; ``first`` and ``second`` are its bounds, or its mean and standard deviation.

    With ``step`` it is a multiple of that, whole if the step is.
    """

    distribution: str
    first: float
    second: float
    step: float | None = None

    @property
    def form(self) -> Form:
        """The family of its distribution."""
        return FORMS[self.distribution.removeprefix("q_")]

    @property
    def summary(self) -> str:
        """What values it has, for people."""
        step = f", in steps of {self.step:g}" if self.step else ""
        one, other = self.form.keys
        if self.form.is_bounded:
            return f"{self.distribution} of {self.first:g} … {self.second:g}{step}"
        return f"{self.distribution} of {one} {self.first:g}, {other} {self.second:g}{step}"

    def at(self, u: float) -> Any:
        """Return the value for a number of 0 ≤ u < 1."""
        x = self.form.at(self.first, self.second, u)
        if self.step is None:
            low, high = self._ends()
            return min(max(x, low), high)
        count = round(x / self.step)
        least, most = self.counts()
        return self._multiple(min(max(count, least), most))

    def share(self, value: Any) -> float:
        """Return the number between 0 and 1 that yields a value, or one near it."""
        try:
            u = self.form.back(self.first, self.second, float(value))
        except ValueError:  # The logarithm of a multiple that is 0.
            u = 0.0
        return min(max(u, 0.0), 1 - _EDGE)

    def counts(self) -> tuple[float, float]:
        """Return which multiples of the step are the least and the greatest."""
        if self.step is None or not self.form.is_bounded:
            return -math.inf, math.inf
        low, high = self._ends()
        # Bounds are often multiples themselves, but for an error of their last digits.
        return math.ceil(low / self.step - _EDGE), math.floor(high / self.step + _EDGE)

    def choices(self) -> Sequence[Any] | None:
        """Return all values in their order, if they can be counted."""
        if self.distribution != "q_uniform":
            return None
        least, most = self.counts()
        return [self._multiple(count) for count in range(int(least), int(most) + 1)]

    def value_of(self, text: str) -> Any:
        """Return the value that was logged as ``text``."""
        return int(text) if isinstance(self.step, int) else float(text)

    def _ends(self) -> tuple[float, float]:
        if not self.form.is_bounded:
            return -math.inf, math.inf
        ends = [self.form.at(self.first, self.second, u) for u in (0.0, 1.0)]
        if self.distribution.removeprefix("q_") in OF_VALUES:
            # As they were given: the exponential of a logarithm is a little beside it.
            ends = [self.first, self.second]
        return min(ends), max(ends)

    def _multiple(self, count: float) -> Any:
        assert self.step is not None
        if isinstance(self.step, int):
            return int(count) * self.step
        # Three times 0.1 is 0.3.
        return float(f"{count * self.step:.12g}")


@frozen(kw_only=True)
class Whole(Parameter):
    """A whole number between two, both included."""

    least: int
    most: int

    @property
    def summary(self) -> str:
        """What values it has, for people."""
        return f"whole numbers of {self.least} … {self.most}"

    def at(self, u: float) -> int:
        """Return the value for a number of 0 ≤ u < 1."""
        return min(self.least + int(u * (self.most - self.least + 1)), self.most)

    def share(self, value: int) -> float:
        """Return the number between 0 and 1 that yields a value."""
        return (value - self.least + 0.5) / (self.most - self.least + 1)

    def choices(self) -> Sequence[int]:
        """Return all values in their order."""
        return range(self.least, self.most + 1)

    def value_of(self, text: str) -> int:
        """Return the value that was logged as ``text``."""
        return int(text)

    def examples(self) -> Sequence[int]:
        """Return values that are fit if all are."""
        return [self.least, self.most]
