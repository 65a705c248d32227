"""Adding many rows by few statements.

Python gives way to its other threads at each statement, and gets its turn back late where these are
busy: what adds row by row beside a script that computes is slowed down a hundredfold.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

_SIZES = (128, 16, 1)
"""How many rows a statement adds; few sizes, so that statements are prepared once."""


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows; ``into`` is the statement up to VALUES, with as many columns as rows have."""
    start = 0
    for size in _SIZES:
        if len(rows) - start < size:
            continue
        marks = f"({','.join('?' * len(rows[start]))})"
        statement = f"{into} VALUES {','.join([marks] * size)}"
        while len(rows) - start >= size:
            connection.execute(statement, list(chain.from_iterable(rows[start : start + size])))
            start += size


def name_ids(connection: sqlite3.Connection, texts: Iterable[str]) -> dict[str, int]:
    """Return the numbers of names by their texts; new ones are added."""
    wanted = list(dict.fromkeys(texts))
    found = _known(connection, wanted)
    new = [text for text in wanted if text not in found]
    if new:
        insert(connection, "INSERT INTO name (text)", [(text,) for text in new])
        found |= _known(connection, new)
    return found


def _known(connection: sqlite3.Connection, texts: Sequence[str]) -> dict[str, int]:
    return dict(
        connection.execute(
            "SELECT text, id FROM name WHERE text IN (SELECT value FROM json_each(?))",
            (json.dumps(texts),),
        ).fetchall()
    )
