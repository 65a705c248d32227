"""The SQLite tracking store."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define
from pegboard import filters, names, paging, refusals, uris, validation
from pegboard.contracts.tracking import (
    CONTEXT_TAG,
    DATASETS_LIMIT,
    SEARCH_LIMIT,
    MetricColumns,
    MetricWriter,
    TrackingStore,
)
from pegboard.entities import (
    DatasetInput,
    DatasetSummary,
    Experiment,
    LifecycleStage,
    Metric,
    Page,
    Param,
    Run,
    RunData,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.errors import ConfigError
from pegboard.sqlite import Database
from pegboard.tags import RUN_NAME

from pegboard_tracking import experiments, received, schema, search, series
from pegboard_tracking.drain import Drain
from pegboard_tracking.group_commit import GroupCommit
from pegboard_tracking.liveness import LOST_TAG, Liveness
from pegboard_tracking.rows import delete_tag, name_id, now_ms, set_tag
from pegboard_tracking.writer import JournalWriter

if TYPE_CHECKING:
    from pegboard.contracts.logged_models import LoggedModelStore
    from pegboard.contracts.traces import TraceStore

DEFAULT_FILE = "pegboard.db"

_PARAMETERS = frozenset({"artifacts", "destination", "patience", "synchronous"})
_FILE_ENDINGS = (".db", ".sqlite", ".sqlite3")


def open_store(uri: uris.Uri, settings: Mapping[str, Any]) -> SqliteStore:
    """Open the store of a ``sqlite:`` or ``file:`` URI or a plain path; it is made if need be.

    A path that ends in .db, .sqlite or .sqlite3, or is a file, is the SQLite file; any other is a
    directory that holds ``pegboard.db``. ``sqlite:`` always names the file. The query parameters
    ``artifacts`` and ``synchronous`` go before the settings of the same name. ``destination`` is
    where files are kept that clients send through a server, by default where ``artifacts`` says;
    if it is empty, there are none. ``patience`` is how many seconds a write waits for other
    processes; without it writers wait in line.
    """
    path = uri.local_path()
    is_file = uri.scheme == "sqlite" or path.is_file() or path.suffix.lower() in _FILE_ENDINGS
    chosen = {**settings, **uri.query}
    kept = _unproxied(chosen["artifacts"]) or _unproxied(settings["artifacts"])
    unknown = set(uri.query) - _PARAMETERS
    if unknown:
        raise ConfigError(
            f"{uri.text!r} has the unknown parameter {', '.join(sorted(unknown))}.",
            hint=f"Known are: {', '.join(sorted(_PARAMETERS))}.",
        )
    if chosen["synchronous"] not in ("normal", "full"):
        raise ConfigError(
            f"synchronous = {chosen['synchronous']!r} is not known.",
            hint="Use 'normal' (survives the death of a process) or 'full' (a power cut too).",
        )
    patience = _seconds(uri.query["patience"]) if "patience" in uri.query else None
    return SqliteStore(
        path if is_file else path / DEFAULT_FILE,
        artifact_root=chosen["artifacts"],
        destination=uri.query.get("destination", kept),
        synchronous=chosen["synchronous"],
        heartbeat_seconds=chosen["heartbeat_seconds"],
        lost_after_seconds=chosen["lost_after_seconds"],
        patience=patience,
    )


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise ConfigError(f"patience = {text!r} is not a number of seconds.")


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
        destination: str | None = None,
        synchronous: str = "normal",
        heartbeat_seconds: float = 10.0,
        lost_after_seconds: float = 60.0,
        patience: float | None = None,
    ) -> None:
        """Open the file, bring its tables up to date and take in what dead processes left."""
        own = uris.from_path(_beside(path, ".artifacts"))
        self._artifact_root = artifact_root or own
        if destination is None:
            destination = _unproxied(artifact_root) or own
        self._destination = _absolute(destination) if destination else None
        self._database = Database(
            path, synchronous=synchronous, prepare=search.prepare, patience=patience
        )
        self._database.migrate(schema.NAME, schema.COUNT, schema.migrations)
        self._ensure_default_experiment()
        self._liveness = Liveness(self._database, lost_after_seconds)
        self._drain = Drain(self._database, _beside(path, ".journal"), self._liveness)
        self._commit = GroupCommit(self._database)
        self._writer = JournalWriter(
            self._drain, self._liveness, heartbeat_seconds, self._check_run, self._version
        )
        # Only a transaction outlives a power cut, so batches of metrics take one then.
        self._writer.quick = synchronous != "full"
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

    def artifact_destination(self) -> str | None:
        """Return the URI below which files are kept that clients send through a server."""
        return self._destination

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
            rows, token = search.search_experiment_rows(
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
                raise refusals.no_tag(f"experiment {experiment_id!r}", key)

        self._commit.run(write)

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

        start = now_ms() if start_time is None else start_time
        all_tags = {**given, RUN_NAME: name}

        def write(connection: sqlite3.Connection) -> Run:
            experiment = experiments.get_active(connection, experiment_id)
            location = uris.join(experiment.artifact_location, new_id, "artifacts")
            number = experiments.row_of(experiment_id)
            known = connection.execute("SELECT 1 FROM run WHERE run_id = ?", (new_id,)).fetchone()
            if known:
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
                experiment.experiment_id,
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

        def write(connection: sqlite3.Connection) -> RunInfo:
            run = self._active_run(connection, run_id)
            if run_name:
                name = validation.tag(RunTag(RUN_NAME, run_name)).value
                self._rename(connection, run, name)
            if end_time is not None:
                connection.execute("UPDATE run SET end_time = ? WHERE id = ?", (end_time, run.row))
            if status is not None:
                self._set_status(connection, run, RunStatus(status))
            return search.load_infos(connection, [run.row])[0]

        return self._commit.run(write)

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
        simple = metrics and not (params or tags or any(map(_is_of_model, metrics)))
        if simple and self._writer.quick:
            self._writer.verify(run_id)
            self._writer.log_points(run_id, metrics)
            return
        points = [validation.metric(point) for point in metrics]
        self._commit.run(self._batch(run_id, points, params, tags))

    def log_batch_once(
        self,
        batch: str,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Do what ``log_batch`` does, unless the batch ``NAME:NUMBER`` was taken before."""
        name, number = received.parse(batch)
        points = [validation.metric(point) for point in metrics]
        write = self._batch(run_id, points, params, tags)

        def write_once(connection: sqlite3.Connection) -> None:
            if received.is_new(connection, name, number):
                write(connection)

        self._commit.run(write_once)

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
        if points:
            # What this process logged before comes first in the history.
            self._writer.flush()

        def write(connection: sqlite3.Connection) -> None:
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
            if any(point.model_id for point in points):
                from pegboard_tracking import logged_models

                logged_models.log_metrics(connection, run.row, points)
            if points and run.status is RunStatus.LOST:
                self._liveness.reopen(connection, run.row)

        return write

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

        def write(connection: sqlite3.Connection) -> None:
            run = self._active_run(connection, run_id)
            if not delete_tag(connection, run.row, key):
                raise refusals.no_tag(f"run {run_id!r}", key)

        self._commit.run(write)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record datasets used by the run; the first of the same name and digest is kept."""
        checked = [validation.dataset_input(item) for item in datasets]

        def write(connection: sqlite3.Connection) -> None:
            run = self._active_run(connection, run_id)
            for item in checked:
                self._log_input(connection, run, item)

        self._commit.run(write)

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

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Return what datasets the runs of experiments used, each context once; 1000 at most."""
        rows = [row for row in map(experiments.row_of, experiment_ids) if row >= 0]
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT DISTINCT d.experiment, d.name, d.digest, t.value FROM dataset d"
                " JOIN input i ON i.dataset = d.id LEFT JOIN input_tag t"
                " ON t.run = i.run AND t.dataset = i.dataset AND t.key = ?"
                " WHERE d.experiment IN (SELECT value FROM json_each(?)) LIMIT ?",
                (CONTEXT_TAG, json.dumps(rows), DATASETS_LIMIT),
            )
            return [DatasetSummary(str(row), *rest) for row, *rest in found]

    def metric_history(
        self,
        run_id: str,
        key: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[Metric]:
        """Return all points of a metric in the order they were logged; empty if there are none."""
        found = self.metric_columns(run_id, key, max_results=max_results, page_token=page_token)
        # Lists of numbers are walked faster than arrays, which make each number anew.
        rows = (list(found.values), list(found.timestamps), list(found.steps))
        with _no_collection():
            return Page(map(Metric, repeat(key), *rows), found.token)

    def metric_columns(
        self,
        run_id: str,
        key: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> MetricColumns:
        """Return the same in columns, as the tables keep them."""
        if max_results is not None:
            validation.page_size(max_results, SEARCH_LIMIT)
        offset = paging.decode(page_token)
        self._catch_up()
        with self._database.reading() as connection:
            found = series.find(connection, self._run(connection, run_id).row, key)
            if found is None:
                return MetricColumns((), (), ())
            whole = series.Columns.of(b"")
            for columns in series.read(connection, *found, skip=offset):
                whole.extend(columns)
                if max_results is not None and len(whole.steps) > max_results:
                    whole.cut(max_results)
                    token = paging.encode(offset + max_results)
                    return MetricColumns(whole.steps, whole.timestamps, whole.values, token)
        return MetricColumns(whole.steps, whole.timestamps, whole.values)

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

    # -- further abilities ---------------------------------------------------------------------

    def logged_models(self) -> LoggedModelStore:
        """Return the logged models in the same file."""
        from pegboard_tracking.logged_models import LoggedModels

        return LoggedModels(self._database)

    def traces(self) -> TraceStore:
        """Return the traces in the same file."""
        from pegboard_tracking.traces import Traces

        return Traces(self._database)

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
                infos = search.load_infos(connection, [r for (r,) in found])
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

    def _version(self) -> int:
        """Return a number that changes when anybody else changes the store."""
        with self._database.translated():
            connection = self._database.connection()
            version: int = connection.execute("PRAGMA data_version").fetchone()[0]
            return version

    def _reset(self) -> None:
        self._commit.reset()
        self._drain.reset()
        self._writer.reset()


def _is_of_model(point: Metric) -> bool:
    return bool(point.model_id or point.dataset_name or point.dataset_digest)


def _unproxied(root: str) -> str | None:
    return None if not root or uris.parse(root).scheme == uris.PROXIED else root


def _absolute(uri: str) -> str:
    parsed = uris.parse(uri)
    return uris.from_path(parsed.local_path()) if parsed.scheme == uris.PLAIN_PATH else uri


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the collector from looking again and again at a million new objects without cycles."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _reset_in_child(store: weakref.ref[SqliteStore]) -> None:
    alive = store()
    if alive is not None:
        alive._reset()
