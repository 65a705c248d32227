"""Regular expressions that answer in time proportional to the text, whatever the pattern.

A pattern becomes an automaton whose states are sets of places in the pattern; no text makes it go
back. What such an automaton cannot do is refused: back references, look-around, word boundaries.

Syntax: ``.``, classes ``[a-z]`` and ``[^…]``, ``\\d \\w \\s`` and their opposites, ``^`` and ``$``
(start and end of the text), groups, ``|``, ``* + ? {m} {m,} {m,n}``, and ``(?i)`` at the beginning
to ignore case. A pattern is found anywhere in the text unless it is anchored.
"""

from __future__ import annotations

from array import array
from functools import reduce
from operator import getitem

from pegboard_stores.filters.budget import Budget, current
from pegboard_stores.filters.regex_parser import (
    ACCEPT,
    CHARACTER,
    END,
    SPLIT,
    Instruction,
    PatternError,
    parse,
)

__all__ = ["Pattern", "PatternError", "compile_pattern", "search"]

_PART = 1_000
"""How many characters are read at once, and paid for before."""

_PLACE_STEPS = 10
"""What looking at one place in a pattern costs, while states are built, in steps."""

_MAX_TRANSITIONS = 20_000
"""How many are kept in one search; then they are built anew."""


class _State(dict[str, "_State"]):
    """A state of the automaton, and the states that characters lead to, as far as they are known.

    States are looked up by the ``getitem`` of C, once per character. ``key`` holds the places in
    the pattern, as numbers of 16 bits.
    """

    __slots__ = ("accepts", "accepts_at_end", "key", "pattern")

    def __init__(
        self, pattern: Pattern, key: bytes, *, accepts: bool, accepts_at_end: bool
    ) -> None:
        super().__init__()
        self.pattern = pattern
        self.key = key
        self.accepts = accepts
        self.accepts_at_end = accepts_at_end

    def __missing__(self, character: str) -> _State:
        following = self.pattern.follow(self, character)
        # What comes behind an end is not read, so no transition to it is kept.
        following.end_here()
        self[character] = following
        return following

    def end_here(self) -> None:
        """Raise ``_Decided`` if what follows in the text makes no difference."""
        if self.accepts or not self.key:
            raise _Decided(self.accepts)


class _Decided(Exception):
    """The rest of the text need not be read."""

    def __init__(self, is_found: bool) -> None:
        self.is_found = is_found


class Pattern:
    """A compiled regular expression, paid for from one budget."""

    def __init__(self, text: str, budget: Budget) -> None:
        self.text = text
        program = parse(text)
        self._program, self._fold = program.steps, program.fold
        self._budget = budget
        self._states: dict[tuple[bytes, bool], _State] = {}
        self._transitions = 0
        self._first = self._state([0], at_start=True)

    def search(self, text: str) -> bool:
        """Whether the pattern is found in ``text``; InvalidValue if the budget is used up."""
        if self._fold:
            text = text.lower()
        state = self._first
        try:
            state.end_here()
            for begin in range(0, len(text), _PART):
                part = text[begin : begin + _PART]
                self._budget.spend(len(part))
                state = reduce(getitem, part, state)
        except _Decided as decided:
            return decided.is_found
        return state.accepts_at_end

    def follow(self, state: _State, character: str) -> _State:
        """Return the state that a character leads to, which is not known yet."""
        program, places = self._program, array("H", state.key)
        self._spend(len(places))
        reached = [program[place].target for place in places if program[place].accepts(character)]
        self._transitions += 1
        if self._transitions > _MAX_TRANSITIONS // max(len(self._budget.patterns), 1):
            self._forget()
        return self._state([*reached, 0], at_start=False)

    def _forget(self) -> None:
        for state in (self._first, *self._states.values()):
            state.clear()
        self._states.clear()
        self._transitions = 0

    def _spend(self, places: int) -> None:
        self._budget.spend(_PLACE_STEPS * (places + 1))

    def _state(self, places: list[int], *, at_start: bool) -> _State:
        consuming, accepts = self._closure(places, at_start=at_start, at_end=False)
        key = array("H", sorted(consuming)).tobytes()
        # A state before the first character differs: ^ holds in it and never again.
        known = None if at_start else self._states.get((key, accepts))
        if known is not None:
            return known
        accepts_at_end = accepts or self._closure(places, at_start=at_start, at_end=True)[1]
        made = _State(self, key, accepts=accepts, accepts_at_end=accepts_at_end)
        if not at_start:
            self._states[key, accepts] = made
        return made

    def _closure(self, places: list[int], *, at_start: bool, at_end: bool) -> tuple[set[int], bool]:
        """Return the places that wait for a character or the end, and whether all is done."""
        seen: set[int] = set()
        consuming: set[int] = set()
        waiting = list(places)
        done = False
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            step: Instruction = self._program[place]
            if step.kind is ACCEPT:
                done = True
            elif step.kind is CHARACTER:
                consuming.add(place)
            elif step.kind is SPLIT:
                waiting += (step.target, step.other)
            elif step.kind is END and not at_end:
                consuming.add(place)
            elif step.kind is END or at_start:
                waiting.append(step.target)
        self._spend(len(seen))
        return consuming, done


def compile_pattern(text: str, budget: Budget | None = None) -> Pattern:
    """Return the compiled pattern; PatternError if it is not one.

    It is paid for from ``budget``, by default that of the search that goes on.
    """
    chosen = budget or current()
    known: Pattern | None = chosen.patterns.get(text)
    if known is None:
        known = chosen.patterns[text] = Pattern(text, chosen)
    return known


def search(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; InvalidValue if the search costs too much to tell."""
    return compile_pattern(pattern).search(text)
