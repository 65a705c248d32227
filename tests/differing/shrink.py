"""Making a script that shows a difference as short as can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from differing.compare import Difference
from differing.scripts import Step

Shows = Callable[[list[Step]], Difference | None]


def shortest(
    steps: list[Step], found: Difference, shows: Shows, tries: int = 150
) -> tuple[list[Step], Difference]:
    """Return a short script that shows the same sort of difference, and the difference."""
    best, left = steps[: found.number + 1], tries

    def holds(candidate: list[Step]) -> Difference | None:
        nonlocal left
        left -= 1
        other = shows(candidate)
        return other if other and other.sort == found.sort else None

    size = max(1, len(best) // 2)
    while size and left > 0:
        smaller = False
        at = len(best) - 1 - size
        while at > -size and left > 0:
            begin = max(0, at)
            candidate = best[:begin] + best[at + size :]
            other = holds(candidate)
            if other:
                best, found, smaller = candidate[: other.number + 1], other, True
                at = min(at, len(best) - 1)
            at -= size
        if not smaller or size > 1:
            size //= 2
    changed = True
    while changed and left > 0:
        changed = False
        for candidate in _simpler(best):
            if left <= 0:
                break
            other = holds(candidate)
            if other:
                best, found, changed = candidate[: other.number + 1], other, True
                break
    return best, found


def _simpler(steps: list[Step]) -> Iterator[list[Step]]:
    for number, step in enumerate(steps):
        for given in _less(step["with"]):
            yield [*steps[:number], {**step, "with": given}, *steps[number + 1 :]]


def _less(given: Any) -> Iterator[Any]:
    if isinstance(given, dict) and not given.keys() & {"$", "*"}:
        for key, value in given.items():
            if isinstance(value, (dict, list)):
                for less in _less(value):
                    yield {**given, key: less}
            if value in (None, [], {}, ""):
                yield {name: each for name, each in given.items() if name != key}
            elif isinstance(value, (dict, list)) and not (isinstance(value, dict) and "$" in value):
                yield {**given, key: type(value)()}
    elif isinstance(given, list):
        for i in range(len(given)):
            yield given[:i] + given[i + 1 :]
        for i, each in enumerate(given):
            for less in _less(each):
                yield [*given[:i], less, *given[i + 1 :]]
