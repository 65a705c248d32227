"""Threads for calls that, if they are stuck, do not keep the process from its end.

Python waits for those of its own pools before a process exits, for ever if need be. What has to be
done before the end is waited for by ``shutdown``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

_BESIDE, _BESIDE_SECONDS = 32, 1.0
P = ParamSpec("P")
T = TypeVar("T")


class Calls(ThreadPoolExecutor):
    """A pool of threads; a ``ThreadPoolExecutor`` to event loops, which take no other."""

    def __init__(self, most: int, name: str, patience_seconds: float | None = None) -> None:
        """Have at most so many threads; ``shutdown`` waits so long for them, or to their end."""
        super().__init__(most, name)
        self._most, self._called, self._patience = most, name, patience_seconds
        self._guard = threading.Lock()
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._hands: list[threading.Thread] = []
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call made by the next thread that is free; RuntimeError after ``shutdown``."""
        with self._guard:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            future: Future[T] = Future()
            self._work.put((future, partial(fn, *args, **kwargs)))
            if not self._idle.acquire(blocking=False) and len(self._hands) < self._most:
                name = f"{self._called}_{len(self._hands)}"
                thread = threading.Thread(target=self._make, name=name, daemon=True)
                self._hands.append(thread)
                thread.start()
        return future

    def _make(self) -> None:
        while True:
            try:
                item = self._work.get_nowait()
            except Empty:
                self._idle.release()
                item = self._work.get()
            if item is None:
                # For the next one.
                self._work.put(None)
                return
            future, call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            # It may be large, and the next call may come late.
            del item, future, call
            result = None

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; wait for those that were taken."""
        with self._guard:
            if not self._closed:
                self._closed = True
                while cancel_futures:
                    try:
                        item = self._work.get_nowait()
                    except Empty:
                        break
                    if item is not None:
                        item[0].cancel()
                self._work.put(None)
        if not wait:
            return
        end = None if self._patience is None else time.monotonic() + self._patience
        for thread in self._hands:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))


def beside() -> Calls:
    """Return what an event loop has for all but the calls of clients."""
    return Calls(_BESIDE, "beside", _BESIDE_SECONDS)
