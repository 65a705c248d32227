"""The data sets of the SQLite store."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.tags import USER
from pegboard_stores import filters, refusals, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.data_sets import (
    DEFAULT_PAGE,
    DataSet,
    DataSetRecord,
    DataSets,
    DataSetVersion,
    Merged,
    RecordChange,
    content,
)
from pegboard_stores.sqlite import Database

from pegboard_tracking.data_sets import changing, rows, search, versions
from pegboard_tracking.tables import experiments


class SqliteDataSets(DataSets):
    """Data sets in the tables of a store's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        *,
        tags: Mapping[str, Any] | None = None,
        experiment_ids: Sequence[str] = (),
    ) -> DataSet:
        """Create an empty data set."""
        name, checked, now = content.name(name), content.tags(tags or {}), now_ms()
        user, digest = checked.get(USER), content.set_digest(0)
        with self._database.writing() as connection:
            row = connection.execute(
                "INSERT INTO data_set (data_set_id, name, created_time, last_update_time,"
                " created_by, last_updated_by, sum, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    f"d-{uuid.uuid4().hex}",
                    name,
                    now,
                    now,
                    user,
                    user,
                    content.packed(0),
                    digest,
                ),
            ).lastrowid
            assert row is not None
            connection.execute(
                "INSERT INTO data_set_version VALUES (?, 0, ?, 0, ?, ?, 0, 0, 0)",
                (row, digest, now, user),
            )
            _set_tags(connection, row, checked)
            _add_to(connection, row, experiment_ids)
            return rows.load(connection, [row])[0]

    def get(self, data_set_id: str) -> DataSet:
        """Return a data set."""
        with self._database.reading() as connection:
            return rows.load(connection, [rows.known(connection, data_set_id).row])[0]

    def delete(self, data_set_id: str) -> None:
        """Remove a data set for good with all its records and versions, if it is there."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM data_set WHERE data_set_id = ?", (data_set_id,))

    def search(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSet]:
        """Return data sets that match; by default the last made first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        expr = filters.parse_filter(filter, filters.DATA_SETS)
        order = filters.parse_order_by(order_by, filters.DATA_SETS)
        wanted = [experiments.row_of(each) for each in experiment_ids] or None
        with self._database.reading() as connection:
            found, token = search.find(connection, wanted, expr, order, max_results, page_token)
            return Page(rows.load(connection, found), token)

    def set_tags(self, data_set_id: str, tags: Mapping[str, Any]) -> None:
        """Set or change tags."""
        checked = content.tags(tags)
        with self._database.writing() as connection:
            _set_tags(connection, rows.known(connection, data_set_id).row, checked)

    def delete_tag(self, data_set_id: str, key: str) -> None:
        """Remove a tag, if it is there."""
        with self._database.writing() as connection:
            row = rows.known(connection, data_set_id).row
            connection.execute(
                "DELETE FROM data_set_tag WHERE data_set = ? AND key = ?", (row, key)
            )

    def add_to(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Make the data set one of these experiments, too."""
        with self._database.writing() as connection:
            row = rows.known(connection, data_set_id).row
            _add_to(connection, row, experiment_ids)
            _touch(connection, row)
            return rows.load(connection, [row])[0]

    def remove_from(self, data_set_id: str, experiment_ids: Sequence[str]) -> DataSet:
        """Undo ``add_to``."""
        with self._database.writing() as connection:
            row = rows.known(connection, data_set_id).row
            connection.executemany(
                "DELETE FROM data_set_experiment WHERE data_set = ? AND experiment = ?",
                [(row, experiments.row_of(each)) for each in experiment_ids],
            )
            _touch(connection, row)
            return rows.load(connection, [row])[0]

    def experiment_ids(self, data_set_id: str) -> Sequence[str]:
        """Return the experiments that a data set belongs to."""
        return self.get(data_set_id).experiment_ids or ()

    # -- records ---------------------------------------------------------------------------------

    def merge(self, data_set_id: str, records: Sequence[Mapping[str, Any]]) -> Merged:
        """Add records, or merge them with those of the same inputs."""
        given = content.given(records)
        with self._database.writing() as connection:
            return changing.merge(connection, rows.known(connection, data_set_id), given)

    def records(
        self,
        data_set_id: str,
        *,
        version: int | str | None = None,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetRecord]:
        """Return the records of a version, by default the latest, in the order they came."""
        validation.page_size(max_results, SEARCH_LIMIT)
        with self._database.reading() as connection:
            known = rows.known(connection, data_set_id)
            return versions.records(connection, known, version, max_results, page_token)

    def delete_records(self, data_set_id: str, record_ids: Sequence[str]) -> int:
        """Remove records from the latest version; return how many of them were there."""
        with self._database.writing() as connection:
            return changing.remove(connection, rows.known(connection, data_set_id), record_ids)

    # -- versions --------------------------------------------------------------------------------

    def versions(
        self,
        data_set_id: str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[DataSetVersion]:
        """Return the versions, the latest first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        with self._database.reading() as connection:
            known = rows.known(connection, data_set_id)
            return versions.versions(connection, known, max_results, page_token)

    def diff(
        self,
        data_set_id: str,
        before: int | str,
        after: int | str,
        *,
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[RecordChange]:
        """Return what differs between two versions, in the order in which records came."""
        validation.page_size(max_results, SEARCH_LIMIT)
        with self._database.reading() as connection:
            known = rows.known(connection, data_set_id)
            return versions.diff(connection, known, (before, after), max_results, page_token)


def _touch(connection: sqlite3.Connection, row: int) -> None:
    connection.execute("UPDATE data_set SET last_update_time = ? WHERE id = ?", (now_ms(), row))


def _set_tags(connection: sqlite3.Connection, row: int, tags: Mapping[str, str]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO data_set_tag (data_set, key, value) VALUES (?, ?, ?)",
        [(row, key, value) for key, value in tags.items()],
    )


def _add_to(connection: sqlite3.Connection, row: int, experiment_ids: Sequence[str]) -> None:
    for experiment_id in dict.fromkeys(experiment_ids):
        number = experiments.row_of(experiment_id)
        found = connection.execute("SELECT 1 FROM experiment WHERE id = ?", (number,)).fetchone()
        if found is None:
            raise refusals.no_experiment(experiment_id)
        connection.execute(
            "INSERT OR IGNORE INTO data_set_experiment (data_set, experiment) VALUES (?, ?)",
            (row, number),
        )
