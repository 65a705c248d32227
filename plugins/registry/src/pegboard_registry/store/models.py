"""Registered models of the SQLite registry."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from pegboard.contracts.registry import MODELS_LIMIT, MODELS_PAGE, NOBODY
from pegboard.entities import Page
from pegboard.entities.registry import Author, ChangeKind, ModelVersion, RegisteredModel
from pegboard_stores import prompt_traffic, refusals, validation
from pegboard_stores.basic_registry import BasicRegistry
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database

from pegboard_registry.store.history import Log
from pegboard_registry.store.rows import (
    description_text,
    load_models,
    model_row,
    newest_versions,
    set_tags,
)


class SqliteModels(BasicRegistry):
    """The methods for registered models."""

    _database: Database

    def create_model(
        self, name: str, *, tags: Mapping[str, str] | None = None, description: str = ""
    ) -> RegisteredModel:
        """Create a registered model; AlreadyExists if the name is taken."""
        name = validation.registered_name(name, new=True)
        checked = validation.registry_tags(tags or {})
        prompt_traffic.refuse_for_new(checked)
        text = description_text(description)
        now = now_ms()
        with self._database.writing() as connection:
            _refuse_taken(connection, name)
            row = connection.execute(
                "INSERT INTO registry_identity (name) VALUES (?)", (name,)
            ).lastrowid
            assert row is not None
            connection.execute(
                "INSERT INTO registered_model VALUES (?, ?, ?, ?, ?)", (row, name, text, now, now)
            )
            set_tags(connection, "registered_model_tag", row, checked)
            return load_models(connection, [row])[0]

    def get_model(self, name: str) -> RegisteredModel:
        """Return a registered model."""
        with self._database.reading() as connection:
            return load_models(connection, [model_row(connection, name)])[0]

    def rename_model(self, name: str, new_name: str, *, by: Author = NOBODY) -> RegisteredModel:
        """Give a model, with all its versions and its history, another name."""
        new_name = validation.registered_name(new_name, new=True)
        now = now_ms()
        with self._database.writing() as connection:
            row = model_row(connection, name)
            if new_name != name:
                _refuse_taken(connection, new_name)
                Log(connection, row, new_name, by).add(ChangeKind.NAME, name, new_name)
                connection.execute(
                    "INSERT INTO registry_counter SELECT ?1, last FROM registry_counter"
                    " WHERE name = ?2 ON CONFLICT (name)"
                    " DO UPDATE SET last = max(last, excluded.last)",
                    (new_name, name),
                )
            connection.execute(
                "UPDATE registry_identity SET name = ? WHERE id = ?", (new_name, row)
            )
            connection.execute(
                "UPDATE registered_model SET name = ?, last_update_time = ? WHERE id = ?",
                (new_name, now, row),
            )
            connection.execute(
                "UPDATE model_version SET name = ?, last_update_time = ? WHERE model = ?",
                (new_name, now, row),
            )
            return load_models(connection, [row])[0]

    def update_model(self, name: str, description: str) -> RegisteredModel:
        """Set the description."""
        text = description_text(description)
        with self._database.writing() as connection:
            row = model_row(connection, name)
            connection.execute(
                "UPDATE registered_model SET description = ?, last_update_time = ? WHERE id = ?",
                (text, now_ms(), row),
            )
            return load_models(connection, [row])[0]

    def delete_model(self, name: str, *, by: Author = NOBODY) -> None:
        """Remove a model and all its versions; its history is kept."""
        with self._database.writing() as connection:
            row = model_row(connection, name)
            log = Log(connection, row, name, by)
            log.lose_aliases()
            for version, source in connection.execute(
                "SELECT version, source FROM model_version WHERE model = ? ORDER BY version", (row,)
            ).fetchall():
                log.add(ChangeKind.VERSION, source, None, version=version)
            log.add(ChangeKind.NAME, name, None)
            connection.execute("DELETE FROM registered_model WHERE id = ?", (row,))

    def search_models(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = MODELS_PAGE,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """Return models that match; by default ordered by name."""
        from pegboard_registry.store import search

        validation.page_size(max_results, MODELS_LIMIT)
        query = search.parse(search.MODELS, filter, order_by)
        with self._database.reading() as connection:
            rows, token = search.find(connection, query, max_results, page_token)
            return Page(load_models(connection, rows), token)

    def _set_model_tag(self, name: str, key: str, value: str) -> None:
        checked = validation.registry_tags({key: value})
        with self._database.writing() as connection:
            set_tags(connection, "registered_model_tag", model_row(connection, name), checked)

    def delete_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a model, if it is there."""
        key = validation.key(key, "tag")
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM registered_model_tag WHERE owner = ? AND key = ?",
                (model_row(connection, name), key),
            )

    def latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> Sequence[ModelVersion]:
        """Return the newest version in each of these stages, or in every stage."""
        wanted = {self.stage(stage) for stage in stages or ()}
        with self._database.reading() as connection:
            row = model_row(connection, name)
            found = newest_versions(connection, [row]).get(row, [])
        return [version for version in found if not wanted or version.current_stage in wanted]


def _refuse_taken(connection: sqlite3.Connection, name: str) -> None:
    taken = "SELECT 1 FROM registered_model WHERE name = ?"
    if connection.execute(taken, (name,)).fetchone():
        raise refusals.registered_name_taken(name)
