"""The tables of endpoints, model definitions, secrets, budgets and guardrails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "gateway-catalog"
COUNT = 3
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

_SECOND = """
CREATE TABLE gateway_scorer (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    experiment TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (experiment, name)
) STRICT;

CREATE TABLE gateway_scorer_version (
    scorer TEXT NOT NULL REFERENCES gateway_scorer (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    serialized TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (scorer, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE gateway_guardrail (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    scorer TEXT NOT NULL,
    version INTEGER NOT NULL,
    stage TEXT NOT NULL,
    action TEXT NOT NULL,
    action_endpoint TEXT REFERENCES gateway_endpoint (id) ON DELETE SET NULL,
    created INTEGER NOT NULL,
    created_by TEXT,
    FOREIGN KEY (scorer, version) REFERENCES gateway_scorer_version (scorer, version)
        ON DELETE RESTRICT
) STRICT;

CREATE INDEX gateway_guardrail_of ON gateway_guardrail (scorer, version);
CREATE INDEX gateway_guardrail_action ON gateway_guardrail (action_endpoint);

CREATE TABLE gateway_guardrail_config (
    endpoint TEXT NOT NULL REFERENCES gateway_endpoint (id) ON DELETE CASCADE,
    guardrail TEXT NOT NULL REFERENCES gateway_guardrail (id) ON DELETE CASCADE,
    place INTEGER,
    created INTEGER NOT NULL,
    created_by TEXT,
    PRIMARY KEY (endpoint, guardrail)
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_guardrail_config_of ON gateway_guardrail_config (guardrail);
"""

# A guardrail has a copy of its judge: `scorer` and `version` say which one of the tracking store it
# was. Scorers that were kept here wait in `gateway_scorer_left` to be moved there.
_THIRD = """
CREATE TABLE gateway_scorer_left (
    number INTEGER PRIMARY KEY,
    experiment TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    serialized TEXT NOT NULL
) STRICT;

INSERT INTO gateway_scorer_left (experiment, name, version, serialized)
    SELECT s.experiment, s.name, v.version, v.serialized
    FROM gateway_scorer s JOIN gateway_scorer_version v ON v.scorer = s.id;

CREATE TABLE gateway_guard (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    scorer TEXT NOT NULL,
    version INTEGER NOT NULL,
    experiment TEXT NOT NULL,
    scorer_name TEXT NOT NULL,
    serialized TEXT NOT NULL,
    scorer_created INTEGER NOT NULL,
    stage TEXT NOT NULL,
    action TEXT NOT NULL,
    action_endpoint TEXT REFERENCES gateway_endpoint (id) ON DELETE SET NULL,
    created INTEGER NOT NULL,
    created_by TEXT
) STRICT;

INSERT INTO gateway_guard
    SELECT g.number, g.id, g.name, g.scorer, g.version, s.experiment, s.name, v.serialized,
        v.created, g.stage, g.action, g.action_endpoint, g.created, g.created_by
    FROM gateway_guardrail g JOIN gateway_scorer s ON s.id = g.scorer
        JOIN gateway_scorer_version v ON v.scorer = g.scorer AND v.version = g.version;

CREATE TABLE gateway_guard_config (
    endpoint TEXT NOT NULL REFERENCES gateway_endpoint (id) ON DELETE CASCADE,
    guardrail TEXT NOT NULL REFERENCES gateway_guard (id) ON DELETE CASCADE,
    place INTEGER,
    created INTEGER NOT NULL,
    created_by TEXT,
    PRIMARY KEY (endpoint, guardrail)
) STRICT, WITHOUT ROWID;

INSERT INTO gateway_guard_config SELECT * FROM gateway_guardrail_config;

DROP TABLE gateway_guardrail_config;
DROP TABLE gateway_guardrail;
DROP TABLE gateway_scorer_version;
DROP TABLE gateway_scorer;

CREATE INDEX gateway_guard_action ON gateway_guard (action_endpoint);
CREATE INDEX gateway_guard_config_of ON gateway_guard_config (guardrail);
"""


def migrations() -> Migrations:
    """Return the migrations."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations(NAME)

    @steps()
    def first(db: object) -> None:
        _execute(db, _FIRST)

    @steps()
    def second(db: object) -> None:
        _execute(db, _SECOND)

    @steps()
    def third(db: object) -> None:
        _execute(db, _THIRD)

    return steps


def _execute(db: object, statements: str) -> None:
    connection = db.conn  # type: ignore[attr-defined]
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)
