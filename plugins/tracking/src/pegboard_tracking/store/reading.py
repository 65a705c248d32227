"""What the runs of the SQLite store hold: histories of metrics, and the datasets they used."""

from __future__ import annotations

import contextlib
import gc
import json
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import repeat

from pegboard.contracts.tracking import (
    SEARCH_LIMIT,
    MetricColumns,
)
from pegboard.entities import DatasetSummary, Metric, Page
from pegboard.tags import DATASET_CONTEXT
from pegboard_stores import cancellation, offsets, validation
from pegboard_stores.basic_store import DATASETS_LIMIT

from pegboard_tracking.points import series, series_order
from pegboard_tracking.store.base import SqliteBase
from pegboard_tracking.tables import experiments, runs


class SqliteReading(SqliteBase):
    """The store's methods for reading runs."""

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Return what datasets the runs of experiments used, each context once; 1000 at most."""
        rows = [row for row in map(experiments.row_of, experiment_ids) if row >= 0]
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT DISTINCT d.experiment, d.name, d.digest, t.value FROM dataset d"
                " JOIN input i ON i.dataset = d.id LEFT JOIN input_tag t"
                " ON t.run = i.run AND t.dataset = i.dataset AND t.key = ?"
                " WHERE d.experiment IN (SELECT value FROM json_each(?)) LIMIT ?",
                (DATASET_CONTEXT, json.dumps(rows), DATASETS_LIMIT),
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
        """Return all points of a metric in the order of time; empty if there are none."""
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
        by_time: bool = False,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> MetricColumns:
        """Return the same in columns, as the tables keep them, or in the order of time."""
        if max_results is not None:
            validation.page_size(max_results, SEARCH_LIMIT)
        offset = offsets.decode(page_token)
        with self._reading() as connection:
            found = series.find(connection, runs.get(connection, run_id).row, key)
            if found is None:
                return MetricColumns((), (), ())
            if by_time and not self._time_order.of(connection, found[0]):
                whole = self._sorted(connection, *found, offset)
            else:
                whole = _logged(connection, *found, offset, max_results)
        if max_results is not None and len(whole.steps) > max_results:
            whole.cut(max_results)
            token = offsets.encode(offset + max_results)
            return MetricColumns(whole.steps, whole.timestamps, whole.values, token)
        return MetricColumns(whole.steps, whole.timestamps, whole.values)

    def _sorted(
        self, connection: sqlite3.Connection, number: int, chunks: int, offset: int
    ) -> series.Columns:
        """Return the points of a series in the order of time, without the first ones."""
        whole = _logged(connection, number, chunks, 0, None)
        cancellation.check()
        ordered = series_order.is_by_time(whole)
        self._time_order.note(connection, number, ordered)
        return series_order.since(whole if ordered else series_order.by_time(whole), offset)

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
        with self._reading() as connection:
            found = series.find(connection, runs.get(connection, run_id).row, key)
            if found is None:
                return []
            return series.sample(connection, key, *found, points, (start_step, end_step))


def _logged(
    connection: sqlite3.Connection, number: int, chunks: int, offset: int, most: int | None
) -> series.Columns:
    """Return the points of a series from ``offset`` on, as logged: more than ``most``, or all."""
    whole = series.Columns.of(b"")
    for columns in series.read(connection, number, chunks, skip=offset):
        whole.extend(columns)
        if most is not None and len(whole.steps) > most:
            break
    return whole


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
