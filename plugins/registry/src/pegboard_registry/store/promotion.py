"""Aliases, stages, approvals and the history of the SQLite registry."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from pegboard.contracts.registry import HISTORY_PAGE, NOBODY
from pegboard.entities import Page
from pegboard.entities.registry import (
    APPROVED,
    ARCHIVED,
    Author,
    ChangeKind,
    ModelVersion,
    RegistryChange,
)
from pegboard_scripting.model_uris import LATEST
from pegboard_stores import refusals, validation
from pegboard_stores.basic_registry import BasicRegistry
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_registry.store import history
from pegboard_registry.store.history import Log
from pegboard_registry.store.rows import (
    load_versions,
    model_row,
    touch,
    version_of_alias,
    version_row,
)


class SqlitePromotion(BasicRegistry):
    """The methods by which versions get and lose aliases, stages and approvals."""

    _database: Database

    def _set_alias(
        self, name: str, alias: str, version: str, by: Author, undoes: int | None
    ) -> None:
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            model, number = connection.execute(
                "SELECT model, version FROM model_version WHERE id = ?", (row,)
            ).fetchone()
            before = _aliased(connection, model, alias)
            if before == number:
                return
            connection.execute(
                "INSERT INTO model_alias VALUES (?, ?, ?)"
                " ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version",
                (model, alias, row),
            )
            Log(connection, model, name, by).add(
                ChangeKind.ALIAS, before, number, version=number, key=alias, undoes=undoes
            )

    def delete_alias(self, name: str, alias: str, *, by: Author = NOBODY) -> None:
        """Remove an alias, if it is there."""
        alias = validation.alias(alias)
        with self._database.writing() as connection:
            model = model_row(connection, name)
            before = _aliased(connection, model, alias)
            if before is None:
                return
            connection.execute(
                "DELETE FROM model_alias WHERE model = ? AND alias = ?", (model, alias)
            )
            Log(connection, model, name, by).add(
                ChangeKind.ALIAS, before, None, version=before, key=alias
            )

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version an alias points at; ``latest`` stands for the newest version."""
        alias = validation.alias(alias)
        with self._database.reading() as connection:
            if alias.lower() == LATEST:
                return _newest(connection, name)
            found = version_of_alias(connection, validation.registered_name(name), alias)
            if found is None:
                model_row(connection, name)
                raise refusals.no_alias(name, alias)
            return found

    def _transition_stage(
        self, name: str, version: str, stage: str, archive_existing: bool, by: Author
    ) -> ModelVersion:
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            ((model,),) = connection.execute(
                "SELECT model FROM model_version WHERE id = ?", (row,)
            ).fetchall()
            moves = [(row, stage)]
            if archive_existing:
                others = connection.execute(
                    "SELECT id FROM model_version WHERE model = ? AND stage = ? AND id != ?",
                    (model, stage, row),
                ).fetchall()
                moves += [(other, ARCHIVED) for (other,) in others]
            now = now_ms()
            log = Log(connection, model, name, by)
            for moved, target in moves:
                _move(connection, log, moved, target, now)
            touch(connection, model, now)
            return load_versions(connection, [row])[0]

    def _approve(self, name: str, version: str, key: str, withdraw: bool, by: Author) -> None:
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            model, number = connection.execute(
                "SELECT model, version FROM model_version WHERE id = ?", (row,)
            ).fetchone()
            last = connection.execute(
                "SELECT after FROM registry_history WHERE model = ? AND kind = 'approval'"
                " AND version = ? AND key = ? AND user = ? ORDER BY number DESC LIMIT 1",
                (model, number, key, by.user),
            ).fetchone()
            before = None if last is None else last[0]
            after = None if withdraw else APPROVED
            if before != after:
                Log(connection, model, name, by).add(
                    ChangeKind.APPROVAL, before, after, version=number, key=key
                )

    def history(
        self,
        name: str,
        *,
        kinds: Sequence[ChangeKind] = (),
        version: str | None = None,
        key: str | None = None,
        max_results: int = HISTORY_PAGE,
        page_token: str | None = None,
    ) -> Page[RegistryChange]:
        """Return the changes of a model, the last first."""
        with self._database.reading() as connection:
            return history.find(
                connection,
                name,
                kinds=kinds,
                version=version,
                key=key,
                max_results=max_results,
                page_token=page_token,
            )


def _newest(connection: sqlite3.Connection, name: str) -> ModelVersion:
    model_row(connection, name)
    found = connection.execute(
        "SELECT id FROM model_version WHERE name = ? ORDER BY version DESC LIMIT 1", (name,)
    ).fetchone()
    if found is None:
        raise refusals.no_versions(name)
    return load_versions(connection, [found[0]])[0]


def _aliased(connection: sqlite3.Connection, model: int, alias: str) -> int | None:
    found = connection.execute(
        "SELECT v.version FROM model_alias a CROSS JOIN model_version v ON v.id = a.version"
        " WHERE a.model = ? AND a.alias = ?",
        (model, alias),
    ).fetchone()
    return None if found is None else int(found[0])


def _move(connection: sqlite3.Connection, log: Log, row: int, stage: str, now: int) -> None:
    number, before = connection.execute(
        "SELECT version, stage FROM model_version WHERE id = ?", (row,)
    ).fetchone()
    connection.execute(
        "UPDATE model_version SET stage = ?, last_update_time = ? WHERE id = ?", (stage, now, row)
    )
    if before != stage:
        log.add(ChangeKind.STAGE, before, stage, version=number)
