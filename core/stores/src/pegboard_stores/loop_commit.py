"""Commits on an event loop itself, for as long as that waits for nothing.

Two threads that each do a part of a request trade the interpreter's lock at every statement, which
costs more than a small write. What could hold the loop up is left to a thread: the locks of others,
checkpoints, a log that begins anew (both wait for the disk), and a slow disk.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pegboard_stores.sqlite import Database

T = TypeVar("T")

MOST_SECONDS = 0.003
"""After how long no further work becomes a part of a transaction."""

SLOW_SECONDS = 0.05
"""A transaction that took longer shows that the disk or the machine is slow just now."""

PAUSE_SECONDS = 0.1
"""For how long nothing is committed here after that; twice as long each time that it is so again,
as it is with a slow disk, while a busy machine is slow now and then."""

LONGEST_PAUSE_SECONDS = 5.0

logger = logging.getLogger(__name__)


class _Unwaiting(Database):
    """A store whose writes raise StoreBusy instead of waiting, and make no checkpoints."""

    def checkpoint(self) -> None:
        """Leave that to others."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database.path,
            synchronous=database.synchronous,
            create=False,
            prepare=database.prepare,
            patience=0.0,
            kind=database.kind,
        )

    def _connect_to_write(self) -> sqlite3.Connection:
        made = super()._connect_to_write()
        made.execute("PRAGMA wal_autocheckpoint = 0")
        return made


class LoopCommit:
    """Does work in a transaction at once, or leaves it to others."""

    def __init__(self, database: Database) -> None:
        """Write into the file of ``database``, by connections of its own."""
        self._whole = database
        # With ``full`` each commit waits for the disk.
        self._may_commit = database.synchronous in ("normal", "off")
        self._database: _Unwaiting | None = None
        self.reset()

    def reset(self) -> None:
        """Forget what belongs to a parent process."""
        self._pool = ThreadPoolExecutor(1, "pegboard-checkpoint")
        self._moving: Future[None] | None = None
        self._open = threading.local()
        self._slow_until, self._pause = 0.0, PAUSE_SECONDS

    @property
    def transaction(self) -> sqlite3.Connection | None:
        """The connection whose transaction this thread has begun here, if it has."""
        return getattr(self._open, "connection", None)

    def commit(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """Do works in one transaction; return the results of the first ones, which are committed.

        After ``MOST_SECONDS`` the others are left for later. None is done where that would wait or
        one fails: an error is not told, it happens again in the thread that does them instead.
        """
        began = time.monotonic()
        if not self._may_commit or began < self._slow_until:
            return []
        try:
            results = self._write(works, began + MOST_SECONDS)
        except Exception as error:
            # Of any kind; which work it belongs to is found out where each can be tried alone.
            logger.debug("What came at once is written by a thread: %r", error)
            results = []
        if results:
            self._move_on()
        self._judge(began, time.monotonic())
        return results

    def _judge(self, began: float, ended: float) -> None:
        """Note how long a transaction took."""
        if ended - began <= SLOW_SECONDS:
            self._pause = PAUSE_SECONDS
            return
        self._slow_until = ended + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _write(self, works: Sequence[Callable[[], T]], until: float) -> list[T]:
        if self._database is None:
            self._database = _Unwaiting(self._whole)
        connection = self._database.connection()
        if self._database.checkpoints.next_commit_waits():
            return []
        with self._database.writing():
            self._open.connection = connection
            try:
                return self._do(works, until)
            finally:
                self._open.connection = None

    @staticmethod
    def _do(works: Sequence[Callable[[], T]], until: float) -> list[T]:
        results = []
        for work in works:
            results.append(work())
            if time.monotonic() > until:
                break
        return results

    def _move_on(self) -> None:
        """Let a thread move on what the log holds, if that is due."""
        if not self._whole.checkpoints.is_due():
            return
        if self._moving is None or self._moving.done():
            # An interpreter that ends starts no threads any more.
            with contextlib.suppress(RuntimeError):
                self._moving = self._pool.submit(self._whole.checkpoint)

    def close(self) -> None:
        """Close the connections."""
        self._may_commit = False
        self._pool.shutdown()
        if self._database is not None:
            self._database.close()
