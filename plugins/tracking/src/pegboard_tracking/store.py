"""The SQLite tracking store."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from attrs import define
from pegboard import filters, names, paging, refusals, uris, validation
from pegboard.contracts.tracking import SEARCH_LIMIT, MetricWriter, TrackingStore
from pegboard.entities import (
    DatasetInput,
    Experiment,
    LifecycleStage,
    Metric,
    Page,
    Param,
    Run,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.errors import ConfigError
from pegboard.sqlite import Database
from pegboard.tags import RUN_NAME

from pegboard_tracking import experiments, schema, search, series
from pegboard_tracking.drain import Drain
from pegboard_tracking.liveness import LOST_TAG, Liveness
from pegboard_tracking.rows import delete_tag, name_id, now_ms, set_tag
from pegboard_tracking.writer import JournalWriter

DEFAULT_FILE = "pegboard.db"

_FILE_ENDINGS = (".db", ".sqlite", ".sqlite3")


def open_store(uri: uris.Uri, settings: Mapping[str, Any]) -> SqliteStore:
    """Open the store of a ``sqlite:`` or ``file:`` URI or a plain path; it is made if need be.

    A path that ends in .db, .sqlite or .sqlite3, or is a file, is the SQLite file; any other is a
    directory that holds ``pegboard.db``. ``sqlite:`` always names the file. The query parameters
    ``artifacts`` and ``synchronous`` go before the settings of the same name.
    """
    path = uri.local_path()
    is_file = uri.scheme == "sqlite" or path.is_file() or path.suffix.lower() in _FILE_ENDINGS
    chosen = {**settings, **uri.query}
    unknown = set(uri.query) - {"artifacts", "synchronous"}
    if unknown:
        raise ConfigError(
            f"{uri.text!r} has the unknown parameter {', '.join(sorted(unknown))}.",
            hint="Known are: artifacts, synchronous.",
        )
    if chosen["synchronous"] not in ("normal", "full"):
        raise ConfigError(
            f"synchronous = {chosen['synchronous']!r} is not known.",
            hint="Use 'normal' (survives the death of a process) or 'full' (a power cut too).",
        )
    return SqliteStore(
        path if is_file else path / DEFAULT_FILE,
        artifact_root=chosen["artifacts"],
        synchronous=chosen["synchronous"],
        heartbeat_seconds=chosen["heartbeat_seconds"],
        lost_after_seconds=chosen["lost_after_seconds"],
    )


@define
class _RunRow:
    """What is needed of a run before it is changed."""

    row: int
    experiment: int
    name: str
    status: RunStatus


class SqliteStore(TrackingStore):
    """Experiments and runs in one SQLite file.

    Beside the file ``x.db`` lie ``x.db.journal/`` (what was logged and not moved into the tables
    yet), ``x.db.artifacts/`` (unless artifacts go elsewhere) and ``x.db.lock``.
    """

    def __init__(
        self,
        path: Path,
        *,
        artifact_root: str = "",
        synchronous: str = "normal",
        heartbeat_seconds: float = 10.0,
        lost_after_seconds: float = 60.0,
    ) -> None:
        """Open the file, bring its tables up to date and take in what dead processes left."""
        self._artifact_root = artifact_root or uris.from_path(_beside(path, ".artifacts"))
        self._database = Database(path, synchronous=synchronous, prepare=search.prepare)
        self._database.migrate(schema.NAME, schema.COUNT, schema.migrations)
        self._ensure_default_experiment()
        self._liveness = Liveness(self._database, lost_after_seconds)
        self._drain = Drain(self._database, _beside(path, ".journal"), self._liveness)
        self._writer = JournalWriter(
            self._drain, self._liveness, heartbeat_seconds, self._check_run
        )
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _reset_in_child(me))
        self._catch_up()

    def _ensure_default_experiment(self) -> None:
        known = "SELECT 1 FROM experiment LIMIT 1"
        with self._database.reading() as connection:
            if connection.execute(known).fetchone():
                return
        with self._database.writing() as connection:
            if not connection.execute(known).fetchone():
                experiments.create(connection, self._artifact_root, "Default", None, {})

    def _catch_up(self) -> None:
        """Bring in what was logged by anybody up to now, so that a read sees it."""
        self._drain.all()
        self._liveness.look()

    # -- experiments ---------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Create an experiment."""
        name = validation.experiment_name(name)
        checked = validation.experiment_tags(tags or {})
        with self._database.writing() as connection:
            row = experiments.create(
                connection, self._artifact_root, name, artifact_location, checked
            )
            return experiments.get(connection, str(row))

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
            rows, token = search.search_experiment_rows(
                connection, expression, order, view, max_results, page_token
            )
            return Page(experiments.load(connection, rows), token)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name."""
        with self._database.writing() as connection:
            experiments.rename(connection, experiment_id, name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        with self._database.writing() as connection:
            experiments.move(connection, experiment_id, LifecycleStage.DELETED)

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo ``delete_experiment``; its runs come back too."""
        with self._database.writing() as connection:
            experiments.move(connection, experiment_id, LifecycleStage.ACTIVE)

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags of an active experiment."""
        checked = validation.experiment_tags(tags)
        with self._database.writing() as connection:
            experiments.get_active(connection, experiment_id)
            experiments.set_tags(connection, experiments.row_of(experiment_id), checked)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._database.writing() as connection:
            experiments.get_active(connection, experiment_id)
            removed = connection.execute(
                "DELETE FROM experiment_tag WHERE experiment = ? AND key = ?",
                (experiments.row_of(experiment_id), key),
            )
            if not removed.rowcount:
                raise refusals.no_tag(f"experiment {experiment_id!r}", key)

    # -- runs ----------------------------------------------------------------------------------

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
        with self._database.writing() as connection:
            experiment = experiments.get_active(connection, experiment_id)
            location = uris.join(experiment.artifact_location, new_id, "artifacts")
            number = experiments.row_of(experiment_id)
            known = connection.execute("SELECT 1 FROM run WHERE run_id = ?", (new_id,)).fetchone()
            if known:
                raise refusals.run_taken(new_id)
            row = connection.execute(
                "INSERT INTO run (run_id, experiment, name, user, status, start_time, artifact_uri)"
                " VALUES (?, ?, ?, ?, 'RUNNING', ?, ?)",
                (
                    new_id,
                    number,
                    name,
                    user_id,
                    now_ms() if start_time is None else start_time,
                    location,
                ),
            ).lastrowid
            assert row is not None
            for key, value in {**given, RUN_NAME: name}.items():
                set_tag(connection, row, number, key, value)
            return search.load_runs(connection, [row])[0]

    def get_run(self, run_id: str) -> Run:
        """Return a run with its latest data, deleted ones too."""
        self._catch_up()
        with self._database.reading() as connection:
            found = connection.execute("SELECT id FROM run WHERE run_id = ?", (run_id,)).fetchone()
            if found is None:
                raise refusals.no_run(run_id)
            return search.load_runs(connection, [found[0]])[0]

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None. A status that is not terminated clears ``end_time``."""
        with self._database.writing() as connection:
            run = self._active_run(connection, run_id)
            if run_name:
                name = validation.tag(RunTag(RUN_NAME, run_name)).value
                self._rename(connection, run, name)
            if end_time is not None:
                connection.execute("UPDATE run SET end_time = ? WHERE id = ?", (end_time, run.row))
            if status is not None:
                self._set_status(connection, run, RunStatus(status))
            return search.load_runs(connection, [run.row])[0].info

    @staticmethod
    def _set_status(connection: sqlite3.Connection, run: _RunRow, status: RunStatus) -> None:
        if run.status is RunStatus.LOST and status is not RunStatus.LOST:
            delete_tag(connection, run.row, LOST_TAG)
        ended = ", writer = NULL" if status.is_terminated else ", end_time = NULL"
        connection.execute(
            f"UPDATE run SET status = ?{ended} WHERE id = ?",  # noqa: S608 (one of two constants)
            (str(status), run.row),
        )

    @staticmethod
    def _rename(connection: sqlite3.Connection, run: _RunRow, name: str) -> None:
        connection.execute("UPDATE run SET name = ? WHERE id = ?", (name, run.row))
        set_tag(connection, run.row, run.experiment, RUN_NAME, name)

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._move_run(run_id, LifecycleStage.DELETED)

    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``."""
        self._move_run(run_id, LifecycleStage.ACTIVE)

    def _move_run(self, run_id: str, stage: LifecycleStage) -> None:
        deleted_time = now_ms() if stage is LifecycleStage.DELETED else None
        with self._database.writing() as connection:
            moved = connection.execute(
                "UPDATE run SET lifecycle = ?, deleted_time = ? WHERE run_id = ?",
                (str(stage), deleted_time, run_id),
            )
            if not moved.rowcount:
                raise refusals.no_run(run_id)
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
        self._catch_up()
        wanted = [row for row in map(experiments.row_of, dict.fromkeys(experiment_ids)) if row >= 0]
        with self._database.reading() as connection:
            rows, token = search.search_run_rows(
                connection, wanted, expression, order, view, max_results, page_token
            )
            return Page(search.load_runs(connection, rows), token)

    # -- a run's data --------------------------------------------------------------------------

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Add metrics and params, set tags: all of it or, on an error, nothing."""
        points = [validation.metric(point) for point in metrics]
        checked_params = [validation.param(item) for item in params]
        checked_tags = [validation.tag(item) for item in tags]
        if points:
            # What this process logged before comes first in the history.
            self._writer.flush()
        with self._database.writing() as connection:
            run = self._active_run(connection, run_id)
            for item in checked_params:
                self._set_param(connection, run, run_id, item)
            for tag in checked_tags:
                set_tag(connection, run.row, run.experiment, tag.key, tag.value)
                if tag.key == RUN_NAME and tag.value:
                    self._rename(connection, run, tag.value)
            points.sort(key=lambda point: point.key)
            for key, same in groupby(points, key=lambda point: point.key):
                packed = series.pack([(p.step, p.timestamp, p.value) for p in same])
                number = name_id(connection, key)
                series.append(connection, run.row, run.experiment, number, packed)
            if points and run.status is RunStatus.LOST:
                self._liveness.reopen(connection, run.row)

    @staticmethod
    def _set_param(connection: sqlite3.Connection, run: _RunRow, run_id: str, param: Param) -> None:
        number = name_id(connection, param.key)
        found = connection.execute(
            "SELECT value || coalesce(rest, '') FROM param WHERE run = ? AND name = ?",
            (run.row, number),
        ).fetchone()
        if found is None:
            connection.execute(
                "INSERT INTO param (run, name, experiment, value, rest, number)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    run.row,
                    number,
                    run.experiment,
                    *schema.split(param.value),
                    filters.as_number(param.value),
                ),
            )
        elif found[0] != param.value:
            raise refusals.param_set(run_id, param.key, found[0], param.value)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._database.writing() as connection:
            run = self._active_run(connection, run_id)
            if not delete_tag(connection, run.row, key):
                raise refusals.no_tag(f"run {run_id!r}", key)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record datasets used by the run; the first of the same name and digest is kept."""
        checked = [validation.dataset_input(item) for item in datasets]
        with self._database.writing() as connection:
            run = self._active_run(connection, run_id)
            for item in checked:
                self._log_input(connection, run, item)

    @staticmethod
    def _log_input(connection: sqlite3.Connection, run: _RunRow, item: DatasetInput) -> None:
        data = item.dataset
        identity = (run.experiment, data.name, data.digest)
        connection.execute(
            "INSERT OR IGNORE INTO dataset"
            " (experiment, name, digest, source_type, source, schema, profile)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*identity, data.source_type, data.source, data.schema, data.profile),
        )
        (row,) = connection.execute(
            "SELECT id FROM dataset WHERE experiment = ? AND name = ? AND digest = ?", identity
        ).fetchone()
        added = connection.execute(
            "INSERT OR IGNORE INTO input (run, dataset) VALUES (?, ?)", (run.row, row)
        )
        if added.rowcount:
            connection.executemany(
                "INSERT OR REPLACE INTO input_tag (run, dataset, key, value) VALUES (?, ?, ?, ?)",
                [(run.row, row, tag.key, tag.value) for tag in item.tags],
            )

    def metric_history(
        self,
        run_id: str,
        key: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[Metric]:
        """Return all points of a metric in the order they were logged; empty if there are none."""
        if max_results is not None:
            validation.page_size(max_results, SEARCH_LIMIT)
        offset = paging.decode(page_token)
        self._catch_up()
        page: Page[Metric] = Page()
        with self._database.reading() as connection:
            found = series.find(connection, self._run(connection, run_id).row, key)
            if found is None:
                return page
            for columns in series.read(connection, *found, skip=offset):
                page.extend(series.as_metrics(key, columns))
                if max_results is not None and len(page) > max_results:
                    del page[max_results:]
                    page.token = paging.encode(offset + max_results)
                    break
        return page

    def sampled_history(
        self,
        run_id: str,
        key: str,
        points: int,
        *,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> list[Metric]:
        """Return at most ``points`` points, ordered by step, that draw the same curve."""
        self._catch_up()
        with self._database.reading() as connection:
            found = series.find(connection, self._run(connection, run_id).row, key)
            if found is None:
                return []
            return series.sample(connection, key, *found, points, (start_step, end_step))

    # -- writing and housekeeping --------------------------------------------------------------

    def metric_writer(self) -> MetricWriter:
        """Return the writer of this process: one for all callers."""
        return self._writer

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
                infos = [run.info for run in search.load_runs(connection, [r for (r,) in found])]
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

    def purge_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment that has no runs left for good."""
        with self._database.writing() as connection:
            experiments.purge(connection, experiment_id)

    def reclaim(self) -> int:
        """Give free pages back to the system; return the bytes by which the file shrank."""
        return self._database.reclaim()

    def faults(self) -> Iterable[tuple[str, str]]:
        """Yield the journals that were set aside because they are damaged."""
        for path in sorted(self._drain.directory.glob("*.damaged")):
            yield (
                f"{path} is a damaged journal; what came before the damage is in the store",
                "Keep it if the points after it are worth a rescue by hand, else delete it.",
            )

    def close(self) -> None:
        """Move on what was logged, and close the file."""
        self._writer.close()
        self._database.close()

    # -- rows ----------------------------------------------------------------------------------

    @staticmethod
    def _run(connection: sqlite3.Connection, run_id: str) -> _RunRow:
        found = connection.execute(
            "SELECT id, experiment, name, status FROM run WHERE run_id = ?", (run_id,)
        ).fetchone()
        if found is None:
            raise refusals.no_run(run_id)
        row, experiment, name, status = found
        return _RunRow(row, experiment, name, RunStatus(status))

    def _active_run(self, connection: sqlite3.Connection, run_id: str) -> _RunRow:
        run = self._run(connection, run_id)
        deleted = "SELECT 1 FROM run WHERE id = ? AND lifecycle = 'deleted'"
        if connection.execute(deleted, (run.row,)).fetchone():
            raise refusals.run_deleted(run_id)
        return run

    def _check_run(self, run_id: str) -> None:
        with self._database.reading() as connection:
            self._active_run(connection, run_id)

    def _reset(self) -> None:
        self._drain.reset()
        self._writer.reset()


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _reset_in_child(store: weakref.ref[SqliteStore]) -> None:
    alive = store()
    if alive is not None:
        alive._reset()
