"""What the runs of a server hold: histories of metrics, and the datasets that were used."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import repeat

from pegboard.contracts.tracking import SEARCH_LIMIT, MetricColumns
from pegboard.entities import DatasetSummary, Metric, Page
from pegboard_stores import validation
from pegboard_stores.basic_store import DATASETS_LIMIT
from pegboard_wire.client.errors import UnknownPath

from pegboard_tracking.client.base import RestBase
from pegboard_tracking.wire import codec, columns
from pegboard_tracking.wire.metrics import LOGGED

_HISTORY_PAGE = 25_000
_MOST_SAMPLED = 2_500
_SEARCHED_AT_ONCE = 20
_INT32 = range(-(1 << 31), 1 << 31)
# Only below this prefix do MLflow's servers know them too.
_SEARCH_DATASETS = "/ajax-api/2.0/mlflow/experiments/search-datasets"
_SAMPLED = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"


class RestReading(RestBase):
    """The store's methods for reading runs."""

    def metric_history(
        self,
        run_id: str,
        key: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[Metric]:
        """Return all points of a metric in the order they were logged; empty if there are none."""
        page = self.metric_columns(run_id, key, max_results=max_results, page_token=page_token)
        rows = (list(page.values), list(page.timestamps), list(page.steps))
        return Page(map(Metric, repeat(key), *rows), page.token)

    def metric_columns(
        self,
        run_id: str,
        key: str,
        *,
        by_time: bool = False,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> MetricColumns:
        """Return the same in columns; servers that are not ours tell them by time alone."""
        if max_results is not None:
            validation.page_size(max_results, SEARCH_LIMIT)
        self._writer.deliver_patiently()
        steps, timestamps, values = array("q"), array("q"), array("d")
        token = page_token
        while True:
            size = max_results or _HISTORY_PAGE
            page = self._page(run_id, key, by_time, size, token)
            steps.extend(page.steps)
            timestamps.extend(page.timestamps)
            values.extend(page.values)
            token = page.token
            if max_results is not None or token is None:
                return MetricColumns(steps, timestamps, values, token)

    def _page(
        self, run_id: str, key: str, by_time: bool, size: int, token: str | None
    ) -> MetricColumns:
        fields = {"run_id": run_id, "metric_key": key, "max_results": size, "page_token": token}
        # Servers of ours, which reduce histories as the contract wants it, tell what was logged.
        if not by_time and self._connection.abilities().sampled_history:
            return self._api.read(self._api.get(LOGGED, **fields), columns.read_columns)
        answer = self._api.get("metrics/get-history", **fields)
        found = self._api.read_page(answer, "metrics", codec.read_metric)
        return MetricColumns(
            array("q", [point.step for point in found]),
            array("q", [point.timestamp for point in found]),
            array("d", [point.value for point in found]),
            found.token,
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
        """Return at most ``points`` points, ordered by step, that draw the same curve.

        A server of ours reduces them itself. MLflow's may leave out the least and the greatest
        value, so all points are fetched from there.
        """
        if not (
            1 <= points <= _MOST_SAMPLED
            and _can_be_said(start_step, end_step)
            and self._connection.abilities().sampled_history
        ):
            return super().sampled_history(
                run_id, key, points, start_step=start_step, end_step=end_step
            )
        self._writer.deliver_patiently()
        answer = self._api.get(
            _SAMPLED,
            run_ids=run_id,
            metric_key=key,
            max_results=points,
            start_step=start_step,
            end_step=end_step,
        )
        found = self._api.read_page(answer, "metrics", codec.read_metric)
        return [Metric(point.key, point.value, point.timestamp, point.step) for point in found]

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Return what datasets the runs of experiments used, each context once; 1000 at most."""
        wanted = list(dict.fromkeys(experiment_ids))
        found: list[DatasetSummary] = []
        for start in range(0, len(wanted), _SEARCHED_AT_ONCE):
            asked = wanted[start : start + _SEARCHED_AT_ONCE]
            try:
                answer = self._api.post(_SEARCH_DATASETS, experiment_ids=asked)
            except UnknownPath:
                return super().search_datasets(wanted)
            found += self._api.read_page(answer, "dataset_summaries", codec.read_dataset_summary)
            if len(found) >= DATASETS_LIMIT:
                break
        return found[:DATASETS_LIMIT]


def _can_be_said(start_step: int | None, end_step: int | None) -> bool:
    """Whether the protocol knows such bounds: both of 32 bits, or none."""
    if start_step is None or end_step is None:
        return start_step is end_step
    return start_step in _INT32 and end_step in _INT32 and start_step <= end_step
