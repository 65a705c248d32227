"""Batches that clients number, so that one that comes again is not taken twice.

A client that lost the answer sends a batch again, under the same name and number. Of each name,
numbers rise: only the last one is kept, in the transaction of the batch itself.
"""

from __future__ import annotations

import re
import sqlite3

from pegboard.errors import InvalidValue
from pegboard_stores.clock import now_ms

HEADER = "x-pegboard-batch"
"""The header of a request that holds ``NAME:NUMBER``."""

_FORM = re.compile(r"([\w\-]{1,100}):([0-9]{1,18})", re.ASCII)
_KEPT_MS = 90 * 24 * 3600 * 1000
"""For how long a name is remembered after its last batch."""


def parse(batch: str) -> tuple[str, int]:
    """Return the name and the number of a batch; else InvalidValue."""
    match = _FORM.fullmatch(batch)
    if match is None:
        raise InvalidValue(f"The header {HEADER} is {batch[:120]!r}, not of the form NAME:NUMBER.")
    return match[1], int(match[2])


def is_new(connection: sqlite3.Connection, name: str, number: int) -> bool:
    """Whether a batch comes for the first time; if so, note it."""
    found = connection.execute("SELECT number FROM received WHERE name = ?", (name,)).fetchone()
    if found is not None and found[0] >= number:
        return False
    now = now_ms()
    if found is None:
        connection.execute("DELETE FROM received WHERE seen < ?", (now - _KEPT_MS,))
    connection.execute(
        "INSERT OR REPLACE INTO received (name, number, seen) VALUES (?, ?, ?)", (name, number, now)
    )
    return True
