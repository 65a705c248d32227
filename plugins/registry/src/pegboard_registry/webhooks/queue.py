"""What waits to be delivered: kept in the database until it was delivered, or given up."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_registry.webhooks.contract import Claim, DeliveryQueue, no_webhook
from pegboard_registry.webhooks.payloads import payload
from pegboard_registry.webhooks.secrets import Keyring

KEPT = 1000
"""How many finished deliveries are kept for each webhook, for its log."""

_CLAIM = """
UPDATE webhook_delivery SET claimed = :until, attempts = attempts + 1
WHERE number = (
    SELECT d.number FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook
    WHERE d.state = 'waiting' AND d.due <= :now AND d.claimed <= :now AND w.status = 'ACTIVE'
    AND NOT EXISTS (
        SELECT 1 FROM webhook_delivery other
        WHERE other.webhook = d.webhook AND other.state = 'waiting' AND other.claimed > :now
    )
    ORDER BY d.due, d.number LIMIT 1
)
RETURNING number, id, webhook, payload, attempts
"""
_FORGET = """
DELETE FROM webhook_delivery WHERE webhook = :webhook AND state <> 'waiting' AND number <= (
    SELECT number FROM webhook_delivery WHERE webhook = :webhook AND state <> 'waiting'
    ORDER BY number DESC LIMIT 1 OFFSET :kept
)
"""


class Queue(DeliveryQueue):
    """Deliveries that wait in the database of a registry."""

    def __init__(self, database: Database, keys: Keyring) -> None:
        self._database = database
        self._keys = keys

    def changing(self) -> AbstractContextManager[object]:
        """Begin a transaction of the database, which the registry shares."""
        return self._database.writing()

    def secret_of(self, webhook_id: str) -> tuple[str, str | None]:
        """Return the URL and the secret of a webhook, for a call."""
        with self._database.reading() as connection:
            finding = "SELECT url, secret FROM webhook WHERE id = ?"
            found = connection.execute(finding, (webhook_id,)).fetchone()
        if found is None:
            raise no_webhook(webhook_id)
        url, sealed = found
        return url, None if sealed is None else self._keys.open(sealed)

    def has_listeners(self) -> bool:
        """Whether there is an active webhook."""
        with self._database.reading() as connection:
            finding = "SELECT 1 FROM webhook WHERE status = 'ACTIVE' LIMIT 1"
            return connection.execute(finding).fetchone() is not None

    def wants(self, *events: str) -> bool:
        """Whether a webhook listens to one of these events."""
        marks = ", ".join("?" * len(events))
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM webhook_event e JOIN webhook w ON w.id = e.webhook"  # noqa: S608
                f" WHERE e.event IN ({marks}) AND w.status = 'ACTIVE' LIMIT 1",
                events,
            )
            return found.fetchone() is not None

    def add(self, event: str, data: Mapping[str, Any]) -> None:
        """Put an event in line for every active webhook that asks for it."""
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT w.id FROM webhook_event e JOIN webhook w ON w.id = e.webhook"
                " WHERE e.event = ? AND w.status = 'ACTIVE' ORDER BY w.number",
                (event,),
            ).fetchall()
            text, now = payload(event, data), now_ms()
            connection.executemany(
                "INSERT INTO webhook_delivery (id, webhook, event, payload, created, due)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [(str(uuid.uuid4()), webhook, event, text, now, now) for (webhook,) in found],
            )

    def next_due(self) -> int | None:
        """Return when the next delivery is due, in ms; None if nothing waits."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT min(d.due) FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook"
                " WHERE d.state = 'waiting' AND w.status = 'ACTIVE'"
            ).fetchone()
        due: int | None = found[0]
        return due

    def claim(self, seconds: float) -> Claim | None:
        """Take the delivery that is due the longest, for so long; None if there is none.

        To one webhook goes one delivery at a time, so that one that is slow holds up no other.
        """
        now = now_ms()
        with self._database.writing() as connection:
            asked = {"now": now, "until": now + int(seconds * 1000)}
            found = connection.execute(_CLAIM, asked).fetchone()
        return None if found is None else Claim(*found)

    def finish(
        self, claim: Claim, *, delivered: bool, status: int | None, error: str | None
    ) -> None:
        """Note that a delivery was made, or is given up."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE webhook_delivery SET state = ?, claimed = 0, finished = ?,"
                " response_status = ?, error = ? WHERE number = ?",
                ("delivered" if delivered else "failed", now_ms(), status, error, claim.number),
            )
            connection.execute(_FORGET, {"webhook": claim.webhook_id, "kept": KEPT})

    def postpone(
        self, claim: Claim, seconds: float, *, status: int | None, error: str | None
    ) -> None:
        """Note that a delivery is to be tried again after a while."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE webhook_delivery SET claimed = 0, due = ?, response_status = ?, error = ?"
                " WHERE number = ?",
                (now_ms() + int(seconds * 1000), status, error, claim.number),
            )
