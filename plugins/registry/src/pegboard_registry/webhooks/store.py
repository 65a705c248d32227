"""Webhooks in the SQLite file of a registry."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable
from typing import Any

from pegboard.entities import Page
from pegboard_stores import offsets, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_registry.webhooks import checks, schema
from pegboard_registry.webhooks.contract import LIMIT, PAGE, Webhooks, no_webhook
from pegboard_registry.webhooks.entities import (
    Delivery,
    DeliveryState,
    TestResult,
    Webhook,
    WebhookStatus,
)
from pegboard_registry.webhooks.guard import Guard
from pegboard_registry.webhooks.payloads import EXAMPLES, payload
from pegboard_registry.webhooks.queue import Queue
from pegboard_registry.webhooks.secrets import Keyring
from pegboard_registry.webhooks.sending import Sender

_COLUMNS = "id, name, url, status, created, updated, description, secret IS NOT NULL"
_DELIVERY = (
    "number, id, webhook, event, state, created, attempts, due, finished, response_status, error"
)


class WebhookStore(Webhooks):
    """Webhooks, what waits to be delivered to them, and what became of it."""

    def __init__(self, database: Database, guard: Guard, sender: Sender) -> None:
        """Bring the tables up to date."""
        self.database = database
        self._keys = Keyring(database.path)
        self._queue = Queue(database, self._keys)
        self._guard = guard
        self._sender = sender
        database.migrate(schema.NAME, schema.COUNT, schema.migrations)

    @property
    def queue(self) -> Queue:
        """What waits to be delivered."""
        return self._queue

    # -- webhooks ------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        url: str,
        events: Iterable[str],
        *,
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus = WebhookStatus.ACTIVE,
    ) -> Webhook:
        """Create a webhook. With a secret, its calls are signed."""
        wanted = checks.events(events)
        self._guard.check_url(url)
        now, webhook_id = now_ms(), str(uuid.uuid4())
        row = (
            webhook_id,
            checks.name(name),
            checks.description(description) if description else None,
            url,
            self._keys.seal(checks.secret(secret)) if secret else None,
            str(status),
            now,
            now,
        )
        with self.database.writing() as connection:
            connection.execute(
                "INSERT INTO webhook (id, name, description, url, secret, status, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            _set_events(connection, webhook_id, wanted)
        return self.get(webhook_id)

    def get(self, webhook_id: str) -> Webhook:
        """Return a webhook; NotFound."""
        with self.database.reading() as connection:
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM webhook WHERE id = ?",  # noqa: S608
                (webhook_id,),
            ).fetchone()
            if found is None:
                raise no_webhook(webhook_id)
            return _webhook(connection, *found)

    def list(self, *, max_results: int = PAGE, page_token: str | None = None) -> Page[Webhook]:
        """Return webhooks, the last created first."""
        validation.page_size(max_results, LIMIT)
        with self.database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM webhook ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608
                (max_results + 1, offset := offsets.decode(page_token)),
            ).fetchall()
            token = offsets.encode(offset + max_results) if len(rows) > max_results else None
            return Page([_webhook(connection, *row) for row in rows[:max_results]], token)

    def update(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        events: Iterable[str] | None = None,
        description: str | None = None,
        secret: str | None = None,
        status: WebhookStatus | None = None,
    ) -> Webhook:
        """Change what is not None. An empty secret or description takes it away."""
        changes: dict[str, Any] = {"updated": now_ms()}
        if name is not None:
            changes["name"] = checks.name(name)
        if url is not None:
            self._guard.check_url(url)
            changes["url"] = url
        if description is not None:
            changes["description"] = checks.description(description) or None
        if secret is not None:
            changes["secret"] = self._keys.seal(checks.secret(secret)) if secret else None
        if status is not None:
            changes["status"] = str(status)
        wanted = None if events is None else checks.events(events)
        columns = ", ".join(f"{column} = ?" for column in changes)
        with self.database.writing() as connection:
            done = connection.execute(
                f"UPDATE webhook SET {columns} WHERE id = ?",  # noqa: S608
                (*changes.values(), webhook_id),
            )
            if not done.rowcount:
                raise no_webhook(webhook_id)
            if wanted is not None:
                connection.execute("DELETE FROM webhook_event WHERE webhook = ?", (webhook_id,))
                _set_events(connection, webhook_id, wanted)
        return self.get(webhook_id)

    def delete(self, webhook_id: str) -> None:
        """Remove a webhook, what waits for it, and its log."""
        with self.database.writing() as connection:
            if not connection.execute("DELETE FROM webhook WHERE id = ?", (webhook_id,)).rowcount:
                raise no_webhook(webhook_id)

    # -- calls ---------------------------------------------------------------------------------

    def test(self, webhook_id: str, event: str | None = None) -> TestResult:
        """Call a webhook with an example, of its first event if none is given, and wait."""
        webhook = self.get(webhook_id)
        chosen = checks.events([event])[0] if event else webhook.events[0]
        url, secret = self._queue.secret_of(webhook_id)
        text = payload(chosen, EXAMPLES[chosen])
        return self._sender.send(url, secret, str(uuid.uuid4()), text).as_test()

    def deliveries(
        self, webhook_id: str, *, max_results: int = PAGE, page_token: str | None = None
    ) -> Page[Delivery]:
        """Return past and pending deliveries of a webhook, the last first."""
        validation.page_size(max_results, LIMIT)
        below = offsets.decode(page_token) or 2**62
        with self.database.reading() as connection:
            if connection.execute("SELECT 1 FROM webhook WHERE id = ?", (webhook_id,)).fetchone():
                rows = connection.execute(
                    f"SELECT {_DELIVERY} FROM webhook_delivery"  # noqa: S608
                    " WHERE webhook = ? AND number < ? ORDER BY number DESC LIMIT ?",
                    (webhook_id, below, max_results + 1),
                ).fetchall()
            else:
                raise no_webhook(webhook_id)
        found = [_delivery(*row) for row in rows[:max_results]]
        token = offsets.encode(found[-1].number) if len(rows) > max_results else None
        return Page(found, token)


def _set_events(connection: sqlite3.Connection, webhook_id: str, events: Iterable[str]) -> None:
    connection.executemany(
        "INSERT INTO webhook_event (event, webhook) VALUES (?, ?)",
        [(event, webhook_id) for event in events],
    )


def _webhook(
    connection: sqlite3.Connection,
    webhook_id: str,
    name: str,
    url: str,
    status: str,
    created: int,
    updated: int,
    description: str | None,
    has_secret: int,
) -> Webhook:
    finding = "SELECT event FROM webhook_event WHERE webhook = ? ORDER BY event"
    return Webhook(
        webhook_id,
        name,
        url,
        [event for (event,) in connection.execute(finding, (webhook_id,))],
        WebhookStatus(status),
        created,
        updated,
        description,
        bool(has_secret),
    )


def _delivery(
    number: int,
    delivery_id: str,
    webhook_id: str,
    event: str,
    state: str,
    created: int,
    attempts: int,
    due: int,
    finished: int | None,
    response_status: int | None,
    error: str | None,
) -> Delivery:
    waiting = state == DeliveryState.WAITING
    return Delivery(
        number,
        delivery_id,
        webhook_id,
        event,
        DeliveryState(state),
        created,
        attempts,
        due if waiting else None,
        finished,
        response_status,
        error,
    )
