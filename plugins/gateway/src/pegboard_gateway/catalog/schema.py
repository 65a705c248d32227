"""The tables of endpoints, model definitions, secrets and budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "gateway-catalog"
COUNT = 1
"""How many migrations there are."""

_FIRST = """
CREATE TABLE gateway_secret (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    sealed BLOB NOT NULL,
    sealed_key BLOB NOT NULL,
    key_id TEXT NOT NULL,
    masked TEXT NOT NULL,
    provider TEXT,
    auth_config TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    created_by TEXT,
    updated_by TEXT
) STRICT;

CREATE TABLE gateway_definition (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    secret TEXT REFERENCES gateway_secret (id) ON DELETE SET NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    created_by TEXT,
    updated_by TEXT
) STRICT;

CREATE INDEX gateway_definition_of ON gateway_definition (secret);

CREATE TABLE gateway_endpoint (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    routing TEXT,
    fallback TEXT,
    max_attempts INTEGER,
    has_fallback INTEGER NOT NULL,
    experiment TEXT,
    tracked INTEGER NOT NULL,
    options TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    created_by TEXT,
    updated_by TEXT
) STRICT;

CREATE TABLE gateway_link (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    endpoint TEXT NOT NULL REFERENCES gateway_endpoint (id) ON DELETE CASCADE,
    definition TEXT NOT NULL REFERENCES gateway_definition (id) ON DELETE RESTRICT,
    linkage TEXT NOT NULL,
    weight REAL NOT NULL,
    fallback_order INTEGER,
    created INTEGER NOT NULL,
    created_by TEXT,
    UNIQUE (endpoint, definition, linkage)
) STRICT;

CREATE INDEX gateway_link_of ON gateway_link (definition);

CREATE TABLE gateway_tag (
    endpoint TEXT NOT NULL REFERENCES gateway_endpoint (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (endpoint, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE gateway_binding (
    endpoint TEXT NOT NULL REFERENCES gateway_endpoint (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    display_name TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    PRIMARY KEY (endpoint, kind, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE gateway_budget (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    amount REAL NOT NULL,
    unit TEXT NOT NULL,
    length INTEGER NOT NULL,
    scope TEXT NOT NULL,
    target TEXT,
    action TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    created_by TEXT,
    updated_by TEXT
) STRICT;

CREATE TABLE gateway_revision (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;

INSERT INTO gateway_revision VALUES (1, 1);
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
