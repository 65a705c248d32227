"""Reading the records of versions, and what differs between two."""

from __future__ import annotations

import sqlite3
from typing import Any

from pegboard.entities import Page
from pegboard_stores import search_tokens
from pegboard_stores.data_sets import DataSetRecord, DataSetVersion, RecordChange

from pegboard_tracking.data_sets import rows
from pegboard_tracking.data_sets.rows import RECORD, Known

MOST_BYTES = 16 << 20
"""How large the records of a page are together, but for the last one."""

_IN_VERSION = "data_set = ? AND since <= ? AND (until IS NULL OR until > ?)"


def records(
    connection: sqlite3.Connection,
    data_set: Known,
    version: int | str | None,
    limit: int,
    page_token: str | None,
) -> Page[DataSetRecord]:
    """Return a page of the records of a version, by default the latest."""
    query = ("records of a data set", data_set.data_set_id, version)
    # The token names the version too: the pages of one answer are of the same.
    after = search_tokens.decode(page_token, query, [float, float])
    place, number = (0, _numbered(connection, data_set, version)) if after is None else after
    found: list[DataSetRecord] = []
    size, last = 0, place
    for values in connection.execute(
        f"SELECT {RECORD} FROM data_set_record WHERE {_IN_VERSION} AND place > ? ORDER BY place"  # noqa: S608
        if number != data_set.version
        else f"SELECT {RECORD} FROM data_set_record WHERE data_set = ? AND until IS NULL"  # noqa: S608
        " AND place > ? ORDER BY place",
        (data_set.row, number, number, place)
        if number != data_set.version
        else (data_set.row, place),
    ):
        if len(found) == limit or (found and size >= MOST_BYTES):
            return Page(found, search_tokens.encode((last, number), query))
        found.append(rows.record(data_set.data_set_id, values))
        size += rows.size_of(values)
        last = values[0]
    return Page(found)


def _numbered(connection: sqlite3.Connection, data_set: Known, version: int | str | None) -> int:
    return data_set.version if version is None else rows.version_of(connection, data_set, version)


def versions(
    connection: sqlite3.Connection, data_set: Known, limit: int, page_token: str | None
) -> Page[DataSetVersion]:
    """Return a page of versions, the latest first."""
    query = ("versions of a data set", data_set.data_set_id)
    after = search_tokens.decode(page_token, query, [float])
    below = data_set.version + 1 if after is None else after[0]
    found = connection.execute(
        "SELECT version, digest, records, created_time, created_by, added, changed, removed"
        " FROM data_set_version WHERE data_set = ? AND version < ? ORDER BY version DESC LIMIT ?",
        (data_set.row, below, limit + 1),
    ).fetchall()
    shown = [rows.version(values) for values in found[:limit]]
    token = search_tokens.encode((shown[-1].version,), query) if len(found) > limit else None
    return Page(shown, token)


def diff(
    connection: sqlite3.Connection,
    data_set: Known,
    between: tuple[int | str, int | str],
    limit: int,
    page_token: str | None,
) -> Page[RecordChange]:
    """Return a page of what differs between two versions, the first one before the second."""
    query = ("changes of a data set", data_set.data_set_id, between)
    after = search_tokens.decode(page_token, query, [float])
    before, now = (rows.version_of(connection, data_set, each) for each in between)
    places = _changed_places(
        connection, data_set, sorted((before, now)), 0 if after is None else after[0], limit + 1
    )
    found: list[RecordChange] = []
    size = 0
    for index, place in enumerate(places):
        if index == limit or size >= MOST_BYTES:
            return Page(found, search_tokens.encode((places[index - 1],), query))
        old, new = (_at(connection, data_set, place, version) for version in (before, now))
        # A record may have come and gone between the two, or be again what it was.
        if (old and old[2]) != (new and new[2]):
            found.append(RecordChange(_record(data_set, old), _record(data_set, new)))
            size += rows.size_of(old or ()) + rows.size_of(new or ())
    return Page(found)


def _changed_places(
    connection: sqlite3.Connection, data_set: Known, within: list[int], after: Any, limit: int
) -> list[int]:
    """Return the places, behind one, of records that changed between two versions."""
    low, high = within
    return [
        place
        for (place,) in connection.execute(
            "SELECT DISTINCT place FROM data_set_record WHERE data_set = ? AND place > ?"
            " AND (since > ? AND since <= ? OR until > ? AND until <= ?) ORDER BY place LIMIT ?",
            (data_set.row, after, low, high, low, high, limit),
        )
    ]


def _at(connection: sqlite3.Connection, data_set: Known, place: int, version: int) -> Any:
    return connection.execute(
        f"SELECT {RECORD} FROM data_set_record WHERE {_IN_VERSION} AND place = ?",  # noqa: S608
        (data_set.row, version, version, place),
    ).fetchone()


def _record(data_set: Known, values: Any) -> DataSetRecord | None:
    return None if values is None else rows.record(data_set.data_set_id, values)
