"""What the parts of the SQLite store share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pegboard.contracts.tracking import TrackingStore
from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.sqlite import Database

from pegboard_tracking.points.drain import Drain
from pegboard_tracking.points.journal_writer import JournalWriter
from pegboard_tracking.points.series_order import TimeOrder
from pegboard_tracking.tables.liveness import Liveness

T = TypeVar("T")


class SqliteBase(TrackingStore):
    """A file, its journals, and the ways into it."""

    _artifact_root: str
    _database: Database
    _liveness: Liveness
    _drain: Drain
    _commit: GroupCommit
    _writer: JournalWriter
    _time_order: TimeOrder

    async def soon(self, work: Callable[[], T]) -> T:
        """Do work that only creates or changes runs, params and tags, for an event loop.

        What comes at the same time shares a thread and a commit (``GroupCommit.soon``).
        """
        return await self._commit.soon(work)

    def _catch_up(self) -> None:
        """Bring in what was logged by anybody up to now, so that a read sees it."""
        self._drain.all()
        self._liveness.look()
