"""The order in which an endpoint's targets are tried by one call."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_gateway.catalog.contract import Target


def ordered(targets: Sequence[Target], random: Random) -> list[Target]:
    """Return the targets in the order of this call.

    Those of the lowest ``fallback_order`` come first. Among those of one order each place is drawn
    by weight from those that are left, so the first has its share of the calls, and the others
    share its calls by weight when it fails. A weight of 0 leaves a target out.
    """
    if len(targets) == 1 and targets[0].weight > 0:
        return list(targets)
    groups: dict[int, list[Target]] = {}
    for target in targets:
        if target.weight > 0:
            groups.setdefault(target.fallback_order, []).append(target)
    found = []
    for order in sorted(groups):
        group = groups[order]
        while len(group) > 1:
            found.append(group.pop(_drawn([each.weight for each in group], random)))
        found += group
    return found


def _drawn(weights: Sequence[float], random: Random) -> int:
    left = random.random() * sum(weights)
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    return len(weights) - 1
