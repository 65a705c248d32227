"""Summaries of chunks: their extremes, so that a curve of many points reads few of them.

A chunk has one if it is large, its steps and its times rise, and all its values are finite; any
other is read where a curve needs it. A chunk that has one is not written any more. The first chunks
of a series have none: to read them is quick, and most series end before, so that what logs them
does not pay for what only long ones need.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Sequence

CHUNK_BITS = 24
"""Chunk number n of series s has the id s * 2**24 + n."""

LEAST_POINTS = 1024
"""Smaller chunks have no summary: to read one is quicker than to keep it for each of them."""

FIRST_CHUNK = 64
"""Which number the first chunk with a summary has: it comes behind 262,144 points at the most."""

_INSERT = "INSERT INTO chunk_summary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def add(
    connection: sqlite3.Connection,
    chunk: int,
    steps: Sequence[int],
    times: array[int],
    values: array[float],
) -> None:
    """Keep the summary of a chunk whose steps rise, if it is to have one."""
    if len(values) < LEAST_POINTS or not math.isfinite(sum(values)):
        return
    known = times.tolist()
    if known != sorted(known):
        return
    found = values.tolist()
    least, greatest = min(found), max(found)
    low, high = found.index(least), found.index(greatest)
    row = (chunk, known[0], known[-1], least, steps[low], known[low], greatest, steps[high])
    connection.execute(_INSERT, (*row, known[high]))


def add_missing(connection: sqlite3.Connection) -> None:
    """Keep the summaries of chunks that an older version wrote."""
    chunks = connection.execute(
        "SELECT id, data FROM chunk WHERE ordered AND points >= ? AND id & ? >= ?",
        (LEAST_POINTS, (1 << CHUNK_BITS) - 1, FIRST_CHUNK),
    )
    for chunk, data in chunks:
        whole = array("q", data)
        add(connection, chunk, whole[0::3], whole[1::3], array("d", data)[2::3])


def remove(connection: sqlite3.Connection, first: int, end: int) -> None:
    """Remove the summaries of a range of chunks."""
    connection.execute("DELETE FROM chunk_summary WHERE id >= ? AND id < ?", (first, end))
