"""Which versions need the files of a run or logged model: a few looks into indexes for each."""

from __future__ import annotations

import sqlite3

from pegboard_stores.needed_files import NEEDED_BY, FilesOwner

# At a URI, below it, and both with a query: ranges that an index answers. The character after "/"
# is "0", the one after "?" is "@".
_BELOW = (
    "SELECT id FROM model_version WHERE {place} = ?1"
    " OR ({place} >= ?1 || '/' AND {place} < ?1 || '0')"
    " OR ({place} >= ?1 || '?' AND {place} < ?1 || '@') LIMIT ?2"
)
_COMES_FROM = (
    "SELECT id FROM model_version WHERE {origin} = ?1"
    " AND (instr('/' || source || '/', '/' || ?1 || '/')"
    " OR instr('/' || storage_location || '/', '/' || ?1 || '/')) LIMIT ?2"
)
_BY_URI = [_BELOW.format(place=column) for column in ("source", "storage_location")]
_BY_ID = [_COMES_FROM.format(origin=column) for column in ("run_id", "model_id")]
QUERIES = (*_BY_URI, *_BY_ID)
"""What is asked, of a URI or an id, and at most how many rows."""


def find(connection: sqlite3.Connection, owner: FilesOwner) -> list[int]:
    """Return the rows of the versions that need an owner's files, NEEDED_BY at the most."""
    asked = [(query, owner.id) for query in _BY_ID]
    asked += [(query, uri.rstrip("/")) for uri in owner.uris for query in _BY_URI]
    rows: set[int] = set()
    for query, value in asked:
        rows.update(row for (row,) in connection.execute(query, (value, NEEDED_BY)))
    return sorted(rows)[:NEEDED_BY]
