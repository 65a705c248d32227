"""The logged models of the SQLite store."""

from __future__ import annotations

import json
import math
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pegboard import uris
from pegboard.contracts.logged_models import (
    DEFAULT_PAGE,
    USERS_PAGE,
    DatasetFilter,
    LoggedModelStore,
    ModelOrder,
)
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import LifecycleStage, Metric, Page
from pegboard.entities.logged_models import (
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
)
from pegboard_stores import filters, names, offsets, refusals, validation
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database
from pegboard_stores.validation import MAX_MODEL_TYPE

from pegboard_tracking.store import logged_models_search
from pegboard_tracking.tables import experiments
from pegboard_tracking.tables.rows import name_id

_AT_ONCE = 500
"""How many models are loaded by one round of queries."""

_OF_MODELS = "model IN (SELECT value FROM json_each(?))"


class LoggedModels(LoggedModelStore):
    """Models in the tables of a store's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        model_type: str | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LoggedModel:
        """Create a PENDING model in an active experiment."""
        name = names.random_name() if name is None else validation.model_name(name)
        checked_params = validation.model_texts(params or {}, "param")
        checked_tags = validation.model_texts(tags or {}, "tag")
        kind = None if not model_type else validation.text(model_type, "model type", MAX_MODEL_TYPE)
        model_id, now = f"m-{uuid.uuid4().hex}", now_ms()
        with self._database.writing() as connection:
            home = experiments.get_active(connection, experiment_id)
            location = uris.join(home.artifact_location, "models", model_id, "artifacts")
            row = connection.execute(
                "INSERT INTO model (model_id, experiment, name, artifact_location, creation_time,"
                " last_update_time, status, model_type, source_run_id)"
                " VALUES (?, ?, ?, ?, ?, ?, 'PENDING', ?, ?)",
                (
                    model_id,
                    experiments.row_of(experiment_id),
                    name,
                    location,
                    now,
                    now,
                    kind,
                    source_run_id or None,
                ),
            ).lastrowid
            assert row is not None
            _set_params(connection, row, model_id, checked_params)
            _set_tags(connection, row, checked_tags)
            return load(connection, [row])[0]

    def get(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        """Return a model with all its data."""
        with self._database.reading() as connection:
            row = _row(connection, model_id, allow_deleted=allow_deleted)
            return load(connection, [row])[0]

    def finalize(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Set the status, and when it was set."""
        with self._database.writing() as connection:
            row = _row(connection, model_id)
            connection.execute(
                "UPDATE model SET status = ?, last_update_time = ? WHERE id = ?",
                (str(LoggedModelStatus(status)), now_ms(), row),
            )
            return load(connection, [row])[0]

    def delete(self, model_id: str) -> None:
        """Mark a model as deleted."""
        now = now_ms()
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE model SET lifecycle = 'deleted', deleted_time = ?, last_update_time = ?"
                " WHERE id = ?",
                (now, now, _row(connection, model_id)),
            )

    def set_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags."""
        checked = validation.model_texts(tags, "tag")
        with self._database.writing() as connection:
            _set_tags(connection, _row(connection, model_id), checked)

    def change_tag(self, model_id: str, key: str, change: Callable[[str | None], str]) -> None:
        """Set a tag to what ``change`` makes of its text, None if there is none, in one step."""
        with self._database.writing() as connection:
            row = _row(connection, model_id)
            found = connection.execute(
                "SELECT value FROM model_tag WHERE model = ?"
                " AND name = (SELECT id FROM name WHERE text = ?)",
                (row, key),
            ).fetchone()
            after = change(None if found is None else found[0])
            _set_tags(connection, row, validation.model_texts({key: after}, "tag"))

    def delete_tag(self, model_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._database.writing() as connection:
            removed = connection.execute(
                "DELETE FROM model_tag WHERE model = ?"
                " AND name = (SELECT id FROM name WHERE text = ?)",
                (_row(connection, model_id), key),
            )
            if not removed.rowcount:
                raise refusals.no_tag("logged model", model_id, key)

    def log_params(self, model_id: str, params: Mapping[str, str]) -> None:
        """Add params; one may be repeated with its value, but not changed."""
        checked = validation.model_texts(params, "param")
        with self._database.writing() as connection:
            _set_params(connection, _row(connection, model_id), model_id, checked)

    def search(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        datasets: Sequence[DatasetFilter] = (),
        order_by: Sequence[ModelOrder] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        """Return models of these experiments that match; by default the last created first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        expression = filters.parse_filter(filter, filters.LOGGED_MODELS)
        wanted = [row for row in map(experiments.row_of, dict.fromkeys(experiment_ids)) if row >= 0]
        with self._database.reading() as connection:
            rows, token = logged_models_search.find(
                connection, wanted, expression, datasets, order_by, max_results, page_token
            )
            return Page(load(connection, rows), token)

    def log_inputs(self, run_id: str, models: Sequence[LoggedModelInput]) -> None:
        """Record models that an active run uses, each once."""
        with self._database.writing() as connection:
            run = _active_run(connection, run_id)
            for model in models:
                connection.execute(
                    "INSERT OR IGNORE INTO model_input (run, model) VALUES (?, ?)",
                    (run, _row(connection, model.model_id)),
                )

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that an active run made, each once for a step."""
        with self._database.writing() as connection:
            run = _active_run(connection, run_id)
            for model in models:
                step = validation.integer(model.model_id, model.step, "step")
                connection.execute(
                    "INSERT OR IGNORE INTO model_output (run, model, step) VALUES (?, ?, ?)",
                    (run, _row(connection, model.model_id), step),
                )

    def used_by(
        self, model_id: str, *, max_results: int = USERS_PAGE, page_token: str | None = None
    ) -> Page[str]:
        """Return the ids of the active runs that use a model, the last started first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        offset = offsets.decode(page_token)
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT r.run_id FROM model_input i CROSS JOIN run r ON r.id = i.run"
                " WHERE i.model = ? AND r.lifecycle = 'active'"
                " ORDER BY r.start_time DESC, r.run_id LIMIT ? OFFSET ?",
                (_row(connection, model_id), max_results + 1, offset),
            ).fetchall()
        more = len(found) > max_results
        ids = (run_id for (run_id,) in found[:max_results])
        return Page(ids, offsets.encode(offset + max_results) if more else None)

    def deleted(self, *, deleted_before: int | None = None) -> Iterable[LoggedModel]:
        """Yield the models marked as deleted, all or those marked before a time (ms)."""
        last = 0
        while True:
            with self._database.reading() as connection:
                found = connection.execute(
                    "SELECT id FROM model WHERE lifecycle = 'deleted' AND id > ?"
                    " AND (? IS NULL OR deleted_time < ?) ORDER BY id LIMIT ?",
                    (last, deleted_before, deleted_before, _AT_ONCE),
                ).fetchall()
                models = load(connection, [row for (row,) in found])
            if not found:
                return
            last = found[-1][0]
            yield from models

    def purge(self, model_id: str) -> None:
        """Remove a deleted model and its data for good."""
        with self._database.writing() as connection:
            row = _row(connection, model_id, allow_deleted=True)
            if connection.execute(
                "DELETE FROM model WHERE id = ? AND lifecycle = 'deleted'", (row,)
            ).rowcount:
                return
            raise refusals.model_in_use(model_id)


