"""The tables of webhooks, in the file of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "registry-webhooks"
COUNT = 1
"""How many migrations there are."""

# A delivery is waiting until it is delivered or has failed for good. A process claims a delivery
# until `claimed` before it makes the call, so that only one of several processes calls, and another
# takes over if it dies.
_FIRST = """
CREATE TABLE webhook (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    url TEXT NOT NULL,
    secret BLOB,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_event (
    event TEXT NOT NULL,
    webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    PRIMARY KEY (event, webhook)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_event_of ON webhook_event (webhook);

CREATE TABLE webhook_delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    created INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL,
    claimed INTEGER NOT NULL DEFAULT 0,
    finished INTEGER,
    response_status INTEGER,
    error TEXT
) STRICT;

CREATE INDEX webhook_delivery_waiting ON webhook_delivery (due, number) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_claimed ON webhook_delivery (webhook, claimed)
    WHERE state = 'waiting';
CREATE INDEX webhook_delivery_of ON webhook_delivery (webhook, number);
"""


def migrations() -> Migrations:
    """Return the migrations."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations(NAME)

    @steps()
    def first(db: object) -> None:
        connection = db.conn  # type: ignore[attr-defined]
        for statement in _FIRST.split(";"):
            if statement.strip():
                connection.execute(statement)

    return steps
