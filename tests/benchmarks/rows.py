"""What a benchmark returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One measured figure.

    ``better`` says which way is good. ``goal`` is the bound that the figure is to keep, on the
    good side; None for a figure that is only shown. ``ratio`` is how many times better than the
    peer's figure ours is, and ``goal_ratio`` its bound.
    """

    what: str
    unit: str
    ours: float
    goal: float | None = None
    better: Literal["more", "less"] = "more"
    peer: str = ""
    theirs: float | None = None
    goal_ratio: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is."""
        if not self.theirs or not self.ours:
            return None
        more = self.better == "more"
        return self.ours / self.theirs if more else self.theirs / self.ours

    @property
    def met(self) -> bool | None:
        """Whether all goals are reached; None if there is none, or no peer to judge it by."""
        checks = []
        if self.goal is not None:
            more = self.better == "more"
            checks.append(self.ours >= self.goal if more else self.ours <= self.goal)
        if self.goal_ratio is not None and self.ratio is not None:
            checks.append(self.ratio >= self.goal_ratio)
        return all(checks) if checks else None

    def beside(self, figures: Mapping[str, float]) -> list[Row]:
        """Return this row once for each peer, with its figure; alone if there are none."""
        rows = [replace(self, peer=peer, theirs=figure) for peer, figure in figures.items()]
        return rows or [self]
