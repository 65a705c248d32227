"""Batches that clients number: the last number of each name, kept in the batch's transaction."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from pegboard_stores.clock import now_ms

if TYPE_CHECKING:
    from pegboard_stores.abilities import Batch


_KEPT_MS = 90 * 24 * 3600 * 1000
"""For how long a name is remembered after its last batch."""


def is_new(connection: sqlite3.Connection, batch: Batch) -> bool:
    """Whether a batch comes for the first time; if so, note it."""
    found = connection.execute(
        "SELECT number FROM received WHERE name = ?", (batch.name,)
    ).fetchone()
    if found is not None and found[0] >= batch.number:
        return False
    now = now_ms()
    if found is None:
        connection.execute("DELETE FROM received WHERE seen < ?", (now - _KEPT_MS,))
    connection.execute(
        "INSERT OR REPLACE INTO received (name, number, seen) VALUES (?, ?, ?)",
        (batch.name, batch.number, now),
    )
    return True
