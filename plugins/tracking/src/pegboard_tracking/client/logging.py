"""Logging to the runs of a server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pegboard.entities import DatasetInput, Metric, Param, RunTag
from pegboard_stores import validation
from pegboard_wire.client.errors import Unreachable

from pegboard_tracking.client.base import RestBase
from pegboard_tracking.client.messages import BATCH_POINTS, Message
from pegboard_tracking.wire import codec

_BATCH_ITEMS = 100
"""The most params, and the most tags, that MLflow's servers take at once."""


class RestLogging(RestBase):
    """What a store takes for its runs."""

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Add metrics and params, set tags: all of it or, on an error, nothing.

        What is more than the protocol allows in one request (1000 items; 100 params, 100 tags) is
        sent in several, of which each is kept or not. If the server cannot be reached, the batch
        goes to the journal.
        """
        points = [codec.metric_json(validation.metric(point)) for point in metrics]
        # Servers refuse a param that is given twice in one request, even with one value.
        pairs = [codec.param_json(item) for item in dict.fromkeys(map(validation.param, params))]
        notes = [codec.tag_json(validation.tag(item)) for item in tags]
        parts = [
            Message(
                "runs/log-batch",
                {"run_id": run_id, **part},
                batch=self._writer.next_batch() if part.get("metrics") else "",
            )
            for part in _parts(points, pairs, notes)
        ]
        try:
            if points:
                # What this process logged before comes first in the history.
                self._writer.deliver_patiently()
        except Unreachable:
            for part in parts:
                self._writer.defer(part)
        else:
            for part in parts:
                self._now_or_later(part)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        self._writer.deliver_patiently()
        self._api.post("runs/delete-tag", run_id=run_id, key=key)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record datasets used by the run; one that is known (name and digest) is recorded once."""
        checked = [codec.dataset_input_json(validation.dataset_input(item)) for item in datasets]
        self._now_or_later(Message("runs/log-inputs", {"run_id": run_id, "datasets": checked}))


def _parts(
    metrics: list[dict[str, Any]], params: list[dict[str, Any]], tags: list[dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """Cut a batch into ones that MLflow's servers take; what may be refused comes first."""
    few = len(params) <= _BATCH_ITEMS and len(tags) <= _BATCH_ITEMS
    if few and len(metrics) + len(params) + len(tags) <= BATCH_POINTS:
        yield {"metrics": metrics, "params": params, "tags": tags}
        return
    limits = (("params", params, _BATCH_ITEMS), ("tags", tags, _BATCH_ITEMS))
    for name, items, limit in (*limits, ("metrics", metrics, BATCH_POINTS)):
        for start in range(0, len(items), limit):
            yield {name: items[start : start + limit]}
