"""The runs of the SQLite store: their life, and finding them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from pegboard import uris
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import (
    LifecycleStage,
    Page,
    Run,
    RunData,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.tags import RUN_NAME
from pegboard_stores import filters, names, refusals, validation
from pegboard_stores.clock import now_ms

from pegboard_tracking.points import series
from pegboard_tracking.search import queries
from pegboard_tracking.store.base import SqliteBase
from pegboard_tracking.tables import experiments, runs
from pegboard_tracking.tables.rows import set_tag


class SqliteRuns(SqliteBase):
    """What a store does with runs."""

    def create_run(
        self,
        experiment_id: str,
        *,
        run_id: str | None = None,
        run_name: str | None = None,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Create a RUNNING run in an active experiment."""
        checked = [validation.tag(RunTag(key, value)) for key, value in (tags or {}).items()]
        given = {tag.key: tag.value for tag in checked}
        tag_name = given.get(RUN_NAME)
        if run_name and tag_name and run_name != tag_name:
            raise refusals.two_names(run_name, tag_name)
        name = validation.tag(RunTag(RUN_NAME, run_name or tag_name or names.random_name())).value
        new_id = names.new_run_id() if run_id is None else validation.run_id(run_id)

        start = now_ms() if start_time is None else start_time
        all_tags = {**given, RUN_NAME: name}

        def write(connection: sqlite3.Connection) -> Run:
            root = experiments.location_for_runs(connection, experiment_id)
            location = uris.join(root, new_id, "artifacts")
            number = experiments.row_of(experiment_id)
            if run_id is not None and runs.is_known(connection, new_id):
                raise refusals.run_taken(new_id)
            row = connection.execute(
                "INSERT INTO run (run_id, experiment, name, user, status, start_time, artifact_uri)"
                " VALUES (?, ?, ?, ?, 'RUNNING', ?, ?)",
                (new_id, number, name, user_id, start, location),
            ).lastrowid
            assert row is not None
            for key, value in all_tags.items():
                set_tag(connection, row, number, key, value)
            info = RunInfo(
                new_id,
                str(number),
                name,
                user_id,
                RunStatus.RUNNING,
                start,
                None,
                LifecycleStage.ACTIVE,
                location,
            )
            return Run(info, RunData(tags=all_tags))

        return self._commit.run(write)

    def get_run(self, run_id: str) -> Run:
        """Return a run with its latest data, deleted ones too."""
        with self._reading() as connection:
            found = connection.execute("SELECT id FROM run WHERE run_id = ?", (run_id,)).fetchone()
            if found is None:
                raise refusals.no_run(run_id)
            return queries.load_runs(connection, [found[0]])[0]

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None. RUNNING clears ``end_time``, unless one is given."""

        def write(connection: sqlite3.Connection) -> RunInfo:
            run = runs.get_active(connection, run_id)
            if run_name:
                name = validation.tag(RunTag(RUN_NAME, run_name)).value
                runs.rename(connection, run, name)
            if status is not None:
                runs.set_status(connection, run, RunStatus(status))
            if end_time is not None:
                connection.execute("UPDATE run SET end_time = ? WHERE id = ?", (end_time, run.row))
            return queries.load_infos(connection, [run.row])[0]

        return self._commit.run(write)

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._move_run(run_id, LifecycleStage.DELETED)

    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``."""
        self._move_run(run_id, LifecycleStage.ACTIVE)

    def _move_run(self, run_id: str, stage: LifecycleStage) -> None:
        deleted_time = now_ms() if stage is LifecycleStage.DELETED else None

        def write(connection: sqlite3.Connection) -> None:
            moved = connection.execute(
                "UPDATE run SET lifecycle = ?, deleted_time = ? WHERE run_id = ?",
                (str(stage), deleted_time, run_id),
            )
            if not moved.rowcount:
                raise refusals.no_run(run_id)

        self._commit.run(write)
        self._writer.forget(run_id)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Run]:
        """Return runs of these experiments that match; by default the last started first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        expression = filters.parse_filter(filter, filters.RUNS)
        order = filters.parse_order_by(order_by, filters.RUNS)
        wanted = [row for row in map(experiments.row_of, dict.fromkeys(experiment_ids)) if row >= 0]
        with self._reading() as connection:
            rows, token = queries.search_run_rows(
                connection, wanted, expression, order, view, max_results, page_token
            )
            return Page(queries.load_runs(connection, rows), token)

    def deleted_runs(self, *, deleted_before: int | None = None) -> Iterable[RunInfo]:
        """Yield the runs marked as deleted, all or those marked before a time (ms)."""
        last = 0
        while True:
            with self._database.reading() as connection:
                found = connection.execute(
                    "SELECT id FROM run WHERE lifecycle = 'deleted' AND id > ?"
                    " AND (? IS NULL OR deleted_time < ?) ORDER BY id LIMIT 500",
                    (last, deleted_before, deleted_before),
                ).fetchall()
                infos = queries.load_infos(connection, [r for (r,) in found])
            if not found:
                return
            last = found[-1][0]
            yield from infos

    def purge_run(self, run_id: str) -> None:
        """Remove a deleted run and all its data for good."""
        self._catch_up()
        with self._database.writing() as connection:
            found = connection.execute(
                "SELECT id, lifecycle FROM run WHERE run_id = ?", (run_id,)
            ).fetchone()
            if found is None:
                raise refusals.no_run(run_id)
            row, lifecycle = found
            if lifecycle == LifecycleStage.ACTIVE:
                raise refusals.run_in_use(run_id)
            series.purge(connection, row)
            # The rest goes with the run, through its foreign keys.
            connection.execute("DELETE FROM run WHERE id = ?", (row,))
        self._writer.forget(run_id)
