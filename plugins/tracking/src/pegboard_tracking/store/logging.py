"""Logging to the runs of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from pegboard.entities import DatasetInput, Metric, Param, RunStatus, RunTag
from pegboard.tags import RUN_NAME
from pegboard_stores import refusals, validation

from pegboard_tracking.points import series
from pegboard_tracking.store.base import SqliteBase
from pegboard_tracking.tables import batches, changes, runs
from pegboard_tracking.tables.rows import delete_tag, get_tag, name_id, set_tag

if TYPE_CHECKING:
    from pegboard_stores.abilities import Batch


class SqliteLogging(SqliteBase):
    """What a store takes for its runs."""

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Add metrics and params, set tags: all of it or, on an error, nothing."""
        simple = metrics and not (params or tags or any(map(_is_of_model, metrics)))
        if simple and self._writer.quick:
            self._writer.verify(run_id)
            self._writer.log_points(run_id, metrics)
            return
        points = [validation.metric(point) for point in metrics]
        self._commit.run(self._batch(run_id, points, params, tags))

    def log_batch_once(
        self,
        batch: Batch,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Do what ``log_batch`` does, unless the batch was taken before."""
        points = [validation.metric(point) for point in metrics]
        write = self._batch(run_id, points, params, tags)

        def write_once(connection: sqlite3.Connection) -> None:
            if batches.is_new(connection, batch):
                write(connection)

        self._commit.run(write_once)

    def log_packed_once(self, batch: Batch, run_id: str, metrics: Mapping[str, bytes]) -> None:
        """Add packed points by key, unless the batch was taken before.

        All of it or, on an error, nothing.
        """
        for key in metrics:
            validation.key(key, "metric")
        # What this process logged before comes first in the history.
        self._writer.flush()

        def write(connection: sqlite3.Connection) -> None:
            run = runs.get_active(connection, run_id)
            if not batches.is_new(connection, batch):
                return
            for key, points in metrics.items():
                key_id = name_id(connection, key)
                series.append(connection, run.row, run.experiment, key_id, points)
            if run.status is RunStatus.LOST:
                self._liveness.reopen(connection, run.row)
            changes.note(connection, run.row)

        self._commit.run(write)

    def _batch(
        self,
        run_id: str,
        points: list[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> Callable[[sqlite3.Connection], None]:
        """Return what writes a batch whose points were checked."""
        checked_params = [validation.param(item) for item in params]
        checked_tags = [validation.tag(item) for item in tags]
        of_models = any(point.model_id for point in points)
        if points:
            # What this process logged before comes first in the history.
            self._writer.flush()

        def write(connection: sqlite3.Connection) -> None:
            run = runs.get_active(connection, run_id)
            for item in checked_params:
                runs.set_param(connection, run, run_id, item)
            for tag in checked_tags:
                set_tag(connection, run.row, run.experiment, tag.key, tag.value)
                if tag.key == RUN_NAME and tag.value:
                    runs.rename(connection, run, tag.value)
            points.sort(key=lambda point: point.key)
            for key, grouped in groupby(points, key=lambda point: point.key):
                packed = series.pack([(p.step, p.timestamp, p.value) for p in grouped])
                number = name_id(connection, key)
                series.append(connection, run.row, run.experiment, number, packed)
            if of_models:
                from pegboard_tracking.store import logged_models

                logged_models.log_metrics(connection, run.row, points)
            if points and run.status is RunStatus.LOST:
                self._liveness.reopen(connection, run.row)
            changes.note(connection, run.row)

        return write

    def change_tag(self, run_id: str, key: str, change: Callable[[str | None], str]) -> None:
        """Set a tag to what ``change`` makes of its text, None if there is none, in one step."""

        def write(connection: sqlite3.Connection) -> None:
            run = runs.get_active(connection, run_id)
            before = get_tag(connection, run.row, key)
            tag = validation.tag(RunTag(key, change(before)))
            if tag.value != before:
                set_tag(connection, run.row, run.experiment, tag.key, tag.value)
                changes.note(connection, run.row)

        self._commit.run(write)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""

        def write(connection: sqlite3.Connection) -> None:
            run = runs.get_active(connection, run_id)
            if not delete_tag(connection, run.row, key):
                raise refusals.no_tag("run", run_id, key)
            changes.note(connection, run.row)

        self._commit.run(write)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record datasets used by the run; the first of the same name and digest is kept."""
        checked = [validation.dataset_input(item) for item in datasets]

        def write(connection: sqlite3.Connection) -> None:
            run = runs.get_active(connection, run_id)
            for item in checked:
                runs.add_input(connection, run, item)
            changes.note(connection, run.row)

        self._commit.run(write)


def _is_of_model(point: Metric) -> bool:
    return bool(point.model_id or point.dataset_name or point.dataset_digest)
