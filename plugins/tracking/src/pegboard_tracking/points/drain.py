"""Moving what the journals hold into the tables, exactly once.

How far a journal was moved is written in the same transaction as its points, so any process may
move any journal at any time: owners do it in the background, readers before they answer, and the
next one to open the store does it for owners that died.
"""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from pegboard.errors import StoreReadOnly
from pegboard_stores.sqlite import Database

from pegboard_tracking.points import journal, series
from pegboard_tracking.points.journal_points import Points
from pegboard_tracking.points.journal_reader import JournalReader
from pegboard_tracking.tables import changes
from pegboard_tracking.tables.liveness import Liveness
from pegboard_tracking.tables.rows import name_id

_ADOPT_EVERY_SECONDS = 1.0
_START = len(journal.MAGIC)

logger = logging.getLogger(__name__)


class Traces(Protocol):
    """Takes spans out of journals."""

    def keep(self, connection: sqlite3.Connection, contents: Sequence[bytes]) -> None:
        """Write what records of spans hold, as a part of a transaction."""

    def settle(self) -> None:
        """Do what has time until the transaction is over."""


class Drain:
    """Moves the journals in a directory into the tables of a store."""

    def __init__(
        self, database: Database, directory: Path, liveness: Liveness, traces: Callable[[], Traces]
    ) -> None:
        """``directory`` is where the journals lie; it need not exist.

        ``traces`` makes what takes spans, when the first come.
        """
        self._database = database
        self.directory = directory
        self._liveness = liveness
        self._open_traces = traces
        self._traces: Traces | None = None
        self._readers: dict[str, JournalReader] = {}
        self._lock = threading.RLock()
        self._adopted = 0.0

    def all(self) -> None:
        """Move everything that any process logged; adopt the journals of dead processes.

        StoreError if that cannot be done now: what was logged stays in the journals.
        """
        names = journal.names(self.directory)
        if not names:
            return
        if not self._database.is_writable:
            raise StoreReadOnly(self._database.path)
        with self._lock:
            now = time.monotonic()
            if now - self._adopted > _ADOPT_EVERY_SECONDS:
                self._adopted = now
                for name in names:
                    self._adopt(name)
            positions = self._positions()
            for name in names:
                self._move(name, positions.get(name, _START))

    def lay(self, connection: sqlite3.Connection, names: Sequence[str]) -> None:
        """Write what journals hold into the tables that ``connection`` sees, and leave it in them.

        FileNotFoundError if one of them is gone: another state of the store has what it held.
        """
        positions = dict(connection.execute("SELECT id, position FROM journal"))
        with self._lock:
            for name in names:
                position = positions.get(name, _START)
                while self._path(name).stat().st_size > position:
                    points = self._reader(name).read(position)
                    if points.end <= position:
                        break
                    self._write(connection, points)
                    position = points.end

    def one(self, name: str) -> None:
        """Move everything that one journal holds."""
        with self._lock:
            self._move(name, self._positions().get(name, _START))

    def is_damaged(self, name: str) -> bool:
        """Whether a journal was found to be damaged, so that nothing more can be read from it."""
        reader = self._readers.get(name)
        return reader is not None and reader.damaged_at is not None

    def finish(self, name: str) -> None:
        """Delete a journal that has no writer any more; set it aside if it is damaged.

        Its file is deleted before its position: a position without a file does no harm, but a file
        without its position would be moved again.
        """
        with self._lock:
            self._move(name, self._positions().get(name, _START))
            path = self._path(name)
            reader = self._readers.pop(name, None)
            if reader is not None and reader.damaged_at is not None and path.exists():
                journal.set_aside(path, reader.damaged_at)
            path.unlink(missing_ok=True)
            with self._database.writing() as connection:
                connection.execute("DELETE FROM journal WHERE id = ?", (name,))

    def reset(self) -> None:
        """Start anew in a child process, which must not use the locks of its parent."""
        self._lock = threading.RLock()
        self._readers = {}

    def _path(self, name: str) -> Path:
        return journal.path(self.directory, name)

    def _reader(self, name: str) -> JournalReader:
        if name not in self._readers:
            self._readers[name] = JournalReader(self._path(name))
        return self._readers[name]

    def _positions(self) -> dict[str, int]:
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT id, position FROM journal"))

    def _move(self, name: str, position: int) -> None:
        try:
            while self._path(name).stat().st_size > position:
                points = self._reader(name).read(position)
                if points.end <= position:
                    return
                position = self._store(name, position, points)
        except FileNotFoundError:
            # Somebody else moved the rest and removed it.
            self._readers.pop(name, None)

    def _store(self, name: str, position: int, points: Points) -> int:
        """Write points into the tables; return the position that the journal is moved up to."""
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT position FROM journal WHERE id = ?", (name,)
            ).fetchone()
            actual: int = found[0] if found else _START
            if actual != position:
                # Somebody else was faster; what they left comes next.
                return actual
            if found is None and not self._path(name).exists():
                # Somebody else moved all of it and removed it.
                return position
            for run in self._write(connection, points, reopen=True):
                changes.note(connection, run)
            if points.spans:
                self._traces = self._traces or self._open_traces()
                self._traces.keep(connection, points.spans)
            connection.execute(
                "INSERT OR REPLACE INTO journal (id, position) VALUES (?, ?)", (name, points.end)
            )
        if points.spans and self._traces is not None:
            self._traces.settle()
        return points.end

    def _write(
        self, connection: sqlite3.Connection, points: Points, *, reopen: bool = False
    ) -> list[int]:
        """Write points; return the rows of the runs that they are of."""
        runs: dict[str, tuple[int, int] | None] = {}
        for (run_id, key), pieces in points.by_series.items():
            if run_id not in runs:
                runs[run_id] = self._run(connection, run_id, reopen=reopen)
            run = runs[run_id]
            if run is not None:
                name_number = name_id(connection, key)
                series.append(connection, *run, name_number, b"".join(pieces))
        return [run[0] for run in runs.values() if run is not None]

    def _run(
        self, connection: sqlite3.Connection, run_id: str, *, reopen: bool
    ) -> tuple[int, int] | None:
        """Return a run's row and experiment; None if it was deleted for good meanwhile.

        With ``reopen`` a LOST run is RUNNING again.
        """
        found = connection.execute(
            "SELECT id, experiment, status FROM run WHERE run_id = ?", (run_id,)
        ).fetchone()
        if found is None:
            return None
        row, experiment, status = found
        if reopen and status == "LOST":
            self._liveness.reopen(connection, row)
        return row, experiment

    def _adopt(self, name: str) -> None:
        """Finish a journal whose owner died: move it, mark its runs as lost, remove it."""
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            writer = name.rpartition("-")[0]
            if not self._is_near(writer) or not journal.try_lock(descriptor):
                return
            self.one(name)
            torn = os.fstat(descriptor).st_size - self._positions().get(name, _START)
            if torn > 0 and self._path(name).exists() and not self.is_damaged(name):
                logger.warning(
                    "The last record of the journal %s was cut off after %d bytes when its "
                    "process died; it was dropped. All before it is in the store.",
                    self._path(name),
                    torn,
                )
            self.finish(name)
            self._liveness.declare_dead(writer)
        finally:
            os.close(descriptor)

    def _is_near(self, writer: str) -> bool:
        """Whether the lock of a writer's journal means anything here.

        Over a network file system the lock of another machine may look free, so that machine's
        journals are adopted only when it has been silent for long.
        """
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT host, seen FROM writer WHERE id = ?", (writer,)
            ).fetchone()
        if found is None:
            return True
        host, seen = found
        return host == socket.gethostname() or self._liveness.is_silent(seen)
