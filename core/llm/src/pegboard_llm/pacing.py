"""How often an upstream is asked: as often as one likes, until it says that this is too often.

Then half as often, and from there a little more often with each answer, until it says so again. All
threads that ask it share one pace, so that none of them makes another fail.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 1.0
"""Over how long it is measured how often an upstream was asked."""
_LATE_S = 0.1
"""How late a call may come and still be made up for, so that a rate is used to the full."""
_LEAST = 1.0
"""Calls a second, however often an upstream complains: each call that it refuses waits besides."""
_FEW = 5.0
"""Who asks less often than so many times a second is not slowed down, but for rests."""
_FREE = 4.0
"""At so many times the rate that was too much, there is no limit any more."""


class Pace:
    """The pace of calls to one upstream. May be used by threads."""

    def __init__(
        self,
        most: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``most``: calls a second that it never passes; None: there is no such limit."""
        self._most, self._clock, self._sleep = most, clock, sleep
        self._lock = threading.Lock()
        self._next = self._held = self._slowed = float("-inf")
        self._begun: deque[float] = deque(maxlen=1000)
        self._rate = most
        self._too_much = 0.0

    @property
    def rate(self) -> float | None:
        """How many calls a second it allows now; None: any number."""
        return self._rate

    def wait(self) -> float:
        """Wait for one's turn; return the time of the clock, which ``slow`` wants to know."""
        with self._lock:
            now = self._clock()
            turn = now
            if self._rate is not None:
                turn = max(self._next, now - _LATE_S)
                self._next = turn + 1 / self._rate
            turn = max(turn, self._held)
            if turn <= now:
                self._begun.append(now)
                return now
        while (left := turn - now) > 0:
            self._sleep(left)
            now = self._clock()
            # Meanwhile the upstream may have asked for a rest.
            turn = max(turn, self._held)
        with self._lock:
            self._begun.append(now)
        return now

    def slow(self, begun: float, rest: float = 0.0) -> None:
        """Take note that the upstream refused a call, which began at a time, as one too many.

        ``rest``: for so many seconds it wants no call at all.
        """
        with self._lock:
            self._held = max(self._held, self._clock() + rest)
            if begun < self._slowed:
                # It was under way when another was refused: that was one time too many, not two.
                return
            now = self._slowed = self._clock()
            rate = self._measured(now) if self._rate is None else self._rate
            if self._most is None and self._rate is None and rate < _FEW:
                # Who asks so seldom need not ask more seldom still: the rest is all.
                return
            least = _LEAST if self._most is None else min(self._most, _LEAST)
            self._too_much = rate
            self._rate = max(rate / 2, least)
            self._next = now

    def go_on(self) -> None:
        """Take note that the upstream answered."""
        with self._lock:
            if self._rate is None:
                return
            rate = self._rate + 1 / max(self._rate, 1.0)
            if self._most is not None:
                self._rate = min(rate, self._most)
            else:
                self._rate = None if rate > _FREE * max(self._too_much, 1.0) else rate

    def _measured(self, now: float) -> float:
        return sum(each > now - _WINDOW_S for each in self._begun) / _WINDOW_S
