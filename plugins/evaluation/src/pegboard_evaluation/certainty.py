"""How sure a figure is: standard errors, and intervals that 95 of 100 such tables agree with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

_QUANTILE = 1.959963984540054
"""The normal distribution's 97.5th percentile."""


@frozen
class Certainty:
    """The standard error, and the interval; None where they are not known."""

    error: float | None = None
    interval: tuple[float, float] | None = None


def of_mean(values: Any) -> Certainty:
    """Return how sure the mean of independent values is; of one value, nothing is known."""
    found = np.asarray(values, dtype=float)
    if found.size < 2:
        return Certainty()
    error = float(found.std(ddof=1)) / math.sqrt(found.size)
    return around(float(found.mean()), error)


def around(value: float, error: float) -> Certainty:
    """Return the interval of a value with a known standard error."""
    return Certainty(error, (value - _QUANTILE * error, value + _QUANTILE * error))


def of_share(hits: int, count: int) -> Certainty:
    """Return how sure a share of rows is. Source: Wilson 1927, by scipy."""
    from scipy.stats import binomtest

    if not count:
        return Certainty()
    share = hits / count
    interval = binomtest(int(hits), int(count)).proportion_ci(method="wilson")
    error = math.sqrt(share * (1 - share) / count)
    return Certainty(error, (float(interval.low), float(interval.high)))


def by_bootstrap(
    count: int, measure: Callable[[Any], Mapping[str, float]], repeats: int, seed: int
) -> dict[str, Certainty]:
    """Return how sure each of several figures is, by measuring tables drawn from the table's rows.

    ``measure`` gets row numbers, shape (count,), and returns figures by name. A draw for which a
    figure is not defined does not count for it.
    """
    draws: dict[str, list[float]] = {}
    source = np.random.default_rng(seed)
    for _ in range(repeats):
        for name, value in measure(source.integers(0, count, count)).items():
            if not math.isnan(value):
                draws.setdefault(name, []).append(value)
    return {name: _of_draws(values) for name, values in draws.items()}


def _of_draws(values: Sequence[float]) -> Certainty:
    if len(values) < 2:
        return Certainty()
    low, high = np.percentile(values, [2.5, 97.5])
    return Certainty(float(np.std(values, ddof=1)), (float(low), float(high)))
