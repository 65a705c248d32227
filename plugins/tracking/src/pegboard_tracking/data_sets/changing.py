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
    alike: dict[bytes, list[Given]] = {}
    for record in records:
        alike.setdefault(record.key, []).append(record)
    inserted = sum(change.merge(same) for same in alike.values())
    change.end(_last_user(records), records)
    return Merged(inserted, len(records) - inserted)


def _last_user(records: Sequence[Given]) -> str | None:
    return next((each.user for each in reversed(records) if each.user), None)


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

    def merge(self, given: Sequence[Given]) -> bool:
        """Merge records of the same inputs, one after the other; return whether they are new."""
        key, user = given[0].key, _last_user(given)
        found = self.connection.execute(
            f"SELECT id, until, {RECORD} FROM data_set_record WHERE data_set = ? AND key = ?"  # noqa: S608
            " ORDER BY since DESC LIMIT 1",
            (self.row, key),
        ).fetchone()
        if found is None or found[1] is not None:
            # One that was removed comes back with its place and id.
            self._add(given, None if found is None else (found[2], found[5]))
            return True
        row, _, place, _, old, record_id, *texts, created, _, maker, changer = found
        content = content_of(texts)
        for each in given:
            content = each.merged(content)
        if content.digest != old:
            self.sum = total(self.sum, plus=element(content.digest), minus=element(old))
            self.changed += 1
            self._close(row)
            times = (created, self.now, maker, user or changer)
            self._insert((place, record_id), key, content, times)
        return False

    def _add(self, given: Sequence[Given], former: tuple[int, str] | None) -> None:
        content = given[0].merged(None)
        for each in given[1:]:
            content = each.merged(content)
        self.sum = total(self.sum, plus=element(content.digest))
        self.added += 1
        self.records += 1
        if former is None:
            self.place += 1
            former = self.place, f"dr-{uuid.uuid4().hex}"
        times = (self.now, self.now, given[0].user, _last_user(given))
        self._insert(former, given[0].key, content, times)

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
