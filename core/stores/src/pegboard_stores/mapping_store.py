"""A tracking store over mappings: the meaning of the contract, in plain Python.

Give it dicts and it keeps everything in this process; give it mappings that write to some medium
and it is a store on that medium. Every method reads a record, changes it and puts it back, under
one lock, so a mapping only has to keep what was put into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar, cast

from attrs import evolve
from pegboard import uris
from pegboard.contracts.tracking import SEARCH_LIMIT
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
from pegboard.tags import RUN_NAME

from pegboard_stores import cancellation, offsets, refusals, validation
from pegboard_stores.basic_store import BasicStore
from pegboard_stores.clock import now_ms
from pegboard_stores.mapping_records import ModelRecord, Records, RunRecord, TraceRecord
from pegboard_stores.names import new_run_id, random_name

if TYPE_CHECKING:
    from pegboard.contracts.logged_models import LoggedModelStore
    from pegboard.contracts.traces import TraceStore

    from pegboard_stores.mapping_data_sets import DataSetState
    from pegboard_stores.mapping_scorers import ScorerState

T = TypeVar("T")

__all__ = ["MappingStore", "ModelRecord", "RunRecord", "TraceRecord"]


class MappingStore(BasicStore):
    """Experiments, runs, logged models, traces, data sets and scorers, each in a mapping by id.

    Without a mapping of models, traces and so on the store keeps none. ``artifact_root`` is the
    URI below which new experiments put their files. ``lock`` guards every use of the mappings and
    must be re-entrant; by default it is a lock of this process.
    """

    def __init__(
        self,
        experiments: MutableMapping[str, Experiment],
        runs: MutableMapping[str, RunRecord],
        *,
        models: MutableMapping[str, ModelRecord] | None = None,
        traces: MutableMapping[str, TraceRecord] | None = None,
        data_sets: MutableMapping[str, DataSetState] | None = None,
        scorers: MutableMapping[str, ScorerState] | None = None,
        artifact_root: str,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._records = Records(experiments, runs, models, traces, lock)
        self._keeps_models, self._keeps_traces = models is not None, traces is not None
        self._data_sets = data_sets
        self._scorers = scorers
        self._experiments = experiments
        self._runs = runs
        self._artifact_root = artifact_root
        self._lock = self._records.lock
        with self._lock:
            if not self._experiments:
                self.create_experiment("Default")

    def artifact_destination(self) -> str:
        """Return the URI below which clients of a server may keep files."""
        return self._artifact_root

    # -- further abilities ---------------------------------------------------------------------

    def logged_models(self) -> LoggedModelStore:
        """Return the logged models, if there is a mapping for them."""
        if not self._keeps_models:
            return super().logged_models()
        from pegboard_stores.mapping_models import MappingLoggedModels

        return MappingLoggedModels(self._records)

    def traces(self) -> TraceStore:
        """Return the traces, if there is a mapping for them."""
        if not self._keeps_traces:
            return super().traces()
        from pegboard_stores.mapping_traces.store import MappingTraces

        return MappingTraces(self._records)

    def ability(self, contract: type[T]) -> T | None:
        """Return the data sets or scorers, if there is a mapping; else what the store is itself."""
        from pegboard_stores.data_sets import DataSets
        from pegboard_stores.scorers import Scorers

        if contract is DataSets and self._data_sets is not None:
            from pegboard_stores.mapping_data_sets import MappingDataSets

            return cast("T", MappingDataSets(self._records, self._data_sets))
        if contract is Scorers and self._scorers is not None:
            from pegboard_stores.mapping_scorers import MappingScorers

            return cast("T", MappingScorers(self._records, self._scorers))
        from pegboard_stores.list_tags import GuardedListTags, ListTags

        if contract is ListTags and self._keeps_models:
            return cast("T", GuardedListTags(self, self._lock))
        return super().ability(contract)

    # -- experiments ---------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Create an experiment; its id is the next number."""
        name = validation.experiment_name(name)
        if artifact_location:
            artifact_location = uris.absolute(validation.artifact_location(artifact_location))
        checked = validation.experiment_tags(tags or {})
        with self._lock:
            self._refuse_taken_name(name)
            new_id = str(max((int(key) for key in self._experiments), default=-1) + 1)
            now = now_ms()
            experiment = Experiment(
                experiment_id=new_id,
                name=name,
                artifact_location=artifact_location or uris.join(self._artifact_root, new_id),
                tags=checked,
                creation_time=now,
                last_update_time=now,
            )
            self._experiments[new_id] = experiment
            return _copy(experiment)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted ones too."""
        with self._lock:
            return _copy(self._records.experiment(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted ones too; None if there is none."""
        with self._lock:
            found = (e for e in self._experiments.values() if e.name == name)
            return next((_copy(experiment) for experiment in found), None)

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
        from pegboard_stores import filters

        validation.page_size(max_results, SEARCH_LIMIT)
        expression = filters.parse_filter(filter, filters.EXPERIMENTS)
        order = filters.parse_order_by(order_by, filters.EXPERIMENTS)
        with self._lock:
            shown = [
                _copy(experiment)
                for experiment in self._experiments.values()
                if view.shows(experiment.lifecycle_stage)
            ]
        matching = filters.select(expression, shown)
        return offsets.cut(filters.sorted_by(matching, order), max_results, page_token)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name."""
        name = validation.experiment_name(name)
        with self._lock:
            experiment = self._records.active_experiment(experiment_id)
            if name != experiment.name:
                self._refuse_taken_name(name)
            self._put(evolve(experiment, name=name, last_update_time=now_ms()))

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        self._move_experiment(experiment_id, LifecycleStage.DELETED)

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo ``delete_experiment``; its runs come back too."""
        self._move_experiment(experiment_id, LifecycleStage.ACTIVE)

    def _move_experiment(self, experiment_id: str, stage: LifecycleStage) -> None:
        with self._lock:
            experiment = self._records.experiment(experiment_id)
            if experiment.lifecycle_stage is stage:
                raise refusals.experiment_is(experiment_id, stage)
            for record in self._records.runs_of([experiment_id]):
                self._move_run(record, stage)
            self._put(evolve(experiment, lifecycle_stage=stage, last_update_time=now_ms()))

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags of an active experiment."""
        checked = validation.experiment_tags(tags)
        with self._lock:
            experiment = self._records.active_experiment(experiment_id)
            self._put(evolve(experiment, tags={**experiment.tags, **checked}))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._lock:
            experiment = self._records.active_experiment(experiment_id)
            if key not in experiment.tags:
                raise refusals.no_tag("experiment", experiment_id, key)
            rest = {name: value for name, value in experiment.tags.items() if name != key}
            self._put(evolve(experiment, tags=rest))

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
        name = _run_name(run_name, given.get(RUN_NAME))
        new_id = new_run_id() if run_id is None else validation.run_id(run_id)
        with self._lock:
            experiment = self._records.active_experiment(experiment_id)
            if new_id in self._runs:
                raise refusals.run_taken(new_id)
            info = RunInfo(
                run_id=new_id,
                experiment_id=experiment_id,
                run_name=name,
                user_id=user_id,
                status=RunStatus.RUNNING,
                start_time=now_ms() if start_time is None else start_time,
                end_time=None,
                lifecycle_stage=LifecycleStage.ACTIVE,
                artifact_uri=uris.join(experiment.artifact_location, new_id, "artifacts"),
            )
            record = RunRecord(info, tags={**given, RUN_NAME: name})
            self._runs[new_id] = record
            return record.to_run()

    def get_run(self, run_id: str) -> Run:
        """Return a run with its latest data, deleted ones too."""
        with self._lock:
            return self._records.run(run_id).to_run()

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None. RUNNING clears ``end_time``, unless one is given."""
        with self._lock:
            record = self._records.active_run(run_id)
            if run_name:
                _rename(record, validation.tag(RunTag(RUN_NAME, run_name)).value)
            if status is not None:
                kept = None if status is RunStatus.RUNNING else record.info.end_time
                record.info = evolve(record.info, status=status, end_time=kept)
            if end_time is not None:
                record.info = evolve(record.info, end_time=end_time)
            self._runs[run_id] = record
            return record.info

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted; once more does nothing."""
        with self._lock:
            self._move_run(self._records.run(run_id), LifecycleStage.DELETED)

    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``."""
        with self._lock:
            self._move_run(self._records.run(run_id), LifecycleStage.ACTIVE)

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
        from pegboard_stores import filters

        validation.page_size(max_results, SEARCH_LIMIT)
        expression = filters.parse_filter(filter, filters.RUNS)
        order = filters.parse_order_by(order_by, filters.RUNS)
        with self._lock:
            shown = [
                record.to_run()
                for record in cancellation.checked(self._records.runs_of(experiment_ids))
                if view.shows(record.info.lifecycle_stage)
            ]
        matching = filters.select(expression, shown)
        return offsets.cut(filters.sorted_by(matching, order), max_results, page_token)

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
        # Whatever can be wrong is found out before the first change.
        points = [validation.metric(point) for point in metrics]
        checked_params = [validation.param(item) for item in params]
        checked_tags = [validation.tag(item) for item in tags]
        with self._lock:
            record = self._records.active_run(run_id)
            measured = self._measured(points)
            record.params = record.with_params(checked_params)
            for tag in checked_tags:
                record.tags[tag.key] = tag.value
                if tag.key == RUN_NAME and tag.value:
                    _rename(record, tag.value)
            for model_id, own in measured.items():
                model = self._records.model(model_id)
                model.add(own, run_id)
                self._records.models[model_id] = model
            record.add(map(_of_run, points) if self._keeps_models else points)
            self._runs[run_id] = record

    def _measured(self, points: Iterable[Metric]) -> dict[str, list[Metric]]:
        """Return the points that are of logged models, by their ids; NotFound."""
        found: dict[str, list[Metric]] = {}
        for point in points:
            if point.model_id and self._keeps_models:
                self._records.model(point.model_id)
                found.setdefault(point.model_id, []).append(point)
        return found

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._lock:
            record = self._records.active_run(run_id)
            if key not in record.tags:
                raise refusals.no_tag("run", run_id, key)
            del record.tags[key]
            self._runs[run_id] = record

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record datasets used by the run; the first of the same name and digest is kept."""
        checked = [validation.dataset_input(item) for item in datasets]
        with self._lock:
            record = self._records.active_run(run_id)
            known = {(item.dataset.name, item.dataset.digest) for item in record.inputs}
            for item in checked:
                identity = (item.dataset.name, item.dataset.digest)
                if identity not in known:
                    known.add(identity)
                    record.inputs.append(item)
            self._runs[run_id] = record

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
        with self._lock:
            points = self._records.run(run_id).history.get(key, [])
            return offsets.cut(points, max_results, page_token)

    # -- housekeeping --------------------------------------------------------------------------

    def deleted_runs(self, *, deleted_before: int | None = None) -> Iterable[RunInfo]:
        """Return the runs marked as deleted, all or those marked before a time (ms)."""
        with self._lock:
            return [
                record.info
                for record in self._runs.values()
                if record.deleted_time is not None
                and (deleted_before is None or record.deleted_time < deleted_before)
            ]

    def purge_run(self, run_id: str) -> None:
        """Remove a deleted run and all its data for good."""
        with self._lock:
            if self._records.run(run_id).info.lifecycle_stage is LifecycleStage.ACTIVE:
                raise refusals.run_in_use(run_id)
            self._records.remove_run(run_id)

    def purge_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment that has no runs left for good."""
        with self._lock:
            if self._records.experiment(experiment_id).lifecycle_stage is LifecycleStage.ACTIVE:
                raise refusals.experiment_in_use(experiment_id, by_runs=False)
            if any(True for _ in self._records.runs_of([experiment_id])):
                raise refusals.experiment_in_use(experiment_id, by_runs=True)
            self._records.remove_experiment(experiment_id)

    # -- records -------------------------------------------------------------------------------

    def _put(self, experiment: Experiment) -> None:
        self._experiments[experiment.experiment_id] = experiment

    def _refuse_taken_name(self, name: str) -> None:
        for other in self._experiments.values():
            if other.name == name:
                deleted = other.lifecycle_stage is LifecycleStage.DELETED
                raise refusals.name_taken(name, other.experiment_id, deleted=deleted)

    def _move_run(self, record: RunRecord, stage: LifecycleStage) -> None:
        record.info = evolve(record.info, lifecycle_stage=stage)
        record.deleted_time = now_ms() if stage is LifecycleStage.DELETED else None
        self._runs[record.info.run_id] = record


def _copy(experiment: Experiment) -> Experiment:
    return evolve(experiment, tags=dict(experiment.tags))


def _run_name(given: str | None, tag: str | None) -> str:
    if given and tag and given != tag:
        raise refusals.two_names(given, tag)
    return validation.tag(RunTag(RUN_NAME, given or tag or random_name())).value


def _rename(record: RunRecord, name: str) -> None:
    record.info = evolve(record.info, run_name=name)
    record.tags[RUN_NAME] = name


def _of_run(point: Metric) -> Metric:
    """Return a point as the run keeps it, which does not say what was measured."""
    if not (point.model_id or point.dataset_name or point.dataset_digest):
        return point
    return evolve(point, model_id=None, dataset_name=None, dataset_digest=None)
