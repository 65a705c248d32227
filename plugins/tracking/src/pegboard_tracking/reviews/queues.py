"""The review queues of the SQLite store."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.errors import InvalidValue, quoted
from pegboard_stores import offsets, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.reviews import (
    QueueItem,
    QueueKind,
    ReviewQueue,
    ReviewQueues,
    ReviewStatus,
    content,
)
from pegboard_stores.reviews.contract import DEFAULT_PAGE
from pegboard_stores.sqlite import Database

from pegboard_tracking.reviews import schemas
from pegboard_tracking.tables import experiments

_QUEUE = (
    "q.queue_id, q.experiment, q.name, q.kind, q.created_by, q.users, q.schema_ids,"
    " q.created_time, q.last_update_time"
)
_ITEM = (
    "q.queue_id, t.trace_id, i.status, i.completed_by, i.completed_time, i.created_time,"
    " i.last_update_time"
)
_ITEMS = (
    f"SELECT {_ITEM} FROM review_item i JOIN review_queue q ON q.id = i.queue"  # noqa: S608
    " JOIN trace t ON t.id = i.trace WHERE q.queue_id = ?1"
)
_INSERT = (
    "INSERT INTO review_queue (queue_id, experiment, name, name_key, kind, created_by, users,"
    " schema_ids, created_time, last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_OF_IDS = "(SELECT value FROM json_each(?2))"
_ADD = (
    "INSERT OR IGNORE INTO review_item"  # noqa: S608
    " (queue, trace, status, created_time, last_update_time)"
    " SELECT q.id, t.id, 'pending', ?3, ?3 FROM review_queue q, trace t"
    f" WHERE q.queue_id = ?1 AND t.trace_id IN {_OF_IDS}"
)
_REMOVE = (
    "DELETE FROM review_item WHERE queue = (SELECT id FROM review_queue WHERE queue_id = ?1)"  # noqa: S608
    f" AND trace IN (SELECT id FROM trace WHERE trace_id IN {_OF_IDS})"
)
_SETTLE = (
    "UPDATE review_item SET status = ?3, completed_by = ?4, completed_time = ?5,"
    " last_update_time = ?6"
    " WHERE queue = (SELECT id FROM review_queue WHERE queue_id = ?1)"
    " AND trace = (SELECT id FROM trace WHERE trace_id = ?2) AND status != ?3"
)


class SqliteReviewQueues(ReviewQueues):
    """Review queues in the tables of a store's database."""

    def __init__(
        self, reading_all: Callable[[], AbstractContextManager[sqlite3.Connection]], db: Database
    ) -> None:
        """``reading_all`` brings in what journals hold of traces."""
        self._reading_all = reading_all
        self._database = db

    def create(
        self,
        experiment_id: str,
        name: str,
        kind: QueueKind,
        *,
        created_by: str | None = None,
        users: Sequence[str] = (),
        schema_ids: Sequence[str] = (),
    ) -> ReviewQueue:
        """Make an empty queue."""
        name, people, questions = content.new_queue(kind, name, users, schema_ids)
        with self._database.writing() as connection:
            home = int(experiments.get_active(connection, experiment_id).experiment_id)
            _check_questions(connection, home, questions)
            queue_id, now = f"rq-{uuid.uuid4().hex}", now_ms()
            listed = json.dumps(people), json.dumps(questions)
            done = connection.execute(
                _INSERT,
                (queue_id, home, name, name.lower(), str(kind), created_by, *listed, now, now),
            )
            if not done.rowcount:
                raise content.queue_taken(name)
            return _known(connection, queue_id)

    def of_user(self, experiment_id: str, user: str) -> ReviewQueue:
        """Return the queue of a user, made if need be."""
        name = content.user(user)
        with self._database.writing() as connection:
            home = int(experiments.get_active(connection, experiment_id).experiment_id)
            for found in _named(connection, home, name):
                if found.kind is QueueKind.CUSTOM:
                    raise content.queue_taken(name)
                return found
            return self.create(experiment_id, name, QueueKind.USER, created_by=name)

    def get(self, queue_id: str) -> ReviewQueue:
        """Return a queue."""
        with self._database.reading() as connection:
            return _known(connection, queue_id)

    def by_name(self, experiment_id: str, name: str) -> ReviewQueue:
        """Return the queue of this name."""
        with self._database.reading() as connection:
            home = int(experiments.get_active(connection, experiment_id).experiment_id)
            for found in _named(connection, home, name):
                return found
        raise content.no_queue(name)

    def list(
        self,
        experiment_id: str,
        *,
        user: str | None = None,
        item_id: str | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[ReviewQueue]:
        """Return queues, the last made first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        offset = offsets.decode(page_token)
        where, values = "q.experiment = ?", list[Any]()
        if user is not None:
            where += " AND EXISTS (SELECT 1 FROM json_each(q.users) WHERE value = ?)"
            values.append(user.strip().lower())
        if item_id is not None:
            where += (
                " AND q.id IN (SELECT i.queue FROM review_item i JOIN trace t ON t.id = i.trace"
                " WHERE t.trace_id = ?)"
            )
            values.append(item_id)
        with self._database.reading() as connection:
            home = int(experiments.get_active(connection, experiment_id).experiment_id)
            found = _queues(
                connection,
                f"{where} ORDER BY q.created_time DESC, q.queue_id LIMIT ? OFFSET ?",
                (home, *values, max_results + 1, offset),
            )
        return offsets.page(found, max_results, offset)

    def update(
        self,
        queue_id: str,
        *,
        name: str | None = None,
        owner: str | None = None,
        users: Sequence[str] | None = None,
        schema_ids: Sequence[str] | None = None,
    ) -> ReviewQueue:
        """Change what is not None."""
        with self._database.writing() as connection:
            known = _known(connection, queue_id)
            content.check_changeable(known)
            changes: dict[str, Any] = {}
            if name is not None:
                changes["name"] = content.queue_name(name)
                changes["name_key"] = changes["name"].lower()
            if owner is not None:
                changes["created_by"] = content.owner(owner)
            if users is not None:
                changes["users"] = json.dumps(content.users(users))
            if schema_ids is not None:
                if connection.execute(f"{_ITEMS} LIMIT 1", (queue_id,)).fetchone():
                    raise content.frozen_questions(known.name)
                questions = sorted({each.strip() for each in schema_ids})
                _check_questions(connection, int(known.experiment_id), questions)
                changes["schema_ids"] = json.dumps(questions)
            if not changes:
                return known
            changes["last_update_time"] = now_ms()
            try:
                connection.execute(
                    f"UPDATE review_queue SET {', '.join(f'{key} = ?' for key in changes)}"  # noqa: S608
                    " WHERE queue_id = ?",
                    (*changes.values(), queue_id),
                )
            except sqlite3.IntegrityError:
                raise content.queue_taken(changes["name"]) from None
            return _known(connection, queue_id)

    def delete(self, queue_id: str) -> None:
        """Remove a queue, if it is there."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM review_queue WHERE queue_id = ?", (queue_id,))

    # -- what queues hold ------------------------------------------------------------------------

    def add(self, queue_id: str, item_ids: Sequence[str]) -> Sequence[QueueItem]:
        """Put traces of its experiment into a queue; return all, in this order."""
        wanted = content.items(item_ids)
        with self._reading_all():
            # What was logged by now is in the tables then.
            pass
        with self._database.writing() as connection:
            queue, asked = _known(connection, queue_id), json.dumps(wanted)
            known = connection.execute(
                f"SELECT trace_id FROM trace WHERE experiment = ?1 AND trace_id IN {_OF_IDS}",  # noqa: S608
                (int(queue.experiment_id), asked),
            )
            there = {trace_id for (trace_id,) in known}
            if missing := [each for each in wanted if each not in there]:
                raise content.no_items(queue, missing)
            connection.execute(_ADD, (queue_id, asked, now_ms()))
            rows = connection.execute(f"{_ITEMS} AND t.trace_id IN {_OF_IDS}", (queue_id, asked))
            found = {item.item_id: item for item in map(_item, rows)}
        return [found[each] for each in wanted]

    def remove(self, queue_id: str, item_ids: Sequence[str]) -> None:
        """Take traces out of a queue, as far as they are in it."""
        wanted = content.items(item_ids)
        with self._database.writing() as connection:
            _known(connection, queue_id)
            connection.execute(_REMOVE, (queue_id, json.dumps(wanted)))

    def items(
        self,
        queue_id: str,
        *,
        status: ReviewStatus | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[QueueItem]:
        """Return what a queue holds, the last added first, and then by id."""
        validation.page_size(max_results, SEARCH_LIMIT)
        offset = offsets.decode(page_token)
        with self._database.reading() as connection:
            _known(connection, queue_id)
            rows = connection.execute(
                f"{_ITEMS} AND (?2 IS NULL OR i.status = ?2)"
                " ORDER BY i.created_time DESC, t.trace_id LIMIT ?3 OFFSET ?4",
                (queue_id, status, max_results + 1, offset),
            )
            return offsets.page([*map(_item, rows)], max_results, offset)

    def set_status(
        self, queue_id: str, item_id: str, status: ReviewStatus, completed_by: str | None = None
    ) -> QueueItem:
        """Say what became of a trace, and who did it, which PENDING alone must not say."""
        item_id, who = item_id.strip(), content.completed_by(status, completed_by)
        with self._database.writing() as connection:
            _known(connection, queue_id)
            now = now_ms()
            settled = None if who is None else now
            connection.execute(_SETTLE, (queue_id, item_id, str(status), who, settled, now))
            rows = connection.execute(f"{_ITEMS} AND t.trace_id = ?2", (queue_id, item_id))
            for found in map(_item, rows):
                return found
        raise content.not_in(queue_id, item_id)


def _check_questions(connection: sqlite3.Connection, home: int, schema_ids: Sequence[str]) -> None:
    if missing := schemas.missing(connection, home, schema_ids):
        raise InvalidValue(
            f"The experiment {home} has no label schema {', '.join(map(quoted, missing))}."
        )


def _queues(
    connection: sqlite3.Connection, condition: str, values: Sequence[Any]
) -> Sequence[ReviewQueue]:
    rows = connection.execute(
        f"SELECT {_QUEUE} FROM review_queue q WHERE {condition}",  # noqa: S608
        tuple(values),
    )
    return [*map(_queue, rows)]


def _known(connection: sqlite3.Connection, queue_id: str) -> ReviewQueue:
    for found in _queues(connection, "q.queue_id = ?", (queue_id,)):
        return found
    raise content.no_queue(queue_id)


def _named(connection: sqlite3.Connection, home: int, name: str) -> Sequence[ReviewQueue]:
    return _queues(connection, "q.experiment = ? AND q.name_key = ?", (home, name.lower()))


def _queue(row: Sequence[Any]) -> ReviewQueue:
    queue_id, home, name, kind, created_by, users, schema_ids, created, updated = row
    return ReviewQueue(
        queue_id=queue_id,
        experiment_id=str(home),
        name=name,
        kind=QueueKind(kind),
        created_by=created_by,
        users=tuple(json.loads(users)),
        schema_ids=tuple(json.loads(schema_ids)),
        created_time=created,
        last_update_time=updated,
    )


def _item(row: Sequence[Any]) -> QueueItem:
    queue_id, trace_id, status, who, completed, created, updated = row
    return QueueItem(
        queue_id=queue_id,
        item_id=trace_id,
        status=ReviewStatus(status),
        completed_by=who,
        completed_time=completed,
        created_time=created,
        last_update_time=updated,
    )
