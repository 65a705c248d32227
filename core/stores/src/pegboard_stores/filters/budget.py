"""What a search may cost: one budget for all its patterns and all the values that they read.

Steps are counted, not seconds: a search of the same values is always answered or always refused.
A step is one character read by one pattern; what takes longer counts as several.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from attrs import define, field
from pegboard.errors import InvalidValue

STEPS = 20_000_000
"""The budget of one search: about half a second."""


@define(eq=False)
class Budget:
    """How many steps are left."""

    left: int = STEPS
    patterns: dict[str, Any] = field(factory=dict)
    """The patterns of this search, compiled."""

    @property
    def is_exceeded(self) -> bool:
        """Whether more steps were wanted than there were."""
        return self.left < 0

    def spend(self, steps: int) -> None:
        """Take steps; InvalidValue if fewer are left."""
        self.left -= steps
        if self.left < 0:
            raise self.exceeded()

    @staticmethod
    def exceeded() -> InvalidValue:
        """Return the error that says that the budget is used up."""
        return InvalidValue(
            f"The patterns of this search take too long on these values: more than {STEPS:,} "
            "characters would be read, each pattern and value counted.",
            hint="Narrow the search: add conditions with AND, name fewer experiments, or compare "
            "with fewer and simpler patterns.",
        )


_CURRENT: ContextVar[Budget | None] = ContextVar("pegboard_search_budget", default=None)


def current() -> Budget:
    """Return the budget of the search that goes on, else a new one."""
    return _CURRENT.get() or Budget()


@contextlib.contextmanager
def searching() -> Iterator[Budget]:
    """Make the block one search with one budget: that of the search it is a part of, or its own."""
    known = _CURRENT.get()
    if known is not None:
        yield known
        return
    budget = Budget()
    token = _CURRENT.set(budget)
    try:
        yield budget
    finally:
        _CURRENT.reset(token)
