"""Group commit: writes that come at the same time share one transaction.

A commit costs more than a small write. So whoever finds nobody committing takes everything that
waits, writes it in one transaction and tells the others; what comes meanwhile waits for the next
one. Somebody who writes alone waits for nobody.
"""

from __future__ import annotations

import contextlib
import copy
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from attrs import define, field
from pegboard.errors import PegboardError, StoreBusy
from pegboard.sqlite import Database

T = TypeVar("T")

TOGETHER = 256
"""How many writes share a transaction at the most, so that none waits for very many others."""


@define(eq=False)
class _Waiting(Generic[T]):
    """A write, and what became of it."""

    write: Callable[[sqlite3.Connection], T]
    done: bool = False
    result: T | None = None
    error: Exception | None = None

    def end(self, result: T | None, error: Exception | None) -> None:
        self.result, self.error, self.done = result, error, True


@define(eq=False)
class _Queue:
    """What waits, and the lock of whoever commits."""

    lock: threading.Lock = field(factory=threading.Lock)
    waiting: deque[_Waiting[Any]] = field(factory=deque)


class GroupCommit:
    """Runs writes in transactions that they share.

    A write is a function of a connection. It must not commit, and may be called again after what
    it did was undone. When ``run`` returns, what it wrote is committed; an error undoes this write
    and no other.
    """

    def __init__(self, database: Database) -> None:
        """Write into ``database``, which others may write into as well."""
        self._database = database
        self.reset()

    def reset(self) -> None:
        """Forget what waits: for a child process, where nobody is left to wait."""
        self._queue = _Queue()

    def run(self, write: Callable[[sqlite3.Connection], T]) -> T:
        """Run a write and return its result when it is committed.

        Within a transaction of the calling thread it becomes a part of that.
        """
        connection = self._database.connection()
        if connection.in_transaction:
            return write(connection)
        queue = self._queue
        mine = _Waiting(write)
        queue.waiting.append(mine)
        try:
            with queue.lock:
                while not mine.done:
                    self._commit(queue)
        except BaseException:
            # The thread is interrupted: nobody shall write for it later.
            with contextlib.suppress(ValueError):
                queue.waiting.remove(mine)
            raise
        if mine.error is not None:
            raise mine.error
        return mine.result  # type: ignore[return-value]

    def _commit(self, queue: _Queue) -> None:
        """Write some of what waits."""
        taken = [queue.waiting.popleft() for _ in range(min(len(queue.waiting), TOGETHER))]
        try:
            if len(taken) == 1 or not self._together(taken):
                for item in taken:
                    self._alone(item)
        except BaseException:
            queue.waiting.extendleft(item for item in reversed(taken) if not item.done)
            raise

    def _alone(self, item: _Waiting[Any]) -> None:
        try:
            with self._database.writing() as connection:
                result = item.write(connection)
        except Exception as error:
            # Whatever it is, it belongs to whoever waits for this write.
            item.end(None, error)
        else:
            item.end(result, None)

    def _together(self, taken: list[_Waiting[Any]]) -> bool:
        """Write all in one transaction; False if that failed, and each is to be tried alone."""
        try:
            with self._database.writing() as connection:
                ends = [self._within(connection, item) for item in taken]
        except StoreBusy as error:
            # To wait once for the lock is long enough.
            ends = [(None, copy.copy(error)) for _ in taken]
        except PegboardError:
            return False
        for item, end in zip(taken, ends, strict=True):
            item.end(*end)
        return True

    def _within(
        self, connection: sqlite3.Connection, item: _Waiting[T]
    ) -> tuple[T | None, Exception | None]:
        """Write one of several, so that its error undoes nothing else."""
        connection.execute("SAVEPOINT one")
        try:
            with self._database.translated():
                result = item.write(connection)
        except Exception as error:
            if not connection.in_transaction:
                # SQLite gave up the transaction, and with it what the others wrote.
                raise
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
            return None, error
        connection.execute("RELEASE one")
        return result, None
