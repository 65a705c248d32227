"""Where patterns are found in a text: all places, in bounded time.

The patterns are those of filters (``pegboard_stores.filters.regex``), which know no back references
and no look-around, so no text makes them go back. That a pattern is found at all is asked of their
automaton first: most texts hold nothing, and it is quick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pegboard_stores.filters.budget import Budget
from pegboard_stores.filters.regex import Pattern
from pegboard_stores.filters.regex_parser import ACCEPT, CHARACTER, END, SPLIT, START, parse

STEPS = 12_000_000
"""What looking through one request for all patterns may cost: a third of a second at the most, in
which the gateway does nothing else. A step is one character read by the automaton of a pattern."""
_PLACE_STEPS = 24
"""What following one place of a pattern costs, where the text has it."""


class Finder:
    """One pattern, compiled once; to be used by one thread."""

    def __init__(self, pattern: str, budget: Budget) -> None:
        """Compile; raises PatternError for what is not a pattern.

        ``budget`` pays for all searches; who looks through a request sets it to ``STEPS``.
        """
        self._budget = budget
        self._pattern = Pattern(pattern, budget)
        self._program = parse(pattern)

    def find(self, text: str) -> Sequence[tuple[int, int]]:
        """Return where the pattern is found: the first places, each as long as it can be.

        Raises InvalidValue if that takes too long to tell.
        """
        if not self._pattern.search(text):
            return ()
        return list(self._spans(text.lower() if self._program.fold else text))

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        while at <= len(text):
            found = self._first(text, at)
            if found is None:
                return
            start, end = found
            if end > start:
                yield found
            at = max(end, start + 1)

    def _first(self, text: str, begin: int) -> tuple[int, int] | None:
        """Return the first place from ``begin`` on: places in the pattern carry their start."""
        steps = self._program.steps
        best: tuple[int, int] | None = None
        threads: dict[int, int] = {}
        for at in range(begin, len(text) + 1):
            if best is None:
                # An earlier start goes before.
                threads.setdefault(0, at)
            waiting, end = self._close(threads, at, len(text))
            if end is not None and (best is None or end <= best[0]):
                best = (end, at)
            if best is not None:
                waiting = {place: start for place, start in waiting.items() if start <= best[0]}
                if not waiting:
                    return best
            if at == len(text):
                return best
            character = text[at]
            threads = {}
            for place, start in waiting.items():
                step = steps[place]
                if step.accepts(character):
                    known = threads.get(step.target)
                    if known is None or start < known:
                        threads[step.target] = start
        return best

    def _close(
        self, threads: dict[int, int], at: int, length: int
    ) -> tuple[dict[int, int], int | None]:
        """Return the places that wait for a character, and the earliest start that is done."""
        steps, seen = self._program.steps, dict[int, int]()
        waiting: dict[int, int] = {}
        accepted: int | None = None
        todo = sorted(threads.items(), key=lambda each: each[1], reverse=True)
        while todo:
            place, start = todo.pop()
            if place in seen and seen[place] <= start:
                continue
            seen[place] = start
            step = steps[place]
            if step.kind is ACCEPT:
                accepted = start if accepted is None else min(accepted, start)
            elif step.kind is CHARACTER:
                waiting[place] = start
            elif step.kind is SPLIT:
                todo += ((step.target, start), (step.other, start))
            elif (step.kind is START and at == 0) or (step.kind is END and at == length):
                todo.append((step.target, start))
        self._budget.spend(6 + _PLACE_STEPS * len(seen))
        return waiting, accepted
