"""Calls as they come: those after a number, for a page that shows the last ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pegboard_stores.sqlite import Database

from pegboard_gateway.control.rows import COLUMNS, record_of
from pegboard_gateway.entities import UsageRecord

_FIELDS = f"SELECT number, {', '.join(COLUMNS)} FROM gateway_call"  # noqa: S608


class Numbered(NamedTuple):
    """A call with its number in the table; numbers grow as calls are kept."""

    number: int
    record: UsageRecord


def last(database: Database, *, after: int, limit: int) -> tuple[Sequence[Numbered], int]:
    """Return the last calls after a number, the newest first, and the number to go on with.

    If the table has begun anew since then, so does the answer.
    """
    with database.reading() as connection:
        [newest] = connection.execute("SELECT max(number) FROM gateway_call").fetchone()
        newest = newest or 0
        begin = 0 if after > newest else after
        query = f"{_FIELDS} WHERE number > ? AND number <= ? ORDER BY number DESC LIMIT ?"
        rows = connection.execute(query, (begin, newest, limit)).fetchall()
    return [Numbered(row[0], record_of(row[1:])) for row in rows], newest


def of_request(database: Database, request_id: str) -> Sequence[Numbered]:
    """Return the calls of a request, by what its answer had as ``x-request-id``."""
    with database.reading() as connection:
        query = f"{_FIELDS} WHERE id = ? ORDER BY number DESC LIMIT 10"
        rows = connection.execute(query, (request_id,)).fetchall()
    return [Numbered(row[0], record_of(row[1:])) for row in rows]
