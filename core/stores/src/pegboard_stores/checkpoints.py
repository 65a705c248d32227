"""Checkpoints: what a store's log holds is moved into its file while others go on writing.

SQLite itself makes them within a commit, so that all who want to write wait for the disk.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pegboard.errors import StoreError

from pegboard_stores.forks import WithinSqlite
from pegboard_stores.wal_index import WalIndex

# Four times SQLite's own: small writes come back to the same pages, which are copied only once.
DUE_PAGES = 4_000
"""How many pages of the log are moved on together."""

LONG_PAGES = 2 * DUE_PAGES
"""A log of so many pages is to begin anew, which needs a moment in which nobody writes."""

MOST_PAGES = 4 * DUE_PAGES
"""A log of so many pages is moved on within each commit: nobody came to it otherwise."""


class Checkpoints:
    """When the log of one store is moved on, and how."""

    def __init__(self, path: Path) -> None:
        """Look after the store at ``path``."""
        self._path = path
        self._index: WalIndex | None = None

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Leave to SQLite, in the commits of a connection, what is not done here."""
        # To ask once opens the log.
        connection.execute("PRAGMA data_version").fetchall()
        # Some systems have no index, or none that can be mapped.
        with contextlib.suppress(OSError, ValueError):
            self._index = WalIndex.of(self._path)
        pages = DUE_PAGES if self._index is None else MOST_PAGES
        connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")

    def is_due(self) -> bool:
        """Whether there is enough to be moved on."""
        if self._index is None:
            return False
        held, moved = self._index.frames()
        return held - moved >= DUE_PAGES

    def next_commit_waits(self) -> bool:
        """Whether the next commit waits for the disk, or may do so.

        It does where SQLite makes a checkpoint within it, and where the log begins anew.
        """
        if self._index is None:
            return True
        held, moved = self._index.frames()
        return held >= MOST_PAGES or held == moved

    def make(
        self, connection: sqlite3.Connection, lock: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Move on what the log holds, as far as readers allow that; no error if it fails.

        Nobody else writes the store within ``lock``.
        """
        assert self._index is not None
        held, _ = self._index.frames()
        with contextlib.suppress(sqlite3.Error, StoreError):
            _move(connection)
            if held >= LONG_PAGES:
                # Only if all was moved does the next commit begin at the start of the log again.
                with lock():
                    _move(connection)


def _move(connection: sqlite3.Connection) -> None:
    with WithinSqlite():
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
