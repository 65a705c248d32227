"""Rows of the registry's tables to entities."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pegboard.entities.registry import ModelVersion, RegisteredModel
from pegboard_stores import refusals, validation
from pegboard_stores.sql.texts import split

from pegboard_registry.store import history

_COLUMNS = (
    "SELECT v.id, v.name, v.version, v.creation_time, v.last_update_time, v.source, v.description,"
    " v.user, v.stage, v.run_id, v.run_link, v.model_id"
)
_VERSION = f"{_COLUMNS} FROM model_version v WHERE v.id IN (SELECT value FROM json_each(?))"  # noqa: S608 (constants)
_BY_ALIAS = (
    _COLUMNS + " FROM registered_model m CROSS JOIN model_alias a ON a.model = m.id"
    " CROSS JOIN model_version v ON v.id = a.version WHERE m.name = ? AND a.alias = ?"
)
_TEXTS = (
    "SELECT key, value || coalesce(rest, '') FROM model_version_tag WHERE owner = ?1"
    " UNION ALL SELECT alias, NULL FROM model_alias WHERE version = ?1 ORDER BY 1"
)
_NEWEST = (
    # The row of a bare column is that of the maximum.
    "SELECT model, id, max(version) FROM model_version"
    " WHERE model IN (SELECT value FROM json_each(?)) GROUP BY model, stage"
)


def model_row(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a registered model."""
    name = validation.registered_name(name)
    finding = "SELECT id FROM registered_model WHERE name = ?"
    found = connection.execute(finding, (name,)).fetchone()
    if found is None:
        raise refusals.no_registered_model(name, now=history.name_now(connection, name))
    row: int = found[0]
    return row


def version_row(connection: sqlite3.Connection, name: str, version: str) -> int:
    """Return the number of the row of a version."""
    found = connection.execute(
        "SELECT id FROM model_version WHERE name = ? AND version = ?",
        (validation.registered_name(name), validation.version_number(version)),
    ).fetchone()
    if found is None:
        model_row(connection, name)
        raise refusals.no_version(name, str(version))
    row: int = found[0]
    return row


def load_versions(connection: sqlite3.Connection, ids: Sequence[int]) -> list[ModelVersion]:
    """Return the versions of these rows, in their order."""
    if not ids:
        return []
    listed = (json.dumps(ids),)
    tags: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for row, key, value in connection.execute(
        "SELECT owner, key, value || coalesce(rest, '') FROM model_version_tag"
        " WHERE owner IN (SELECT value FROM json_each(?)) ORDER BY owner, key",
        listed,
    ):
        tags[row][key] = value
    aliases: defaultdict[int, list[str]] = defaultdict(list)
    for row, alias in connection.execute(
        "SELECT version, alias FROM model_alias"
        " WHERE version IN (SELECT value FROM json_each(?)) ORDER BY version, alias",
        listed,
    ):
        aliases[row].append(alias)
    found = {
        values[0]: _version(values, tags.get(values[0], {}), aliases.get(values[0], ()))
        for values in connection.execute(_VERSION, listed)
    }
    return [found[row] for row in ids]


def version_of_alias(connection: sqlite3.Connection, name: str, alias: str) -> ModelVersion | None:
    """Return the version that an alias of a model points at, with two queries; None if none."""
    values = connection.execute(_BY_ALIAS, (name, alias)).fetchone()
    if values is None:
        return None
    texts = connection.execute(_TEXTS, (values[0],)).fetchall()
    tags = {key: value for key, value in texts if value is not None}
    return _version(values, tags, [key for key, value in texts if value is None])


def _version(
    values: Sequence[Any], tags: Mapping[str, str], aliases: Iterable[str]
) -> ModelVersion:
    """Return a version from the values of _COLUMNS."""
    _, name, version, created, updated, source, description, user, stage, *origin = values
    run_id, run_link, model_id = origin
    return ModelVersion(
        name=name,
        version=str(version),
        creation_timestamp=created,
        last_updated_timestamp=updated,
        source=source,
        description=description,
        user_id=user,
        current_stage=stage,
        run_id=run_id,
        run_link=run_link,
        model_id=model_id,
        tags=tags,
        aliases=tuple(aliases),
    )


def load_models(connection: sqlite3.Connection, ids: Sequence[int]) -> list[RegisteredModel]:
    """Return the registered models of these rows, in their order."""
    if not ids:
        return []
    listed = (json.dumps(ids),)
    tags: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for row, key, value in connection.execute(
        "SELECT owner, key, value || coalesce(rest, '') FROM registered_model_tag"
        " WHERE owner IN (SELECT value FROM json_each(?)) ORDER BY owner, key",
        listed,
    ):
        tags[row][key] = value
    aliases: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for row, alias, version in connection.execute(
        "SELECT a.model, a.alias, v.version FROM model_alias a"
        " CROSS JOIN model_version v ON v.id = a.version"
        " WHERE a.model IN (SELECT value FROM json_each(?)) ORDER BY a.model, a.alias",
        listed,
    ):
        aliases[row][alias] = str(version)
    newest = newest_versions(connection, ids)
    found = {
        row: RegisteredModel(
            name=name,
            creation_timestamp=created,
            last_updated_timestamp=updated,
            description=description,
            tags=tags.get(row, {}),
            aliases=aliases.get(row, {}),
            latest_versions=tuple(newest.get(row, ())),
        )
        for row, name, description, created, updated in connection.execute(
            "SELECT id, name, description, creation_time, last_update_time FROM registered_model"
            " WHERE id IN (SELECT value FROM json_each(?))",
            listed,
        )
    }
    return [found[row] for row in ids]


def newest_versions(
    connection: sqlite3.Connection, models: Sequence[int]
) -> dict[int, list[ModelVersion]]:
    """Return the newest version in each stage of these models, the oldest first."""
    rows = connection.execute(_NEWEST, (json.dumps(models),)).fetchall()
    rows.sort(key=lambda row: row[2])
    versions = load_versions(connection, [row for _, row, _ in rows])
    found: defaultdict[int, list[ModelVersion]] = defaultdict(list)
    for (model, _, _), version in zip(rows, versions, strict=True):
        found[model].append(version)
    return dict(found)


def set_tags(connection: sqlite3.Connection, table: str, owner: int, tags: dict[str, str]) -> None:
    """Set or change tags, in ``registered_model_tag`` or ``model_version_tag``."""
    connection.executemany(
        f"INSERT INTO {table} (owner, key, value, rest) VALUES (?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value, rest = excluded.rest",
        [(owner, key, *split(value)) for key, value in tags.items()],
    )


def description_text(text: str | None) -> str:
    """Return a description that can be kept; None is an empty one."""
    return validation.registry_text(text or "", "description")


def touch(connection: sqlite3.Connection, model: int, now: int) -> None:
    """Note that a registered model was changed."""
    connection.execute(
        "UPDATE registered_model SET last_update_time = ? WHERE id = ?", (now, model)
    )
