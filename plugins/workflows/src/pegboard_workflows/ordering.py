"""The order of steps, each after those that it needs; and rings of steps that need each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def ordered(needs: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """Return a ring of names, or [] if there is none, and all names in an order that works.

    Among those that could come next, the one that was named first does. Names that are not keys do
    not count. A ring begins and ends with the same name.
    """
    left = {name: {each for each in given if each in needs} for name, given in needs.items()}
    order: list[str] = []
    while left:
        name = next((name for name, given in left.items() if not given), None)
        if name is None:
            return _ring(left), [*order, *left]
        order.append(name)
        del left[name]
        for given in left.values():
            given.discard(name)
    return [], order


def _ring(left: Mapping[str, set[str]]) -> list[str]:
    way = [next(iter(left))]
    while True:
        # Each of them needs another one, or it would not be left.
        name = min(left[way[-1]])
        if name in way:
            return [*way[way.index(name) :], name][::-1]
        way.append(name)
