"""Reducing a curve to fewer points without losing its spikes."""

from __future__ import annotations

from collections.abc import Sequence


def reduce_points(values: Sequence[float], points: int) -> list[int]:
    """Return the positions of at most ``points`` values that draw the same curve, ascending.

    The values are cut into equal stretches; of each, the positions of its least and greatest
    value are kept, and the first and last of all. A stretch of nothing but NaN keeps its first.
    """
    count = len(values)
    if count <= points:
        return list(range(count))
    if points < 4:
        return sorted({0, count - 1})[: max(points, 0)]
    stretches = (points - 2) // 2
    kept = {0, count - 1}
    for i in range(stretches):
        start, end = i * count // stretches, (i + 1) * count // stretches
        stretch = values[start:end]
        least, greatest = min(stretch), max(stretch)
        if least != least or greatest != greatest:
            # NaN in front hides the rest from min and max.
            numbers = [v for v in stretch if v == v]
            if not numbers:
                kept.add(start)
                continue
            least, greatest = min(numbers), max(numbers)
        kept.add(start + stretch.index(least))
        kept.add(start + stretch.index(greatest))
    return sorted(kept)
