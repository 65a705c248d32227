"""Threads that work off calls, and calls that are not waited for longer than they may take.

The threads are daemons: what hangs in one does not keep the process from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
_Outcome: TypeAlias = "tuple[T | None, BaseException | None]"
"""What a call returned, or raised."""


class TooSlow(TimeoutError):
    """A call took longer than it may; it may still go on, but nobody waits for it."""


class _Helper:
    """A thread that makes the calls of another one, which need not wait for them to the end.

    It is begun once, as that costs more than most of the calls.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=_serve, args=(self._calls,), name="pegboard-limited", daemon=True
        )
        self._thread.start()

    def is_there(self) -> bool:
        """Whether it works; in a forked child it does not."""
        return self._thread.is_alive()

    def begin(self, call: Callable[[], T]) -> SimpleQueue[_Outcome[T]]:
        """Have a call made, in the context of the caller; return where its outcome comes."""
        context = copy_context()
        outcome: SimpleQueue[_Outcome[T]] = SimpleQueue()

        def run() -> None:
            try:
                outcome.put((context.run(call), None))
            except BaseException as error:
                outcome.put((None, error))

        self._calls.put(run)
        return outcome

    def __del__(self) -> None:
        """Let the thread end, once it has done what it does."""
        self._calls.put(None)


def _serve(calls: SimpleQueue[Callable[[], None] | None]) -> None:
    while (call := calls.get()) is not None:
        call()
        # What it holds is not kept until the next one comes.
        del call


class _Local(threading.local):
    helper: _Helper | None = None


_local = _Local()


def within(seconds: float | None, call: Callable[[], T]) -> T:
    """Return what a call returns; TooSlow after so many seconds. None: there is no limit."""
    if not seconds:
        return call()
    # Taken away meanwhile: nobody is to wait behind a call that was given up.
    helper, _local.helper = _local.helper, None
    if helper is None or not helper.is_there():
        helper = _Helper()
    outcome = helper.begin(call)
    try:
        result, error = outcome.get(timeout=min(seconds, threading.TIMEOUT_MAX))
    except Empty:
        raise TooSlow(f"It took longer than {seconds:g} seconds.") from None
    _local.helper = helper
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
