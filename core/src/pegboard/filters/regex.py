"""Regular expressions that answer in time proportional to the text, whatever the pattern.

A pattern becomes an automaton whose states are sets of places in the pattern; no text makes it go
back. What such an automaton cannot do is refused: back references, look-around, word boundaries.

Syntax: ``.``, classes ``[a-z]`` and ``[^…]``, ``\\d \\w \\s`` and their opposites, ``^`` and ``$``
(start and end of the text), groups, ``|``, ``* + ? {m} {m,} {m,n}``, and ``(?i)`` at the beginning
to ignore case. A pattern is found anywhere in the text unless it is anchored.
"""

from __future__ import annotations

from functools import lru_cache

from pegboard.errors import InvalidValue
from pegboard.filters.regex_parser import (
    ACCEPT,
    CHARACTER,
    END,
    SPLIT,
    Instruction,
    PatternError,
    parse,
)

__all__ = ["Pattern", "PatternError", "compile_pattern"]

_MAX_STATES = 2_000
_MAX_WORK = 3_000_000
"""How many steps of the pattern may be tried while building states, in one search."""

_States = frozenset[int]


class _State:
    """A state of the automaton and the states that characters lead to."""

    __slots__ = ("accepts", "accepts_at_end", "follow", "places")

    def __init__(self, places: _States, *, accepts: bool, accepts_at_end: bool) -> None:
        self.places = places
        self.accepts = accepts
        self.accepts_at_end = accepts_at_end
        self.follow: dict[str, _State] = {}


class Pattern:
    """A compiled regular expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._program, self._fold = parse(text)
        self._states: dict[_States, _State] = {}
        self._work = 0
        self._transitions = 0
        self._first = self._state([0], at_start=True)

    def renew(self) -> None:
        """Begin a new search, with a new allowance of work."""
        self._work = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether the allowance is used up."""
        return self._work > _MAX_WORK

    def exhausted(self) -> InvalidValue:
        """Return the error that says that the allowance is used up."""
        return InvalidValue(
            f"The regular expression {self.text!r} takes too long on these values.",
            hint="Repeat less within it, or narrow the search with other conditions.",
        )

    def search(self, text: str) -> bool:
        """Whether the pattern is found in ``text``; InvalidValue if it costs too much to tell."""
        if self._fold:
            text = text.lower()
        state = self._first
        for character in text:
            if state.accepts:
                return True
            state = state.follow.get(character) or self._step(state, character)
        return state.accepts or state.accepts_at_end

    def _step(self, state: _State, character: str) -> _State:
        program = self._program
        self._spend(len(state.places))
        reached = [
            program[place].target for place in state.places if program[place].accepts(character)
        ]
        found = self._state([*reached, 0], at_start=False)
        self._transitions += 1
        if len(self._states) > _MAX_STATES or self._transitions > 20 * _MAX_STATES:
            self._forget()
        state.follow[character] = found
        return found

    def _forget(self) -> None:
        for state in (self._first, *self._states.values()):
            state.follow.clear()
        self._states.clear()
        self._transitions = 0

    def _spend(self, steps: int) -> None:
        self._work += steps + 1
        if self._work > _MAX_WORK:
            raise self.exhausted()

    def _state(self, places: list[int], *, at_start: bool) -> _State:
        consuming, accepts = self._closure(places, at_start=at_start, at_end=False)
        key = frozenset(consuming | {-1}) if accepts else frozenset(consuming)
        # A state before the first character differs: ^ holds in it and never again.
        known = None if at_start else self._states.get(key)
        if known is not None:
            return known
        accepts_at_end = accepts or self._closure(places, at_start=at_start, at_end=True)[1]
        made = _State(frozenset(consuming), accepts=accepts, accepts_at_end=accepts_at_end)
        if not at_start:
            self._states[key] = made
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


@lru_cache(maxsize=64)
def compile_pattern(text: str) -> Pattern:
    """Return the compiled pattern; PatternError if it is not one."""
    return Pattern(text)
