"""The experiments of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from pegboard import uris
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Experiment, LifecycleStage, Page, ViewType
from pegboard_stores import filters, refusals, validation

from pegboard_tracking.search import queries
from pegboard_tracking.store.base import SqliteBase
from pegboard_tracking.tables import experiments


class SqliteExperiments(SqliteBase):
    """What a store does with experiments."""

    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Create an experiment."""
        name = validation.experiment_name(name)
        if artifact_location:
            artifact_location = uris.absolute(validation.artifact_location(artifact_location))
        checked = validation.experiment_tags(tags or {})

        def write(connection: sqlite3.Connection) -> Experiment:
            row = experiments.create(
                connection, self._artifact_root, name, artifact_location, checked
            )
            return experiments.get(connection, str(row))

        return self._commit.run(write)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted ones too."""
        with self._database.reading() as connection:
            return experiments.get(connection, experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted ones too; None if there is none."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT id FROM experiment WHERE name = ?", (name,))
            rows = [row for (row,) in found]
            return next(iter(experiments.load(connection, rows)), None)

    def search_experiments(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Return experiments that match; by default the last updated first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        expression = filters.parse_filter(filter, filters.EXPERIMENTS)
        order = filters.parse_order_by(order_by, filters.EXPERIMENTS)
        with self._database.reading() as connection:
            rows, token = queries.search_experiment_rows(
                connection, expression, order, view, max_results, page_token
            )
            return Page(experiments.load(connection, rows), token)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name."""
        self._commit.run(lambda connection: experiments.rename(connection, experiment_id, name))

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        self._move_experiment(experiment_id, LifecycleStage.DELETED)

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo ``delete_experiment``; its runs come back too."""
        self._move_experiment(experiment_id, LifecycleStage.ACTIVE)

    def _move_experiment(self, experiment_id: str, stage: LifecycleStage) -> None:
        self._commit.run(lambda connection: experiments.move(connection, experiment_id, stage))
        self._writer.forget()

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags of an active experiment."""
        checked = validation.experiment_tags(tags)

        def write(connection: sqlite3.Connection) -> None:
            experiments.get_active(connection, experiment_id)
            experiments.set_tags(connection, experiments.row_of(experiment_id), checked)

        self._commit.run(write)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""

        def write(connection: sqlite3.Connection) -> None:
            experiments.get_active(connection, experiment_id)
            removed = connection.execute(
                "DELETE FROM experiment_tag WHERE experiment = ? AND key = ?",
                (experiments.row_of(experiment_id), key),
            )
            if not removed.rowcount:
                raise refusals.no_tag("experiment", experiment_id, key)

        self._commit.run(write)

    def purge_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment that has no runs left for good."""
        with self._database.writing() as connection:
            experiments.purge(connection, experiment_id)
