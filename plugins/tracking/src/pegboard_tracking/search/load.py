"""Runs with all that belongs to them, from their rows: a few queries for a whole page."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence

from pegboard.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)
from pegboard_stores import cancellation

_AT_ONCE = 1_000
"""How many runs are loaded by one round of queries."""

_OF_RUNS = "run IN (SELECT value FROM json_each(?))"


def load_runs(connection: sqlite3.Connection, rows: Sequence[int]) -> list[Run]:
    """Return the runs of these rows, in their order; rows that are gone are left out."""
    found: list[Run] = []
    for begin in range(0, len(rows), _AT_ONCE):
        cancellation.check()
        found += _Batch(connection, rows[begin : begin + _AT_ONCE]).runs()
    return found


def load_infos(connection: sqlite3.Connection, rows: Sequence[int]) -> list[RunInfo]:
    """Return the outlines of the runs of these rows, in their order, without their data."""
    infos = _Batch(connection, rows).infos()
    return [infos[row] for row in rows if row in infos]


class _Batch:
    def __init__(self, connection: sqlite3.Connection, rows: Sequence[int]) -> None:
        self._connection = connection
        self._rows = rows
        self._wanted = (json.dumps(list(rows)),)
        self._names: dict[int, str] = {}

    def runs(self) -> list[Run]:
        infos = self.infos()
        metrics, params, tags = self._metrics(), self._texts("param"), self._texts("tag")
        inputs = self._inputs()
        used, made = self._used_models(), self._made_models()
        return [
            Run(
                infos[row],
                RunData(metrics.get(row, {}), params.get(row, {}), tags.get(row, {})),
                RunInputs(inputs.get(row, ()), used.get(row, ())),
                RunOutputs(made.get(row, ())),
            )
            for row in self._rows
            if row in infos
        ]

    def infos(self) -> dict[int, RunInfo]:
        found = self._connection.execute(
            "SELECT id, run_id, experiment, name, user, status, start_time, end_time, lifecycle,"
            " artifact_uri FROM run WHERE id IN (SELECT value FROM json_each(?))",
            self._wanted,
        )
        return {
            row: RunInfo(
                run_id, str(experiment), name, user, RunStatus(status), start, end,
                LifecycleStage(stage), uri,
            )
            for row, run_id, experiment, name, user, status, start, end, stage, uri in found
        }  # fmt: skip

    def _resolve(self, numbers: set[int]) -> dict[int, str]:
        """Return the texts of names; each is looked up once for the whole batch."""
        missing = numbers - self._names.keys()
        if missing:
            self._names.update(
                self._connection.execute(
                    "SELECT id, text FROM name WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps(list(missing)),),
                )
            )
        return self._names

    def _metrics(self) -> dict[int, dict[str, Metric]]:
        found = self._connection.execute(
            f"SELECT run, name, value, timestamp, step FROM series WHERE {_OF_RUNS}",  # noqa: S608
            self._wanted,
        ).fetchall()
        names = self._resolve({row[1] for row in found})
        metrics: dict[int, dict[str, Metric]] = {}
        for run, name, value, timestamp, step in found:
            key = names[name]
            number = math.nan if value is None else value
            metrics.setdefault(run, {})[key] = Metric(key, number, timestamp, step)
        return metrics

    def _texts(self, table: str) -> dict[int, dict[str, str]]:
        found = self._connection.execute(
            f"SELECT run, name, value, rest FROM {table} WHERE {_OF_RUNS}",  # noqa: S608
            self._wanted,
        ).fetchall()
        names = self._resolve({row[1] for row in found})
        texts: dict[int, dict[str, str]] = {}
        for run, name, value, rest in found:
            texts.setdefault(run, {})[names[name]] = value if rest is None else value + rest
        return texts

    def _inputs(self) -> dict[int, list[DatasetInput]]:
        found = self._connection.execute(
            "SELECT i.run, i.dataset, d.name, d.digest, d.source_type, d.source, d.schema,"  # noqa: S608
            f" d.profile FROM input i CROSS JOIN dataset d ON d.id = i.dataset WHERE i.{_OF_RUNS}"
            " ORDER BY i.run, i.dataset",
            self._wanted,
        ).fetchall()
        if not found:
            return {}
        tags: dict[tuple[int, int], list[InputTag]] = {}
        for run, dataset, key, value in self._connection.execute(
            f"SELECT run, dataset, key, value FROM input_tag WHERE {_OF_RUNS}",  # noqa: S608
            self._wanted,
        ):
            tags.setdefault((run, dataset), []).append(InputTag(key, value))
        inputs: dict[int, list[DatasetInput]] = {}
        for run, dataset, *described in found:
            use = DatasetInput(Dataset(*described), tags.get((run, dataset), ()))
            inputs.setdefault(run, []).append(use)
        return inputs

    def _used_models(self) -> dict[int, list[LoggedModelInput]]:
        used: dict[int, list[LoggedModelInput]] = {}
        for run, model_id in self._connection.execute(
            "SELECT i.run, m.model_id FROM model_input i CROSS JOIN model m ON m.id = i.model"  # noqa: S608
            f" WHERE i.{_OF_RUNS} ORDER BY i.run, i.model",
            self._wanted,
        ):
            used.setdefault(run, []).append(LoggedModelInput(model_id))
        return used

    def _made_models(self) -> dict[int, list[LoggedModelOutput]]:
        made: dict[int, list[LoggedModelOutput]] = {}
        for run, model_id, step in self._connection.execute(
            "SELECT o.run, m.model_id, o.step FROM model_output o"  # noqa: S608
            f" CROSS JOIN model m ON m.id = o.model WHERE o.{_OF_RUNS}"
            " ORDER BY o.run, o.model, o.step",
            self._wanted,
        ):
            made.setdefault(run, []).append(LoggedModelOutput(model_id, step))
        return made
