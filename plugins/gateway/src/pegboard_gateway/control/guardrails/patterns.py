"""Regular expressions of one's own in texts, in bounded time whatever they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pegboard_stores.filters.budget import Budget
from pegboard_stores.filters.regex import PatternError

from pegboard_gateway.control.guardrails import Setting
from pegboard_gateway.control.guardrails.finding import (
    FindingGuard,
    Found,
    refuse_others,
    wrong,
)
from pegboard_gateway.control.guardrails.pii import without_overlaps
from pegboard_gateway.control.guardrails.spans import STEPS, Finder

_NAME = "regex"


class PatternGuard(FindingGuard):
    """Finds patterns, in the syntax of filters."""

    name = _NAME

    def __init__(self, given: Mapping[str, Any], setting: Setting) -> None:
        """``patterns``, ``replacement``; ``window``: how long what is found in streams may be."""
        self._window: int = given.get("window", 200)
        if not isinstance(self._window, int) or not 1 <= self._window <= 100_000:
            raise wrong(_NAME, "window", self._window, "1 to 100000 characters")
        super().__init__(given, setting)
        refuse_others(_NAME, given, ("patterns", "replacement", "window"))
        self._replacement = str(given.get("replacement", "[REDACTED]"))
        patterns = given.get("patterns")
        if not isinstance(patterns, (list, tuple)) or not patterns:
            raise wrong(_NAME, "patterns", patterns, "a list of patterns")
        self._budget = Budget(STEPS)
        try:
            self._finders = [Finder(pattern, self._budget) for pattern in patterns]
        except (PatternError, TypeError, AttributeError) as error:
            raise wrong(_NAME, "patterns", patterns, f"patterns: {error}") from None

    def begin(self) -> None:
        """Begin to look through a request or an answer."""
        super().begin()
        self._budget.left = STEPS

    def kept(self, text: str) -> int:
        """Return from where on a stream's text is held back."""
        return max(len(text) - self._window, 0)

    def find(self, text: str) -> Iterable[Found]:
        """Return what is in a text."""
        found = [
            (start, end, self._replacement)
            for finder in self._finders
            for start, end in finder.find(text)
        ]
        return without_overlaps(found)


def make(given: Mapping[str, Any], setting: Setting) -> PatternGuard:
    """Return the guard of a table."""
    return PatternGuard(given, setting)
