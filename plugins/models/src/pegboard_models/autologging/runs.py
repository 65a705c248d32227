"""The run that an autologger logs to, and logging to it in few and cheap operations."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from attrs import define, field
from pegboard.entities import DatasetInput, InputTag, Metric, Param, RunTag
from pegboard.tags import DATASET_CONTEXT
from pegboard.validation import MAX_KEY, MAX_PARAM_VALUE
from pegboard_scripting.fluent import runs

from pegboard_models.autologging.switches import AUTOLOGGING_TAG

if TYPE_CHECKING:
    from pegboard.entities import Dataset
    from pegboard_scripting.client import Client

    from pegboard_models.autologging.integration import Integration

_BATCH = 100
_METRICS_BATCH = 1000
_FLUSH_SECONDS = 1.0


@define(eq=False)
class RunLog:
    """A run to log to; unlike the functions of ``pegboard`` it shortens what is too long."""

    client: Client
    run_id: str
    experiment_id: str

    def params(self, values: Mapping[str, Any]) -> None:
        """Set params."""
        params = [
            Param(_short(str(key), MAX_KEY), _short(str(value), MAX_PARAM_VALUE))
            for key, value in values.items()
        ]
        for part in _parts(params, _BATCH):
            self.client.log_batch(self.run_id, params=part)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.client.log_batch(
            self.run_id, tags=[RunTag(key, value) for key, value in values.items()]
        )

    def metrics(
        self,
        values: Mapping[str, Any],
        step: int = 0,
        *,
        model_id: str | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        """Add a point to each of several metrics, of a logged model and on a dataset if given."""
        now = time.time_ns() // 1_000_000
        name = dataset.name if dataset and model_id else None
        digest = dataset.digest if dataset and model_id else None
        points = [
            Metric(_short(key, MAX_KEY), float(value), now, step, model_id, name, digest)
            for key, value in values.items()
        ]
        for part in _parts(points, _METRICS_BATCH):
            self.client.log_batch(self.run_id, metrics=part)

    def dataset(self, dataset: Dataset, context: str) -> None:
        """Record a dataset that the run uses, and for what."""
        tags = [InputTag(DATASET_CONTEXT, context)]
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, tags)])


@define(eq=False)
class PointBuffer:
    """Metrics of the steps of a training, logged together about once a second."""

    run: RunLog
    model_id: str | None = None
    _points: list[Metric] = field(factory=list)
    _flushed: float = field(factory=time.monotonic)

    def add(self, values: Mapping[str, Any], step: int) -> None:
        """Add a point to each of several metrics."""
        now = time.time_ns() // 1_000_000
        self._points += [
            Metric(_short(key, MAX_KEY), float(value), now, step, self.model_id)
            for key, value in values.items()
        ]
        if time.monotonic() - self._flushed >= _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Log what has been added since."""
        points, self._points = self._points, []
        for part in _parts(points, _METRICS_BATCH):
            self.run.client.log_batch(self.run.run_id, metrics=part)
        self._flushed = time.monotonic()


_started: set[str] = set()
"""The ids of the open runs that autologgers started."""


@contextmanager
def training_run(integration: Integration) -> Iterator[RunLog | None]:
    """Yield the run to log a training to: the active one, or one that lasts as long as this.

    None if the active one was started by the user and is to be left alone, or if a run cannot be
    started. An exception that passes through ends the run as FAILED.
    """
    if runs.here.stack:
        open_run = runs.here.stack[-1]
        if integration.switches.exclusive and open_run.run.info.run_id not in _started:
            yield None
        else:
            yield RunLog(open_run.client, open_run.run.info.run_id, open_run.run.info.experiment_id)
        return
    started = None
    with integration.guard("starting a run"):
        tags = {**integration.switches.extra_tags, AUTOLOGGING_TAG: integration.name}
        started = runs.start_run(tags=tags)
    if started is None:
        yield None
        return
    _started.add(started.info.run_id)
    error: BaseException | None = None
    try:
        client = runs.here.stack[-1].client
        yield RunLog(client, started.info.run_id, started.info.experiment_id)
    except BaseException as raised:
        error = raised
        raise
    finally:
        _started.discard(started.info.run_id)
        with integration.guard("ending the run"):
            started.__exit__(None if error is None else type(error), error, None)


def describe(data: Any, targets: Any = None, name: str | None = None) -> Dataset | None:
    """Return the description of training data, None if no plugin knows data of its kind.

    Targets are described with arrays only; sparse matrices count as their arrays of values.
    """
    from pegboard.errors import InvalidValue
    from pegboard_scripting import data as datasets

    if data is None:
        return None
    options: dict[str, Any] = {"name": name}
    if type(data).__module__.partition(".")[0] == "numpy" and _is_array(targets):
        options["targets"] = targets
    try:
        return datasets.describe(data, **options)
    except InvalidValue:
        return None


def _is_array(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "shape")


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _parts(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part
