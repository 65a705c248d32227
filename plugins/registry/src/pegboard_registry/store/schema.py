"""The tables of the SQLite registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "registry"
COUNT = 4
"""How many migrations there are; a store that has them all is opened without importing them."""

_EVENTS = ("INSERT", "UPDATE", "DELETE")
_TAGS = ("registered_model_tag", "model_version_tag")

# A model keeps its number when it is renamed, and no other gets it when it is deleted, so that the
# history, which must not be changed, can be told apart by it; registry_identity has the last name
# of each. registry_counter keeps the greatest number that a version ever had under a name.
#
# As the tracking store's, tags keep the beginning of their value apart from the rest, so that the
# indexes stay small. The name of the model is repeated beside each version, so that one index gives
# the order of a search.
_FIRST = (
    """
CREATE TABLE registry_identity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL
) STRICT""",
    """
CREATE TABLE registry_counter (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE registered_model (
    id INTEGER PRIMARY KEY REFERENCES registry_identity (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL
) STRICT""",
    """
CREATE TABLE registered_model_tag (
    owner INTEGER NOT NULL REFERENCES registered_model (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    rest TEXT,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE model_version (
    id INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES registered_model (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    creation_time INTEGER NOT NULL,
    last_update_time INTEGER NOT NULL,
    source TEXT NOT NULL,
    storage_location TEXT,
    description TEXT NOT NULL,
    user TEXT,
    stage TEXT NOT NULL,
    run_id TEXT,
    run_link TEXT,
    model_id TEXT
) STRICT""",
    """
CREATE TABLE model_version_tag (
    owner INTEGER NOT NULL REFERENCES model_version (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    rest TEXT,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE model_alias (
    model INTEGER NOT NULL REFERENCES registered_model (id) ON DELETE CASCADE,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES model_version (id) ON DELETE CASCADE,
    PRIMARY KEY (model, alias)
) STRICT, WITHOUT ROWID""",
    """
CREATE TABLE registry_history (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    model INTEGER NOT NULL,
    time INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER,
    key TEXT NOT NULL,
    before TEXT,
    after TEXT,
    user TEXT,
    reason TEXT NOT NULL,
    undoes INTEGER
) STRICT""",
    """
CREATE TRIGGER registry_history_is_not_changed BEFORE UPDATE ON registry_history
BEGIN SELECT RAISE(ABORT, 'the history of the registry is only appended to'); END""",
    """
CREATE TRIGGER registry_history_is_not_deleted BEFORE DELETE ON registry_history
BEGIN SELECT RAISE(ABORT, 'the history of the registry is only appended to'); END""",
    """
CREATE TRIGGER registry_history_is_not_replaced BEFORE INSERT ON registry_history
WHEN EXISTS (SELECT 1 FROM registry_history WHERE number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'the history of the registry is only appended to'); END""",
    "CREATE INDEX registry_identity_by_name ON registry_identity (name)",
    "CREATE UNIQUE INDEX registered_model_by_name ON registered_model (name)",
    "CREATE INDEX registered_model_by_update ON registered_model (last_update_time, name)",
    "CREATE INDEX registered_model_by_creation ON registered_model (creation_time, name)",
    "CREATE INDEX registered_model_tag_by_value ON registered_model_tag (key, value, owner)",
    "CREATE UNIQUE INDEX model_version_by_name ON model_version (name, version)",
    "CREATE INDEX model_version_by_number ON model_version (version, name)",
    "CREATE INDEX model_version_by_number_down ON model_version (version DESC, name)",
    """
CREATE INDEX model_version_by_update
    ON model_version (last_update_time DESC, name, version DESC)""",
    """
CREATE INDEX model_version_by_creation
    ON model_version (creation_time DESC, name, version DESC)""",
    "CREATE INDEX model_version_by_stage ON model_version (model, stage, version)",
    "CREATE INDEX model_version_by_run ON model_version (run_id)",
    "CREATE INDEX model_version_by_model ON model_version (model_id)",
    "CREATE INDEX model_version_by_source ON model_version (source)",
    "CREATE INDEX model_version_tag_by_value ON model_version_tag (key, value, owner)",
    "CREATE INDEX model_alias_of_version ON model_alias (version, alias)",
    "CREATE INDEX registry_history_of_model ON registry_history (model, kind, number)",
    "CREATE INDEX registry_history_of_names ON registry_history (before) WHERE kind = 'name'",
)

# Which versions need a file is asked by its place.
_LOCATIONS = (
    "CREATE INDEX model_version_by_location ON model_version (storage_location)"
    " WHERE storage_location IS NOT NULL"
)

# A place is a URI, or the id of the run or logged model whose files are removed; time in ms.
_REMOVED = (
    """
CREATE TABLE files_removed (
    place TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX files_removed_by_end ON files_removed (until)",
)

# Counts what changes, so that pages that follow the registry ask for one number. What is not named
# here, such as a move of an alias, is in the history.
_REVISION = (
    "CREATE TABLE registry_revision (number INTEGER NOT NULL) STRICT",
    "INSERT INTO registry_revision VALUES (0)",
)
_COUNTED = (
    ("registry_history", "INSERT"),
    *((table, event) for table in ("registered_model", "model_version") for event in _EVENTS[:2]),
    *((table, event) for table in _TAGS for event in _EVENTS),
)


def _counting(table: str, event: str) -> str:
    return (
        f"CREATE TRIGGER {table}_counts_{event.lower()} AFTER {event} ON {table}"  # noqa: S608
        " BEGIN UPDATE registry_revision SET number = number + 1; END"
    )


def migrations() -> Migrations:
    """Return the migrations; COUNT of them."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations(NAME)

    @steps()
    def first(db: object) -> None:
        for statement in _FIRST:
            db.conn.execute(statement)  # type: ignore[attr-defined]

    @steps()
    def locations(db: object) -> None:
        db.conn.execute(_LOCATIONS)  # type: ignore[attr-defined]

    @steps()
    def removed(db: object) -> None:
        for statement in _REMOVED:
            db.conn.execute(statement)  # type: ignore[attr-defined]

    @steps()
    def revision(db: object) -> None:
        for statement in (*_REVISION, *(_counting(*each) for each in _COUNTED)):
            db.conn.execute(statement)  # type: ignore[attr-defined]

    return steps
