"""What is wrong with the configuration of a step, told before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pegboard.errors import PegboardError
from pegboard_recipes import Configuration

USUAL = (2, 3, 4, 5, 6, 7, 8)
"""Numbers of groups that are tried where the recipe names none."""


def train(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with the numbers of groups."""
    given = config.step("train").get("clusters", list(USUAL))
    counts = [given] if isinstance(given, int) else given
    fits = isinstance(counts, list) and all(type(x) is int and x > 1 for x in counts)
    if not fits or not counts:
        place = ("steps", "train", "clusters")
        hint = "It is a number above 1, or a list of such."
        yield config.wrong(place, f"'clusters' is {given!r}.", hint)


def evaluate(config: Configuration) -> Iterator[PegboardError]:
    """Yield what is wrong with the criteria."""
    from pegboard_clustering.measures import MEASURES

    for number, each in enumerate(config.step("evaluate").get("validation_criteria") or ()):
        name = str(each.get("metric"))
        if name in MEASURES and isinstance(each.get("threshold"), (int, float)):
            continue
        near = get_close_matches(name, MEASURES, 1)
        hint = f"Did you mean {near[0]!r}? " if near and near[0] != name else ""
        yield config.wrong(
            ("steps", "evaluate", "validation_criteria", str(number)),
            f"There is no criterion of {name!r} with a number as 'threshold'.",
            hint=f"{hint}There are: {', '.join(MEASURES)}.",
        )
