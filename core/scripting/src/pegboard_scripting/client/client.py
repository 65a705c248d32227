"""Experiments, runs and their data by explicit ids."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any

from pegboard import host
from pegboard.entities import (
    DatasetInput,
    Experiment,
    Metric,
    Page,
    Param,
    Run,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.errors import InvalidValue
from pegboard.tags import PARENT_RUN_ID, USER

from pegboard_scripting.client import location, operations, writers
from pegboard_scripting.client.artifacts import ArtifactMethods
from pegboard_scripting.client.models import LoggedModelMethods
from pegboard_scripting.client.registry import RegistryMethods

if TYPE_CHECKING:
    from pegboard.contracts.tracking import MetricWriter
    from pegboard.entities.logged_models import LoggedModelInput

    from pegboard_scripting.client.operations import RunOperations

EXPERIMENTS_PER_PAGE = 1000
RUNS_PER_PAGE = 1000
CHART_POINTS = 2000


class Client(ArtifactMethods, LoggedModelMethods, RegistryMethods):
    """Reads and writes one tracking store and one model registry, from any number of threads.

    Method names, arguments and their order are those of MLflow's ``MlflowClient``.
    """

    def __init__(self, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        """Use the store of a URI; without one, the store that this process tracks to.

        The registry is that of ``registry_uri``; without one, the one that this process uses, which
        is beside the store by default.
        """
        super().__init__(host.current())
        self.tracking_uri = tracking_uri or location.get_tracking_uri()
        self.store = self.host.tracking_store(self.tracking_uri)
        self._registry_uri = registry_uri

    def __getattr__(self, name: str) -> Any:
        """Return a method that a plugin adds."""
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        try:
            return MethodType(self.host.api_name(f"Client.{name}"), self)
        except LookupError:
            raise AttributeError(self.host.explain_missing(f"Client.{name}")) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.host.api_names("Client")})

    @property
    def writer(self) -> MetricWriter:
        """The way metrics go into the store, shared by all clients of this process."""
        return writers.writer_of(self.store)

    # -- experiments ---------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id; AlreadyExists if the name is taken."""
        experiment = self.store.create_experiment(
            name, artifact_location=artifact_location, tags=_texts(tags)
        )
        return experiment.experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted ones too; else NotFound."""
        return self.store.get_experiment(str(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted ones too; None if there is none."""
        return self.store.get_experiment_by_name(name)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = EXPERIMENTS_PER_PAGE,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Return a page of experiments that match; by default the last updated first."""
        return self.store.search_experiments(
            filter=filter_string or "",
            order_by=order_by or (),
            view=_view(view_type),
            max_results=EXPERIMENTS_PER_PAGE if max_results is None else max_results,
            page_token=page_token,
        )

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an active experiment another name."""
        self.store.rename_experiment(str(experiment_id), new_name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        self.store.delete_experiment(str(experiment_id))

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo ``delete_experiment``."""
        self.store.restore_experiment(str(experiment_id))

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set or change a tag of an experiment."""
        self.store.set_experiment_tags(str(experiment_id), {key: str(value)})

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment; NotFound if there is none of that key."""
        self.store.delete_experiment_tag(str(experiment_id), key)

    # -- runs ----------------------------------------------------------------------------------

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Create a run that is RUNNING. Nobody ends it but ``set_terminated``."""
        given = _texts(tags)
        run = self.store.create_run(
            str(experiment_id),
            run_name=run_name,
            user_id=given.get(USER, "unknown"),
            start_time=start_time,
            tags=given,
        )
        return self._remember(run)

    def get_run(self, run_id: str) -> Run:
        """Return a run with its latest data, deleted ones too; else NotFound."""
        return self._remember(self.store.get_run(run_id))

    def get_parent_run(self, run_id: str) -> Run | None:
        """Return the run that a run is nested in; None if it is in none."""
        parent = self.get_run(run_id).data.tags.get(PARENT_RUN_ID)
        return None if parent is None else self.get_run(parent)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change the status or name of a run, whatever is not None."""
        new_status = None if status is None else run_status(status)
        self.store.update_run(run_id, status=new_status, run_name=name)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run: by default as FINISHED, now. ``end_time`` in ms."""
        new_status = RunStatus.FINISHED if status is None else run_status(status)
        self.writer.settle(run_id)
        self.store.update_run(
            run_id, status=new_status, end_time=_now() if end_time is None else end_time
        )

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self.store.delete_run(run_id)

    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``."""
        self.store.restore_run(run_id)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = RUNS_PER_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[Run]:
        """Return a page of runs that match; by default the last started first.

        Pass this page's ``token`` to get the next.
        """
        ids = [experiment_ids] if isinstance(experiment_ids, (str, int)) else experiment_ids
        return self.store.search_runs(
            [str(experiment_id) for experiment_id in ids],
            filter=filter_string or "",
            order_by=order_by or (),
            view=_view(run_view_type),
            max_results=max_results,
            page_token=page_token,
        )

    # -- a run's data --------------------------------------------------------------------------

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Add a point to a metric. ``timestamp`` in ms, by default now; ``step`` by default 0.

        With ``model_id`` it is a metric of that logged model too, measured on the dataset of that
        name and digest.
        """
        time_ms = _now() if timestamp is None else timestamp
        if model_id:
            self.store.logged_models()
            point = Metric(key, value, time_ms, step or 0, model_id, dataset_name, dataset_digest)
            self.store.log_batch(run_id, metrics=[point])
        else:
            self.writer.log(run_id, key, value, time_ms, step or 0)
        return operations.outcome(synchronous)

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Set a param, as text, once; return the value."""
        self.store.log_batch(run_id, params=[Param(key, str(value))])
        return operations.DONE if synchronous is False else value

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Add metrics and params, set tags: all of it or, on an error, nothing."""
        self.store.log_batch(
            run_id,
            metrics=metrics,
            params=[Param(item.key, str(item.value)) for item in params],
            tags=[RunTag(item.key, str(item.value)) for item in tags],
        )
        return operations.outcome(synchronous)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[LoggedModelInput] | None = None,
    ) -> None:
        """Record datasets and logged models used by a run, each once.

        Datasets are the same if their names and digests are.
        """
        if models:
            self.store.logged_models().log_inputs(run_id, models)
        if datasets:
            self.store.log_inputs(run_id, datasets)

    def set_tag(
        self, run_id: str, key: str, value: Any, synchronous: bool | None = None
    ) -> RunOperations | None:
        """Set or change a tag of a run."""
        self.store.log_batch(run_id, tags=[RunTag(key, str(value))])
        return operations.outcome(synchronous)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag of a run; NotFound if there is none of that key."""
        self.store.delete_tag(run_id, key)

    def get_metric_history(self, run_id: str, key: str) -> Page[Metric]:
        """Return all points of a metric in the order they were logged; empty if there are none."""
        return self.store.metric_history(run_id, key)

    def metric_history(
        self,
        run_id: str,
        key: str,
        points: int = CHART_POINTS,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> list[Metric]:
        """Return at most ``points`` points of a metric that draw the same curve, for a chart.

        They are ordered by step; no spike is lost. Steps outside ``start_step`` to ``end_step``
        (both included) are left out.
        """
        return self.store.sampled_history(
            run_id, key, points, start_step=start_step, end_step=end_step
        )


def run_status(name: str) -> RunStatus:
    """Return the status of that name; else InvalidValue."""
    try:
        return RunStatus(name)
    except ValueError:
        raise InvalidValue(
            f"{name!r} is not the status of a run.",
            hint=f"Known are: {', '.join(RunStatus)}.",
        ) from None


def _view(value: int) -> ViewType:
    try:
        return ViewType(value)
    except ValueError:
        known = ", ".join(f"{view.value} ({view.name})" for view in ViewType)
        raise InvalidValue(f"{value!r} is not a view.", hint=f"Known are: {known}.") from None


def _texts(tags: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: str(value) for key, value in (tags or {}).items()}


def _now() -> int:
    return time.time_ns() // 1_000_000
