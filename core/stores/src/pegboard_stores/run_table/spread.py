"""How values are spread: bins of numbers, and the most frequent texts."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from pegboard_stores.run_table.contract import Histogram

_TEXTS = 10
"""How many of the most frequent texts are shown."""
_WIDE = 1_000.0
"""If the greatest of positive numbers is this many times the least, the bins grow."""


def of_texts(values: Sequence[str]) -> Histogram:
    """Return how texts are spread."""
    most = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))[:_TEXTS]
    counts = [count for _, count in most]
    return Histogram(
        counts=counts, values=[value for value, _ in most], other=len(values) - sum(counts)
    )


def of_numbers(values: Sequence[float], bins: int) -> Histogram:
    """Return how numbers are spread."""
    finite = [value for value in values if math.isfinite(value)]
    nan = sum(value != value for value in values)
    infinite = len(values) - len(finite) - nan
    if not finite:
        return Histogram(counts=[], edges=[], nan=nan, infinite=infinite)
    edges = edges_of(min(finite), max(finite), bins)
    counts = [0] * (len(edges) - 1)
    for value in finite:
        counts[min(bisect_right(edges, value) - 1, len(counts) - 1)] += 1
    return Histogram(counts=counts, edges=edges, nan=nan, infinite=infinite)


def edges_of(least: float, greatest: float, bins: int) -> list[float]:
    """Return the edges of bins, which grow where the numbers are of many sizes."""
    if least == greatest:
        return [least, greatest]
    if least > 0 and greatest / least > _WIDE:
        low, high = math.log(least), math.log(greatest)
        inner = [math.exp(low + (high - low) * i / bins) for i in range(1, bins)]
    else:
        # Halves, so that the difference of the greatest numbers is one, too.
        inner = [
            2 * (least / 2 * (1 - i / bins) + greatest / 2 * (i / bins)) for i in range(1, bins)
        ]
    inside = [each for each in dict.fromkeys(inner) if least < each < greatest]
    return [least, *inside, greatest]
