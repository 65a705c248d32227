"""Group commit: writes that come at the same time share one transaction.

A commit costs more than a small write. So a thread that finds no commit under way takes everything
that waits, writes it in one transaction and wakes the other threads; what comes meanwhile waits for
the next one. A single writer never waits.

Threads that wait for each other cost more than what they write. So what comes from an event loop
is written by one thread for all.
"""

from __future__ import annotations

import contextlib
import copy
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import define, field
from pegboard.errors import PegboardError, StoreBusy

from pegboard_stores.sqlite import Database

T = TypeVar("T")

_TURN_SECONDS = 1.0
"""After how long a thread sees for itself what becomes of its write."""

_End: TypeAlias = "tuple[Any, Exception | None]"
"""The result of a write, or its error."""

TOGETHER = 256
"""How many writes share a transaction at the most, so that none waits for very many others."""


@define(eq=False)
class _Waiting(Generic[T]):
    """A write, and what became of it."""

    write: Callable[[sqlite3.Connection], T]
    done: bool = False
    result: T | None = None
    error: Exception | None = None

    told: Callable[[], object] = lambda: None
    """Called when it is done, by the thread that has done it."""
    leads: bool = False
    """Whether the thread that waits for it has to commit."""

    def end(self, result: T | None, error: Exception | None) -> None:
        self.result, self.error, self.done = result, error, True
        self.told()

    def outcome(self) -> T:
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


@define(eq=False)
class _Queue:
    """What waits, and whether somebody commits; both change under the lock."""

    lock: threading.Lock = field(factory=threading.Lock)
    waiting: deque[_Waiting[Any]] = field(factory=deque)
    is_led: bool = False
    """Whether somebody commits; wrong if a signal has torn them from that, see ``run``."""
    committing: threading.Lock = field(factory=threading.Lock)
    pool: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(1, "pegboard-commit"))
    """The thread that commits for those who cannot do it themselves."""

    def join(self, item: _Waiting[Any]) -> None:
        """Add an item to the queue; it leads if no commit is under way."""
        with self.lock:
            self.waiting.append(item)
            item.leads = not self.is_led
            self.is_led = True

    def take(self) -> list[_Waiting[Any]]:
        """Return some of the waiting writes; if there are none, note that no thread commits."""
        with self.lock:
            if not self.waiting:
                self.is_led = False
            return [self.waiting.popleft() for _ in range(min(len(self.waiting), TOGETHER))]

    def give_back(self, items: list[_Waiting[Any]]) -> None:
        """Let items wait again, the first in line."""
        with self.lock:
            self.waiting.extendleft(reversed(items))

    def leave(self, item: _Waiting[Any]) -> None:
        """Wait no more."""
        with self.lock, contextlib.suppress(ValueError):
            self.waiting.remove(item)


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
        """Forget what waits: for a child process, whose parent's threads do not exist."""
        self._queue = _Queue()

    def run(self, write: Callable[[sqlite3.Connection], T]) -> T:
        """Run a write and return its result when it is committed.

        Within a transaction of the calling thread it becomes a part of that.
        """
        connection = self._database.connection()
        if connection.in_transaction:
            return write(connection)
        queue, turn = self._queue, threading.Lock()
        turn.acquire()
        mine = _Waiting(write, told=turn.release)
        try:
            queue.join(mine)
            while not (mine.leads or turn.acquire(timeout=_TURN_SECONDS)):
                # Somebody is slow, whom this waits for, or was torn from it by a signal.
                mine.leads = True
            while mine.leads and not mine.done:
                self._commit(queue)
        except BaseException:
            # The thread was interrupted: no other thread may write for it later.
            queue.leave(mine)
            raise
        finally:
            if mine.leads:
                self._pass_on(queue)
        return mine.outcome()

    async def soon(self, work: Callable[[], T]) -> T:
        """Do work that writes, with ``run``, in a transaction that it shares; return its result.

        For an event loop: work of many is done by one thread. It must not wait for locks that
        others hold while they write.
        """
        # Callers that have a loop have loaded it; a script that only logs does without.
        import asyncio

        loop, queue = asyncio.get_running_loop(), self._queue
        done: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not done.done():
                done.set_result(None)

        def tell() -> None:
            # In a closed loop no task is left that waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle)

        mine = _Waiting(lambda _: work(), told=tell)
        queue.join(mine)
        if mine.leads:
            self._pass_on(queue)
        await done
        return mine.outcome()

    def _pass_on(self, queue: _Queue) -> None:
        """Let the thread for that commit what waits, if anything does."""
        with queue.lock:
            if not queue.waiting:
                queue.is_led = False
                return
        try:
            queue.pool.submit(self._commit_all, queue)
        except RuntimeError:
            # The interpreter ends, and starts no threads any more.
            self._commit_all(queue)

    def _commit_all(self, queue: _Queue) -> None:
        while self._commit(queue):
            pass

    def _commit(self, queue: _Queue) -> bool:
        """Write some of what waits; False if nothing waits."""
        with queue.committing:
            taken = queue.take()
            try:
                if len(taken) < 2 or not self._together(taken):
                    for item in taken:
                        self._alone(item)
            except Exception as error:
                # The store itself failed, for these; what comes next finds out for itself.
                for item in taken:
                    if not item.done:
                        item.end(None, copy.copy(error))
            except BaseException:
                queue.give_back([item for item in taken if not item.done])
                raise
        return bool(taken)

    def _alone(self, item: _Waiting[Any]) -> None:
        try:
            with self._database.writing() as connection:
                result = item.write(connection)
        except Exception as error:
            # The error, of any kind, belongs to the thread that waits for this write.
            item.end(None, error)
        else:
            item.end(result, None)

    def _together(self, taken: list[_Waiting[Any]]) -> bool:
        """Write all in one transaction; False if that failed, and each is to be tried alone."""
        try:
            ends = self._at_once(taken) or self._one_by_one(taken)
        except StoreBusy as error:
            # To wait once for the lock is long enough.
            ends = [(None, copy.copy(error)) for _ in taken]
        except PegboardError:
            return False
        for item, end in zip(taken, ends, strict=True):
            item.end(*end)
        return True

    def _at_once(self, taken: list[_Waiting[Any]]) -> list[_End]:
        """Write all; none of it if one fails, and then return nothing.

        Seldom does one fail, and a savepoint costs as much as a small write.
        """
        try:
            with self._database.writing() as connection:
                return [(item.write(connection), None) for item in taken]
        except StoreBusy:
            raise
        except Exception:
            return []

    def _one_by_one(self, taken: list[_Waiting[Any]]) -> list[_End]:
        """Write all in one transaction but what fails."""
        with self._database.writing() as connection:
            return [self._within(connection, item) for item in taken]

    def _within(self, connection: sqlite3.Connection, item: _Waiting[Any]) -> _End:
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