def log_metrics(connection: sqlite3.Connection, run: int, points: Iterable[Metric]) -> None:
    """Record those points, of the run of a row, that were measured of a model."""
    for point in points:
        if point.model_id:
            connection.execute(
                "INSERT OR REPLACE INTO model_metric (model, name, run, dataset_name,"
                " dataset_digest, step, timestamp, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    _row(connection, point.model_id),
                    name_id(connection, point.key),
                    run,
                    point.dataset_name or "",
                    point.dataset_digest or "",
                    point.step,
                    point.timestamp,
                    point.value,
                ),
            )


def load(connection: sqlite3.Connection, rows: Sequence[int]) -> list[LoggedModel]:
    """Return the models of these rows, in their order; rows that are gone are left out."""
    found: dict[int, LoggedModel] = {}
    for begin in range(0, len(rows), _AT_ONCE):
        wanted = (json.dumps(list(rows[begin : begin + _AT_ONCE])),)
        tags, params = _texts(connection, "tag", wanted), _texts(connection, "param", wanted)
        metrics = _metrics(connection, wanted)
        for row, experiment, *described in connection.execute(
            "SELECT id, experiment, model_id, name, artifact_location, creation_time,"
            " last_update_time, model_type, source_run_id, status, status_message, lifecycle"
            " FROM model WHERE id IN (SELECT value FROM json_each(?))",
            wanted,
        ):
            model_id, name, location, created, updated, kind, run_id, *rest = described
            status, note, stage = rest
            found[row] = LoggedModel(
                str(experiment),
                model_id,
                name,
                location,
                created,
                updated,
                kind,
                run_id,
                LoggedModelStatus(status),
                note,
                tags.get(row, {}),
                params.get(row, {}),
                metrics.get(row, []),
                LifecycleStage(stage),
            )
    return [found[row] for row in rows if row in found]


