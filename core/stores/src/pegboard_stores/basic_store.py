"""What every tracking store can do with the methods it has: reduce, sort, write point by point."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pegboard import paging
from pegboard.contracts.tracking import (
    MetricColumns,
    MetricWriter,
    TrackingStore,
)
from pegboard.entities import DatasetSummary, Metric, ViewType
from pegboard.tags import DATASET_CONTEXT

from pegboard_stores import offsets, refusals

if TYPE_CHECKING:
    from pegboard.contracts.logged_models import LoggedModelStore
    from pegboard.contracts.traces import TraceStore

T = TypeVar("T")

DATASETS_LIMIT = 1000
"""How many datasets a search for them returns at the most."""


class BasicStore(TrackingStore):
    """A store that reads its runs and histories whole, and keeps neither models nor traces.

    A store whose medium can do something quicker overrides that method.
    """

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Return what datasets the runs of experiments used, each context once; 1000 at most."""
        found: dict[DatasetSummary, None] = {}
        for run in paging.items(partial(self.search_runs, experiment_ids, view=ViewType.ALL)):
            for item in run.inputs.dataset_inputs:
                context = next((t.value for t in item.tags if t.key == DATASET_CONTEXT), None)
                used = (run.info.experiment_id, item.dataset.name, item.dataset.digest)
                found[DatasetSummary(*used, context)] = None
            if len(found) >= DATASETS_LIMIT:
                break
        return list(found)[:DATASETS_LIMIT]

    def metric_columns(
        self,
        run_id: str,
        key: str,
        *,
        by_time: bool = False,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> MetricColumns:
        """Return the same as ``metric_history`` in columns."""
        if by_time:
            whole = sorted(self.metric_history(run_id, key), key=_by_time)
            page = offsets.cut(whole, max_results, page_token)
        else:
            page = self.metric_history(run_id, key, max_results=max_results, page_token=page_token)
        return MetricColumns(
            [point.step for point in page],
            [point.timestamp for point in page],
            [point.value for point in page],
            page.token,
        )

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
        from pegboard_stores.sampling import reduce_points

        low = -math.inf if start_step is None else start_step
        high = math.inf if end_step is None else end_step
        history = [m for m in self.metric_history(run_id, key) if low <= m.step <= high]
        history.sort(key=lambda m: (m.step, m.timestamp))
        kept = reduce_points([m.value for m in history], points)
        return [history[i] for i in kept]

    def logged_models(self) -> LoggedModelStore:
        """Raise NotSupported: this store keeps no logged models."""
        raise refusals.unsupported("logged models", self)

    def traces(self) -> TraceStore:
        """Raise NotSupported: this store keeps no traces."""
        raise refusals.unsupported("traces", self)

    async def soon(self, work: Callable[[], T]) -> T:
        """Do work for an event loop, in another thread."""
        import asyncio

        return await asyncio.to_thread(work)

    def metric_writer(self) -> MetricWriter:
        """Return a writer that logs point by point."""
        return DirectWriter(self)


class DirectWriter(MetricWriter):
    """Writes each call straight into the store: for stores without a journal."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store

    def log(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> None:
        """Append one point."""
        self._store.log_batch(run_id, metrics=[Metric(key, value, timestamp, step)])

    def log_many(self, run_id: str, values: Mapping[str, float], timestamp: int, step: int) -> None:
        """Append one point per key."""
        points = [Metric(key, value, timestamp, step) for key, value in values.items()]
        self._store.log_batch(run_id, metrics=points)


def _by_time(point: Metric) -> tuple[int, int, float]:
    value = 0.0 if math.isnan(point.value) else point.value
    return point.timestamp, point.step, value
