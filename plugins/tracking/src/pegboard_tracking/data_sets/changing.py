"""Changing the records of a data set, which makes a version of it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence

from attrs import define
from pegboard_stores.clock import now_ms
from pegboard_stores.data_sets import Merged
from pegboard_stores.data_sets.content import (
    Content,
    Given,
    element,
    grown_schema,
    packed,
    set_digest,
    total,
)

from pegboard_tracking.data_sets.rows import RECORD, Known, content_of, texts_of

_INSERT = (
    "INSERT INTO data_set_record (data_set, place, since, record_id, key, content, inputs, outputs,"
    " expectations, tags, source, created_time, last_update_time, created_by, last_updated_by)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_NOW = "data_set = ? AND until IS NULL"


def merge(connection: sqlite3.Connection, data_set: Known, records: Sequence[Given]) -> Merged:
    """Add records, or merge them with those of the same inputs."""
    change = Change.begin(connection, data_set)
    inserted, user = 0, None
    for record in records:
        inserted += change.merge(record)
        user = record.user or user
    change.end(user, records)
    return Merged(inserted, len(records) - inserted)


def remove(connection: sqlite3.Connection, data_set: Known, record_ids: Sequence[str]) -> int:
    """Remove records from the latest version; return how many of them were there."""
    change = Change.begin(connection, data_set)
    for record_id in dict.fromkeys(record_ids):
        change.remove(record_id)
    if change.removed:
        change.end(None)
    return change.removed


@define
class Change:
    """A change of records: it becomes a version at the end, unless no content has changed."""

    connection: sqlite3.Connection
    row: int
    version: int
    """The number that it gets."""
    sum: int
    records: int
    place: int
    """The last one that is taken."""
    now: int
    added: int = 0
    changed: int = 0
    removed: int = 0

    @classmethod
    def begin(cls, connection: sqlite3.Connection, data_set: Known) -> Change:
        """Begin a change of the latest version."""
        known_sum, records = connection.execute(
            "SELECT sum, records FROM data_set WHERE id = ?", (data_set.row,)
        ).fetchone()
        (place,) = connection.execute(
            "SELECT coalesce(max(place), 0) FROM data_set_record WHERE data_set = ?",
            (data_set.row,),
        ).fetchone()
        version = data_set.version + 1
        number = int.from_bytes(known_sum, "big")
        return cls(connection, data_set.row, version, number, records, place, now_ms())

    def merge(self, given: Given) -> bool:
        """Add a record, or merge it with the one of the same inputs; return whether it is new."""
        found = self.connection.execute(
            f"SELECT id, until, {RECORD} FROM data_set_record WHERE data_set = ? AND key = ?"  # noqa: S608
            " ORDER BY since DESC LIMIT 1",
            (self.row, given.key),
        ).fetchone()
        if found is None or found[1] is not None:
            self._add(given, None if found is None else (found[2], found[5]))
            return True
        row, _, place, since, old, record_id, *texts, created, _, maker, changer = found
        content = given.merged(content_of(texts))
        new = content.digest
        if new == old:
            return False
        self.sum = total(self.sum, plus=element(new), minus=element(old))
        if since == self.version:
            # The same inputs came before in this change.
            self.connection.execute("DELETE FROM data_set_record WHERE id = ?", (row,))
        else:
            self._close(row)
            self.changed += 1
        times = (created, self.now, maker, given.user or changer)
        self._insert((place, record_id), given.key, content, times)
        return False

    def _add(self, given: Given, former: tuple[int, str] | None) -> None:
        """Add a record; ``former`` are its place and id, if it was there before."""
        content = given.merged(None)
        self.sum = total(self.sum, plus=element(content.digest))
        self.added += 1
        self.records += 1
        if former is None:
            self.place += 1
            former = self.place, f"dr-{uuid.uuid4().hex}"
        times = (self.now, self.now, given.user, given.user)
        self._insert(former, given.key, content, times)

    def _insert(
        self,
        which: tuple[int, str],
        key: bytes,
        content: Content,
        times: tuple[int, int, str | None, str | None],
    ) -> None:
        place, record_id = which
        self.connection.execute(
            _INSERT,
            (
                self.row,
                place,
                self.version,
                record_id,
                key,
                content.digest,
                *texts_of(content),
                *times,
            ),
        )

    def remove(self, record_id: str) -> None:
        """Remove a record, if it is there."""
        found = self.connection.execute(
            f"SELECT id, content FROM data_set_record WHERE {_NOW} AND record_id = ?",  # noqa: S608
            (self.row, record_id),
        ).fetchone()
        if found is not None:
            self._close(found[0])
            self.sum = total(self.sum, minus=element(found[1]))
            self.records -= 1
            self.removed += 1

    def _close(self, row: int) -> None:
        self.connection.execute(
            "UPDATE data_set_record SET until = ? WHERE id = ?", (self.version, row)
        )

    def end(self, user: str | None, merged: Sequence[Given] = ()) -> None:
        """Make the version, and note the change with the data set."""
        (schema,) = self.connection.execute(
            "SELECT schema FROM data_set WHERE id = ?", (self.row,)
        ).fetchone()
        self.connection.execute(
            "UPDATE data_set SET last_update_time = ?, last_updated_by ="
            " coalesce(?, last_updated_by), schema = ? WHERE id = ?",
            (self.now, user, grown_schema(schema, merged), self.row),
        )
        if not (self.added or self.changed or self.removed):
            return
        digest = set_digest(self.sum)
        self.connection.execute(
            "UPDATE data_set SET version = ?, records = ?, sum = ?, digest = ? WHERE id = ?",
            (self.version, self.records, packed(self.sum), digest, self.row),
        )
        self.connection.execute(
            "INSERT INTO data_set_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.row,
                self.version,
                digest,
                self.records,
                self.now,
                user,
                self.added,
                self.changed,
                self.removed,
            ),
        )
