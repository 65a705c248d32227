"""What SQLite's errors mean to people."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pegboard.errors import PegboardError, StoreCorrupt, StoreError, StoreFull, StoreReadOnly


def is_busy(error: sqlite3.Error) -> bool:
    """Whether others held the store for too long."""
    return _extended(error) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def error_for_people(error: sqlite3.Error, path: Path) -> PegboardError:
    """Return the error that says what happened to the store at ``path``, and what to do."""
    extended = _extended(error)
    code = extended & 0xFF
    text = str(error)
    # At a quota or a limit on file sizes, SQLite says only that writing failed.
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_WRITE:
        return StoreFull(path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreReadOnly(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(
            f"{path} is damaged or not a pegboard store: {text}.",
            hint="Restore a backup, or point the tracking URI at another file.",
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreError(f"Cannot open {path}: {text}.")
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(f"Reading or writing {path} failed: {text}.")
    return StoreError(f"{path}: {text}")


def _extended(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code
