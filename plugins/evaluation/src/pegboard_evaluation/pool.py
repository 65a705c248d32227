"""Threads that work off calls, and calls that are not waited for longer than they may take.

The threads are daemons: what hangs in one does not keep the process from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class TooSlow(TimeoutError):
    """A call took longer than it may; it may still go on, but nobody waits for it."""


def within(seconds: float | None, call: Callable[[], T]) -> T:
    """Return what a call returns; TooSlow after so many seconds. None: there is no limit."""
    if not seconds:
        return call()
    context = copy_context()
    outcome: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((context.run(call), None))
        except BaseException as error:
            outcome.put((None, error))

    thread = threading.Thread(target=run, name="pegboard-limited", daemon=True)
    thread.start()
    thread.join(min(seconds, threading.TIMEOUT_MAX))
    if outcome.empty():
        raise TooSlow(f"It took longer than {seconds:g} seconds.")
    result, error = outcome.get()
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


class Pool:
    """Works off calls with a number of threads, those that were given first before others."""

    def __init__(self, workers: int, done: SimpleQueue[Any]) -> None:
        """``done`` gets what calls return, and what they raise."""
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._done = done
        self._workers = workers
        self._started = 0
        self._closed = False

    def submit(self, call: Callable[[], Any]) -> None:
        """Have a call made, in the context of the caller."""
        context = copy_context()
        self._calls.put(lambda: context.run(call))
        if self._started < self._workers:
            self._started += 1
            threading.Thread(target=self._work, name="pegboard-evaluation", daemon=True).start()

    def close(self) -> None:
        """Begin no more calls."""
        self._closed = True
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None and not self._closed:
            try:
                result = call()
            except BaseException as error:
                result = error
            self._done.put(result)