def _texts(
    connection: sqlite3.Connection, table: str, wanted: tuple[str]
) -> dict[int, dict[str, str]]:
    texts: dict[int, dict[str, str]] = {}
    for model, key, value in connection.execute(
        f"SELECT v.model, n.text, v.value FROM model_{table} v"  # noqa: S608 (two constants)
        f" CROSS JOIN name n ON n.id = v.name WHERE v.{_OF_MODELS}",
        wanted,
    ):
        texts.setdefault(model, {})[key] = value
    return texts


def _metrics(connection: sqlite3.Connection, wanted: tuple[str]) -> dict[int, list[Metric]]:
    metrics: dict[int, list[Metric]] = {}
    found: Iterable[tuple[Any, ...]] = connection.execute(
        "SELECT v.model, m.model_id, n.text, v.value, v.timestamp, v.step, v.dataset_name,"  # noqa: S608
        " v.dataset_digest, r.run_id FROM model_metric v CROSS JOIN model m ON m.id = v.model"
        " CROSS JOIN name n ON n.id = v.name CROSS JOIN run r ON r.id = v.run"
        f" WHERE v.{_OF_MODELS} ORDER BY v.model, v.timestamp, v.step",
        wanted,
    )
    for model, model_id, key, value, timestamp, step, name, digest, run_id in found:
        number = math.nan if value is None else value
        point = Metric(key, number, timestamp, step, model_id, name or None, digest or None, run_id)
        metrics.setdefault(model, []).append(point)
    return metrics


def _row(connection: sqlite3.Connection, model_id: str, *, allow_deleted: bool = False) -> int:
    found = connection.execute(
        "SELECT id, lifecycle FROM model WHERE model_id = ?", (model_id,)
    ).fetchone()
    if found is None or not (allow_deleted or found[1] == LifecycleStage.ACTIVE):
        raise refusals.no_model(model_id)
    row: int = found[0]
    return row


def _active_run(connection: sqlite3.Connection, run_id: str) -> int:
    found = connection.execute(
        "SELECT id, lifecycle FROM run WHERE run_id = ?", (run_id,)
    ).fetchone()
    if found is None:
        raise refusals.no_run(run_id)
    if found[1] != LifecycleStage.ACTIVE:
        raise refusals.run_deleted(run_id)
    row: int = found[0]
    return row


def _set_params(
    connection: sqlite3.Connection, model: int, model_id: str, params: Mapping[str, str]
) -> None:
    for key, value in params.items():
        number = name_id(connection, key)
        found = connection.execute(
            "SELECT value FROM model_param WHERE model = ? AND name = ?", (model, number)
        ).fetchone()
        if found is None:
            connection.execute(
                "INSERT INTO model_param (model, name, value, number) VALUES (?, ?, ?, ?)",
                (model, number, value, filters.as_number(value)),
            )
        elif found[0] != value:
            raise refusals.model_param_set(model_id, key, found[0], value)


def _set_tags(connection: sqlite3.Connection, model: int, tags: Mapping[str, str]) -> None:
    for key, value in tags.items():
        connection.execute(
            "INSERT INTO model_tag (model, name, value) VALUES (?, ?, ?)"
            " ON CONFLICT (model, name) DO UPDATE SET value = excluded.value",
            (model, name_id(connection, key), value),
        )
