"""How often an upstream is asked: as often as one likes, until it says that this is too often.

Then half as often, and soon nearly as often as before; from there a little more often with each
answer, until it says so again. An upstream whose limit is known by then is asked a seventh less
often only, so that it is used to the full. All who ask it share one pace, so that none of them
makes another fail: threads by its object, processes by a file (``shared_paces``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from attrs import define, field

_WINDOW_S = 1.0
"""Over how long it is measured how often an upstream was asked."""
_PARTS = 10
"""In so many parts; a call is counted with its part."""
_LATE_S = 0.1
"""How late a call may come and still be made up for, so that a rate is used to the full."""
_LEAST = 1.0
"""Calls a second, however often an upstream complains: each call that it refuses waits besides."""
_FEW = 5.0
"""Who asks less often than so many times a second is not slowed down, but for rests."""
_FREE = 4.0
"""At so many times the rate that was too much, there is no limit any more."""
_NEAR, _KNOWN, _BELOW = 0.95, 0.8, 0.85
"""Shares of the rate that was too much: up to the first it is soon asked again. If it is refused
again above the second, its limit is known, and the rate comes down to the third."""


@define
class State:
    """What is known of an upstream. Times are those of the clock, in seconds."""

    next: float = float("-inf")
    """When the next call may begin."""
    held: float = float("-inf")
    """Until when it wants no call at all."""
    slowed: float = float("-inf")
    """When it last complained."""
    rate: float | None = None
    """Calls a second; None: any number."""
    too_much: float = 0.0
    """The rate that it last complained of."""
    part: int = 0
    counts: list[int] = field(factory=lambda: [0] * _PARTS)
    """Calls that began in each part of the window up to ``part``."""

    def count(self, now: float, calls: int = 1) -> None:
        """Count calls that begin."""
        part = int(now * _PARTS / _WINDOW_S)
        for later in range(max(self.part + 1, part - _PARTS + 1), part + 1):
            self.counts[later % _PARTS] = 0
        self.part = max(part, self.part)
        self.counts[part % _PARTS] += calls


Book = Callable[[], AbstractContextManager[State]]
"""Where a state is kept: within the block nobody else reads it, and what is changed is kept."""


def own(state: State) -> Book:
    """Keep a state for the threads of this process."""
    lock = threading.Lock()

    @contextmanager
    def opened() -> Iterator[State]:
        with lock:
            yield state

    return opened


class Pace:
    """The pace of calls to one upstream. May be used by threads."""

    def __init__(
        self,
        most: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        book: Book | None = None,
    ) -> None:
        """``most``: calls a second that it never passes; None: there is no such limit."""
        self._most, self._clock, self._sleep = most, clock, sleep
        self._book = book or own(State(rate=most))

    @property
    def rate(self) -> float | None:
        """How many calls a second it allows now; None: any number."""
        with self._book() as state:
            return state.rate

    def wait(self) -> float:
        """Wait for one's turn; return the time of the clock, which ``slow`` wants to know."""
        reserved, turn = float("-inf"), None
        while True:
            with self._book() as state:
                now = self._clock()
                if turn is None or state.slowed > reserved:
                    # It complained since the turn was given: they are further apart now.
                    reserved, turn = now, self._turn(state, now)
                # Meanwhile it may have asked for a rest, too.
                turn = max(turn, state.held)
                if turn <= now:
                    state.count(now)
                    return now
            self._sleep(turn - now)

    @staticmethod
    def _turn(state: State, now: float) -> float:
        if state.rate is None:
            return now
        turn = max(state.next, now - _LATE_S)
        state.next = turn + 1 / state.rate
        return turn

    def slow(self, begun: float, rest: float = 0.0) -> None:
        """Take note that the upstream refused a call, which began at a time, as one too many.

        ``rest``: for so many seconds it wants no call at all.
        """
        with self._book() as state:
            now = self._clock()
            state.held = max(state.held, now + rest)
            if begun < state.slowed:
                # It was under way when another was refused: that was one time too many, not two.
                return
            state.slowed = now
            state.count(now, 0)
            rate = sum(state.counts) / _WINDOW_S if state.rate is None else state.rate
            if self._most is None and state.rate is None and rate < _FEW:
                # Who asks so seldom need not ask more seldom still: the rest is all.
                return
            least = _LEAST if self._most is None else min(self._most, _LEAST)
            is_known = state.rate is not None and rate >= _KNOWN * state.too_much > 0
            state.too_much = rate
            state.rate = max(rate * (_BELOW if is_known else 0.5), least)
            state.next = now

    def go_on(self) -> None:
        """Take note that the upstream answered."""
        with self._book() as state:
            if state.rate is None:
                return
            # By what it grows in a second, shared by the answers of a second.
            near = _NEAR * state.too_much
            growth = max(near - state.rate, 0.01 * near if state.rate < state.too_much else 1.0)
            rate = state.rate + growth / max(state.rate, 1.0)
            if self._most is not None:
                state.rate = min(rate, self._most)
            else:
                state.rate = None if rate > _FREE * max(state.too_much, 1.0) else rate
