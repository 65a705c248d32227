"""The end of a process that was asked to stop, whatever its threads do.

A thread cannot be ended from outside, and Python waits for all of them before it exits. What was
acknowledged is with the operating system by then, so a process that is out of time simply leaves.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

_SHARE, _MOST_SECONDS = 0.25, 5.0
_TELLING_SECONDS = 0.5


def seconds_for_requests(timeout: float) -> float:
    """Return how much of the time to stop is for requests in flight; the rest is for the stores."""
    return timeout - min(timeout * _SHARE, _MOST_SECONDS)


class Ending:
    """Leaves the process a while after ``begin``, unless it has ended by then, or ``cease`` came.

    Its threads are there from the start: the handler of a signal, which may come at any point, only
    sets an event, and a process that is about to end cannot start threads.
    """

    def __init__(self, timeout: float, tell: Callable[[], None]) -> None:
        """Give the end this many seconds; call ``tell`` if they are over."""
        self.code = 0
        """The exit code of a process that is late: it was asked to stop, and did."""
        self._begun, self._ceased = threading.Event(), threading.Event()
        # A pipe that is not read must not keep the process either.
        for seconds, say in ((timeout, tell), (timeout + _TELLING_SECONDS, None)):
            given = (seconds, say)
            watch = threading.Thread(target=self._watch, args=given, name="ending", daemon=True)
            watch.start()

    def begin(self) -> None:
        """Count the seconds from now on; more calls change nothing."""
        self._begun.set()

    def cease(self) -> None:
        """Let the process go on: what was to end has ended."""
        self._ceased.set()
        self._begun.set()

    def _watch(self, seconds: float, say: Callable[[], None] | None) -> None:
        self._begun.wait()
        if self._ceased.wait(seconds):
            return
        try:
            if say is not None:
                say()
        finally:
            os._exit(self.code)
