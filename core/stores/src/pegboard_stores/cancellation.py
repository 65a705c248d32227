"""Work that is given up once no client waits for its answer.

A server does each reading request as a ``Work``, which it stops when the client has gone or the
time is over. Long loops call ``check()`` now and then; SQLite is interrupted by
``pegboard_stores.sqlite``, and only while it reads. Writes are never stopped half-way.

Without a ``Work``, as in scripts, nothing is ever stopped and a check costs next to nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

_EACH = 200
"""How many items of a loop pass between two checks."""


class Stopped(BaseException):
    """Nobody waits for the answer any more.

    Like ``asyncio.CancelledError`` it is not an ``Exception``: code that goes on after errors must
    not go on after this.
    """


class Work:
    """One piece of work in one thread, which any other thread may stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], object]] = []
        self.is_stopped = False

    def stop(self) -> None:
        """Have the work end with ``Stopped`` soon; may be called again, from any thread.

        To call it again helps if what was interrupted had just begun something else.
        """
        with self._lock:
            self.is_stopped = True
            for interrupt in self._interrupts:
                interrupt()

    def check(self) -> None:
        """Raise ``Stopped`` if the work was stopped."""
        if self.is_stopped:
            raise Stopped

    def interrupted_by(self, interrupt: Callable[[], object]) -> AbstractContextManager[None]:
        """Have ``stop`` call ``interrupt``, from its thread, for as long as the block lasts.

        The block ends with ``Stopped`` if the work was stopped meanwhile, whatever else it raised.
        After it ``interrupt`` is not called any more.
        """
        return _Interrupted(self, self._lock, self._interrupts, interrupt)


class _Interrupted(AbstractContextManager[None]):
    # Not made of a generator: each short read of a server goes through this.
    __slots__ = ("_interrupt", "_interrupts", "_lock", "_work")

    def __init__(
        self,
        work: Work,
        lock: threading.Lock,
        interrupts: list[Callable[[], object]],
        interrupt: Callable[[], object],
    ) -> None:
        self._work, self._lock = work, lock
        self._interrupts, self._interrupt = interrupts, interrupt

    def __enter__(self) -> None:
        with self._lock:
            self._work.check()
            self._interrupts.append(self._interrupt)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        with self._lock:
            self._interrupts.remove(self._interrupt)
        if self._work.is_stopped and (error is None or isinstance(error, Exception)):
            # What failed did so because it was interrupted.
            raise Stopped from error


_UNDISTURBED = nullcontext()

_CURRENT: ContextVar[Work | None] = ContextVar("pegboard_work", default=None)

current = _CURRENT.get
"""Return the work that this thread does, None if it may not be stopped."""


@contextlib.contextmanager
def doing(work: Work | None) -> Iterator[None]:
    """Make what the block does a part of ``work``; with None it may not be stopped."""
    token = _CURRENT.set(work)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def shielded() -> AbstractContextManager[None]:
    """Return a block that is not stopped: a write, for instance, perhaps for others as well."""
    return _UNDISTURBED if _CURRENT.get() is None else doing(None)


def interruptible(interrupt: Callable[[], object]) -> AbstractContextManager[None]:
    """Return a block that ``interrupt`` ends, see ``Work.interrupted_by``, if there is a work."""
    work = _CURRENT.get()
    return _UNDISTURBED if work is None else work.interrupted_by(interrupt)


def check() -> None:
    """Raise ``Stopped`` if the work that this thread does was stopped."""
    work = _CURRENT.get()
    if work is not None and work.is_stopped:
        raise Stopped


def checked(items: Iterable[T]) -> Iterator[T]:
    """Yield items, with a check before some of them."""
    remaining = iter(items)
    while part := tuple(islice(remaining, _EACH)):
        check()
        yield from part
