"""The writer of records: a thread that brings calls from the journal into the table, many at once.

Where counters are in memory, what a call took is added to the table of levels in the transaction
that adds its row: so after any crash both say the same.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pegboard.errors import PegboardError
from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.sqlite import Database

from pegboard_gateway.control.journal import Journal
from pegboard_gateway.control.rows import Row
from pegboard_gateway.control.settling import Closed
from pegboard_gateway.usage import tables
from pegboard_gateway.usage.queries import prepare

_EVERY_SECONDS = 0.25
_AT_ONCE = 512
_LONGEST_PAUSE = 5.0
_SWEEP_SECONDS = 60.0
_SWEPT_AT_ONCE = 5_000
_DAY_MS = 86_400_000

logger = logging.getLogger(__name__)


def open_database(file: Path, *, create: bool = True) -> Database:
    """Open the file of usage, or make it; NotFound if it is not there and none shall be made."""
    database = Database(file, create=create, prepare=prepare)
    database.migrate(tables.NAME, tables.COUNT, tables.migrations)
    return database


class UsageWriter:
    """Keeps records; ``control.settling.Recorder`` for the gate."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        *,
        keeps_levels: bool,
        retention_days: int = 0,
    ) -> None:
        """``keeps_levels`` with counters in memory; ``retention_days`` 0 keeps rows for ever."""
        self.database, self._journal = database, journal
        self._commits = GroupCommit(database)
        self._keeps_levels, self._retention_days = keeps_levels, retention_days
        self.observers: list[Callable[[Sequence[Row]], None]] = []
        """Called in the writer's thread with rows that were kept."""
        self._waiting: deque[Closed] = deque()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._swept = time.monotonic()
        self._thread: threading.Thread | None = None

    def add(self, closed: Closed) -> None:
        """Keep a record soon."""
        self._waiting.append(closed)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="gateway-usage", daemon=True)
            self._thread.start()
        if len(self._waiting) == _AT_ONCE:
            self._wake.set()

    def keep(self, closed: Sequence[Closed]) -> None:
        """Keep records of a dead process, unless they are kept already."""

        def write(connection: sqlite3.Connection) -> None:
            wanted = tables.missing(connection, [each.call for each in closed if each.row])
            self._write(connection, [each for each in closed if each.call in wanted])

        self._commits.run(write)

    def levels(self, now_ms: int) -> list[tuple[str, int, int, int]]:
        """Return the counters of windows that are not over: name, start, end, level."""
        found = "SELECT counter, start, end, level FROM gateway_level WHERE end > ?"
        with self.database.reading() as connection:
            return connection.execute(found, (now_ms,)).fetchall()

    def flush(self) -> None:
        """Write all that waits, and return when it is committed."""
        with self._writing:
            while self._waiting:
                batch = [self._waiting[n] for n in range(min(len(self._waiting), _AT_ONCE))]
                self._commits.run(partial(self._write, batch=batch))
                for _ in batch:
                    self._waiting.popleft()
                self._journal.done([each.call for each in batch])
                self._observe([each.row for each in batch if each.row is not None])

    def close(self) -> None:
        """Write all that waits, and end the thread."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _write(self, connection: sqlite3.Connection, batch: Sequence[Closed]) -> None:
        tables.insert(connection, [each.row for each in batch if each.row is not None])
        if not self._keeps_levels:
            return
        sums: dict[tuple[str, int, int], int] = {}
        for each in batch:
            for charges in each.reservations:
                for counter, start, end, amount in charges:
                    key = (counter, start, end)
                    sums[key] = sums.get(key, 0) + amount
        tables.add_levels(connection, [(*key, amount) for key, amount in sums.items()])

    def _observe(self, rows: Sequence[Row]) -> None:
        for observe in self.observers:
            try:
                observe(rows)
            except Exception:
                # Whatever watches usage must not end the thread that keeps it.
                logger.exception("What watches usage failed.")

    def _run(self) -> None:
        pause = _EVERY_SECONDS
        while not self._stopping:
            self._wake.wait(pause)
            self._wake.clear()
            try:
                self.flush()
                self._sweep()
                pause = _EVERY_SECONDS
            except PegboardError as error:
                logger.warning("Usage cannot be kept; this is tried again: %s", error)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept >= _SWEEP_SECONDS:
            self._swept = time.monotonic()
            self.sweep(time.time_ns() // 1_000_000)

    def sweep(self, now_ms: int) -> None:
        """Remove rows that are older than is wanted, and counters of windows long over."""
        over = "DELETE FROM gateway_level WHERE end < ?"
        old = (
            "DELETE FROM gateway_call WHERE number IN "
            "(SELECT number FROM gateway_call WHERE started_ms < ? LIMIT ?)"
        )

        def write(connection: sqlite3.Connection, before: int) -> int:
            connection.execute(over, (now_ms - _DAY_MS,))
            return connection.execute(old, (before, _SWEPT_AT_ONCE)).rowcount

        before = now_ms - self._retention_days * _DAY_MS if self._retention_days else 0
        while self._commits.run(lambda connection: write(connection, before)) == _SWEPT_AT_ONCE:
            pass
