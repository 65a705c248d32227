"""Requests that only read: each is stopped when its client has gone or it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pegboard_stores import cancellation
from pegboard_wire.http import Endpoint, Permission

from pegboard_server.asgi import Scope
from pegboard_server.exchange import GONE
from pegboard_server.failures import ClientGone, Failure

T = TypeVar("T")


class Reading(cancellation.Work):
    """One request, worked on in a thread."""

    def __init__(self, deadline: float) -> None:
        """``deadline`` is a time of ``time.monotonic``."""
        super().__init__()
        self.deadline = deadline
        self.is_late = False

    def run(self, work: Callable[[], T]) -> T:
        """Do the work; ClientGone or a Failure if it was stopped, or need not begin."""
        try:
            with cancellation.doing(self):
                self.check()
                return work()
        except cancellation.Stopped:
            raise self._failure() from None

    def _failure(self) -> Exception:
        if not self.is_late:
            return ClientGone()
        return Failure(
            504,
            "DEADLINE_EXCEEDED",
            "The answer took too long and was given up. Ask for less at once: fewer results, "
            "experiments or runs, or a filter that leaves fewer of them.",
        )


class Readings:
    """Those that are worked on; to be used from the event loop alone."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` is how long each may take."""
        self._seconds = seconds
        self._open: set[Reading] = set()

    @contextmanager
    def reading(self, scope: Scope) -> Iterator[Reading]:
        """Stop a request, within the block, when its client is gone."""
        made = Reading(time.monotonic() + self._seconds)
        self._open.add(made)
        tell = scope.get(GONE)
        try:
            if tell is not None:
                tell(made.stop)
            yield made
        except BaseException:
            # The server itself gives it up.
            made.stop()
            raise
        finally:
            if tell is not None:
                tell(None)
            self._open.discard(made)

    def look(self) -> None:
        """Stop those that are late; to be called every second or so.

        Those that were stopped are stopped again, in case they had just begun something else.
        """
        now = time.monotonic()
        for each in list(self._open):
            if not each.is_stopped and now > each.deadline:
                each.is_late = True
                each.stop()
            elif each.is_stopped:
                each.stop()


def only_reads(endpoint: Endpoint) -> bool:
    """Whether an endpoint changes nothing, so that it may be stopped at any time."""
    return endpoint.permission in (Permission.READ, Permission.PUBLIC) and not endpoint.streams
