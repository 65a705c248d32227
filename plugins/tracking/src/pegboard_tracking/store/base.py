"""What the parts of the SQLite store share."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

from pegboard.errors import StoreError
from pegboard_stores.basic_store import BasicStore
from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.sqlite import Database

from pegboard_tracking.points import journal
from pegboard_tracking.points.curves_known import KnownCurves
from pegboard_tracking.points.drain import Drain
from pegboard_tracking.points.journal_writer import JournalWriter
from pegboard_tracking.points.overlay import Overlay
from pegboard_tracking.points.series_order import TimeOrder
from pegboard_tracking.tables.liveness import Liveness

T = TypeVar("T")

_TRY_AGAIN_SECONDS = 1.0

logger = logging.getLogger(__name__)


class SqliteBase(BasicStore):
    """A file, its journals, and the ways into it."""

    _artifact_root: str
    _database: Database
    _liveness: Liveness
    _drain: Drain
    _commit: GroupCommit
    _writer: JournalWriter
    _time_order: TimeOrder
    known_curves: KnownCurves
    _overlay: Overlay
    _stuck_until: float = 0.0
    """Before which time (monotonic) nothing can be moved out of the journals."""

    async def soon(self, work: Callable[[], T]) -> T:
        """Do work that only creates or changes runs, params and tags, for an event loop.

        What comes at the same time shares a thread and a commit (``GroupCommit.soon``).
        """
        return await self._commit.soon(work)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Read one state of the store, with all that any process has logged."""
        reading = self._database.reading if self._catch_up() else self._overlay.reading
        with reading() as connection:
            yield connection

    def reading_all(self) -> AbstractContextManager[sqlite3.Connection]:
        """Read one state of the store, for an ability of it, with all that was logged by now."""
        return self._reading()

    def _catch_up(self) -> bool:
        """Bring in all that any process has logged; False if it has to stay in the journals.

        After a failure it is tried again only after a while.
        """
        now = time.monotonic()
        if now < self._stuck_until:
            return not journal.names(self._drain.directory)
        moved = True
        try:
            self._drain.all()
        except StoreError as error:
            logger.debug("What was logged is read from the journals: %s", error)
            self._stuck_until = time.monotonic() + _TRY_AGAIN_SECONDS
            moved = False
        self._liveness.look()
        return moved
