"""Group commit: writes that come at the same time share one transaction.

A commit costs more than a small write. So a thread that finds no commit under way takes everything
that waits, writes it in one transaction and wakes the other threads; what comes meanwhile waits for
the next one. A single writer never waits.

Threads that wait for each other cost more than what they write. So what comes in one turn of an
event loop is written by the loop itself (``LoopCommit``) or, where that would wait, by one thread
for all.
"""

from __future__ import annotations

import contextlib
import copy
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from attrs import define, field
from pegboard.errors import PegboardError, StoreBusy

from pegboard_stores.loop_commit import LoopCommit
from pegboard_stores.sqlite import Database

if TYPE_CHECKING:
    import asyncio

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
class _Soon(_Waiting[T]):
    """Work that writes, and that an event loop waits for."""

    work: Callable[[], T] = field(kw_only=True)
    loop: asyncio.AbstractEventLoop = field(kw_only=True)
    future: asyncio.Future[None] = field(kw_only=True)

    def end_here(self, result: T) -> None:
        """Tell the result, in the loop itself."""
        self.result, self.done = result, True
        self._settle()

    def end(self, result: T | None, error: Exception | None) -> None:
        """Tell the result or the error, from another thread."""
        self.result, self.error, self.done = result, error, True
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


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

    def lead(self) -> bool:
        """Begin to commit, unless somebody does or others wait for that."""
        with self.lock:
            if self.is_led or self.waiting:
                return False
            self.is_led = True
            return True

    def join_all(self, items: Sequence[_Waiting[Any]]) -> bool:
        """Wait with items; return whether the caller leads, because nobody commits."""
        with self.lock:
            self.waiting.extend(items)
            leads, self.is_led = not self.is_led, True
            return leads

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
        self._here = LoopCommit(database)
        self.reset()

    def reset(self) -> None:
        """Forget what waits: for a child process, whose parent's threads do not exist."""
        self._queue = _Queue()
        self._turns = threading.local()
        self._here.reset()

    def close(self) -> None:
        """Close the connections that are not those of the database."""
        self._here.close()

    def run(self, write: Callable[[sqlite3.Connection], T]) -> T:
        """Run a write and return its result when it is committed.

        Within a transaction of the calling thread it becomes a part of that.
        """
        connection = self._here.transaction or self._database.connection()
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

        For an event loop: what comes in one of its turns is done together. It must not wait for
        locks that others hold while they write.
        """
        # Callers that have a loop have loaded it; a script that only logs does without.
        import asyncio

        loop = asyncio.get_running_loop()
        mine = _Soon(lambda _: work(), work=work, loop=loop, future=loop.create_future())
        self._join_turn(loop, [mine])
        await mine.future
        return mine.outcome()

    def _join_turn(self, loop: asyncio.AbstractEventLoop, items: Sequence[_Soon[Any]]) -> None:
        """Have items committed together with what else comes in this turn of the loop."""
        turn: list[_Soon[Any]] | None = getattr(self._turns, "items", None)
        if turn is None or turn[0].loop is not loop:
            turn = self._turns.items = []
            loop.call_soon(self._end_turn, turn)
        turn.extend(items)

    def _end_turn(self, items: list[_Soon[Any]]) -> None:
        """Commit what came in one turn of the loop: here, or else in the thread for that."""
        queue, self._turns.items = self._queue, None
        if not queue.lead():
            if queue.join_all(items):
                self._pass_on(queue)
            return
        try:
            results = self._here.commit([item.work for item in items])
            for item, result in zip(items, results, strict=False):
                item.end_here(result)
            if not results:
                queue.join_all(items)
        finally:
            self._pass_on(queue)
        if results and (rest := items[len(results) :]):
            # That was enough for one turn.
            self._join_turn(rest[0].loop, rest)

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
