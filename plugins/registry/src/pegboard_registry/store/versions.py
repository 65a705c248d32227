"""Versions of the SQLite registry."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from pegboard.contracts.registry import (
    NOBODY,
    VERSIONS_LIMIT,
    VERSIONS_PAGE,
)
from pegboard.entities import Page
from pegboard.entities.registry import Author, ChangeKind, ModelVersion
from pegboard_stores import validation
from pegboard_stores.basic_registry import BasicRegistry
from pegboard_stores.clock import now_ms
from pegboard_stores.needed_files import FilesNeeded, FilesOwner
from pegboard_stores.sqlite import Database
from pegboard_stores.validation import MAX_SOURCE

from pegboard_registry.store import removal
from pegboard_registry.store.history import Log
from pegboard_registry.store.rows import (
    description_text,
    load_versions,
    model_row,
    set_tags,
    touch,
    version_row,
)


class SqliteVersions(BasicRegistry, FilesNeeded):
    """The methods for versions."""

    _database: Database

    def create_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str | None = None,
        run_link: str | None = None,
        model_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
        storage_location: str | None = None,
        by: Author = NOBODY,
    ) -> ModelVersion:
        """Add the next version to a model."""
        source = validation.registry_text(source, "source", MAX_SOURCE)
        checked = validation.registry_tags(tags or {})
        text = description_text(description)
        with self._database.writing() as connection:
            model = model_row(connection, name)
            removal.check(connection, source, storage_location, (run_id, model_id))
            now = now_ms()
            ((number,),) = connection.execute(
                "INSERT INTO registry_counter (name, last) VALUES (?, 1)"
                " ON CONFLICT (name) DO UPDATE SET last = last + 1 RETURNING last",
                (name,),
            ).fetchall()
            row = connection.execute(
                "INSERT INTO model_version (model, name, version, creation_time, last_update_time,"
                " source, storage_location, description, user, stage, run_id, run_link, model_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    model,
                    name,
                    number,
                    now,
                    now,
                    source,
                    storage_location,
                    text,
                    by.user,
                    self.stages[0],
                    run_id or None,
                    run_link or None,
                    model_id or None,
                ),
            ).lastrowid
            assert row is not None
            set_tags(connection, "model_version_tag", row, checked)
            touch(connection, model, now)
            Log(connection, model, name, by).add(ChangeKind.VERSION, None, source, version=number)
            return load_versions(connection, [row])[0]

    def get_version(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        with self._database.reading() as connection:
            return load_versions(connection, [version_row(connection, name, version)])[0]

    def update_version(self, name: str, version: str, description: str) -> ModelVersion:
        """Set the description."""
        text = description_text(description)
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            connection.execute(
                "UPDATE model_version SET description = ?, last_update_time = ? WHERE id = ?",
                (text, now_ms(), row),
            )
            return load_versions(connection, [row])[0]

    def delete_version(self, name: str, version: str, *, by: Author = NOBODY) -> None:
        """Remove a version, and the aliases that point at it."""
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            model, number, source = connection.execute(
                "SELECT model, version, source FROM model_version WHERE id = ?", (row,)
            ).fetchone()
            log = Log(connection, model, name, by)
            log.lose_aliases(row)
            log.add(ChangeKind.VERSION, source, None, version=number)
            connection.execute("DELETE FROM model_version WHERE id = ?", (row,))
            touch(connection, model, now_ms())

    def search_versions(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = VERSIONS_PAGE,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """Return versions that match; by default the last updated first."""
        from pegboard_registry.store import search

        validation.page_size(max_results, VERSIONS_LIMIT)
        query = search.parse(search.VERSIONS, filter, order_by)
        with self._database.reading() as connection:
            rows, token = search.find(connection, query, max_results, page_token)
            return Page(load_versions(connection, rows), token)

    def set_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set or change a tag of a version."""
        checked = validation.registry_tags({key: value})
        with self._database.writing() as connection:
            row = version_row(connection, name, version)
            set_tags(connection, "model_version_tag", row, checked)

    def delete_version_tag(self, name: str, version: str, key: str) -> None:
        """Remove a tag of a version, if it is there."""
        key = validation.key(key, "tag")
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM model_version_tag WHERE owner = ? AND key = ?",
                (version_row(connection, name, version), key),
            )

    def download_uri(self, name: str, version: str) -> str:
        """Return the URI of the files of a version."""
        with self._database.reading() as connection:
            ((uri,),) = connection.execute(
                "SELECT coalesce(storage_location, source) FROM model_version WHERE id = ?",
                (version_row(connection, name, version),),
            ).fetchall()
            return str(uri)

    def needing(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Return which versions need the files of runs and logged models, by the owner's id."""
        with self._database.reading() as connection:
            return _needing(connection, owners)

    def begin_removal(self, owners: Sequence[FilesOwner]) -> Mapping[str, Sequence[ModelVersion]]:
        """Do what ``needing`` does, and refuse versions of the files that none needs from now on.

        Both in one transaction, so that no version comes in between.
        """
        with self._database.writing() as connection:
            needed = _needing(connection, owners)
            removal.begin(connection, (owner for owner in owners if owner.id not in needed))
            return needed

    def end_removal(self, owners: Sequence[FilesOwner]) -> None:
        """Note that the files of these owners are removed, or stay."""
        with self._database.writing() as connection:
            removal.end(connection, owners)


def _needing(
    connection: sqlite3.Connection, owners: Sequence[FilesOwner]
) -> dict[str, list[ModelVersion]]:
    from pegboard_registry import needing

    rows = ((owner.id, needing.find(connection, owner)) for owner in owners)
    return {id_: load_versions(connection, found) for id_, found in rows if found}
