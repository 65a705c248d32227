"""What mapping stores keep: a record for each experiment, run, logged model and trace, by id."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import AbstractContextManager

from attrs import define, evolve, field
from pegboard.entities import (
    DatasetInput,
    Experiment,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from pegboard.entities.traces import Assessment, Span, Trace, TraceInfo

from pegboard_stores import refusals

_Identity = tuple[int, int, float | None]
"""What tells points of one metric apart: step, timestamp, and value (None: NaN)."""


@define
class RunRecord:
    """All that is kept of one run; the value type of the mapping of runs."""

    info: RunInfo
    params: dict[str, str] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)
    latest: dict[str, Metric] = field(factory=dict)
    history: dict[str, list[Metric]] = field(factory=dict)
    inputs: list[DatasetInput] = field(factory=list)
    deleted_time: int | None = None
    model_inputs: list[LoggedModelInput] = field(factory=list)
    model_outputs: list[LoggedModelOutput] = field(factory=list)

    def to_run(self) -> Run:
        """Return the run, which later changes of the record do not change."""
        data = RunData(dict(self.latest), dict(self.params), dict(self.tags))
        inputs = RunInputs(tuple(self.inputs), tuple(self.model_inputs))
        return Run(self.info, data, inputs, RunOutputs(tuple(self.model_outputs)))

    def with_params(self, added: Iterable[Param]) -> dict[str, str]:
        """Return the params with more of them; InvalidValue if one would change."""
        merged = dict(self.params)
        for param in added:
            known = merged.setdefault(param.key, param.value)
            if known != param.value:
                raise refusals.param_set(self.info.run_id, param.key, known, param.value)
        return merged

    def add(self, points: Iterable[Metric]) -> None:
        """Add the points that the run does not have yet."""
        for point in self._new(points):
            self.history.setdefault(point.key, []).append(point)
            if _is_later(point, self.latest.get(point.key)):
                self.latest[point.key] = point

    def _new(self, points: Iterable[Metric]) -> list[Metric]:
        """Return the points that are not there yet, each once; NaN equals NaN."""
        known: dict[str, set[_Identity]] = {}
        latest = dict(self.latest)
        new: list[Metric] = []
        for point in points:
            key = point.key
            if _is_later(point, latest.get(key)):
                # It comes after all others, so none of them has to be compared.
                latest[key] = point
            else:
                if key not in known:
                    earlier = [*self.history.get(key, ()), *(p for p in new if p.key == key)]
                    known[key] = set(map(_identity, earlier))
                if _identity(point) in known[key]:
                    continue
            if key in known:
                known[key].add(_identity(point))
            new.append(point)
        return new


@define
class ModelRecord:
    """All that is kept of one logged model; the value type of the mapping of models."""

    experiment_id: str
    model_id: str
    name: str
    artifact_location: str
    created: int
    updated: int
    model_type: str | None = None
    source_run_id: str | None = None
    status: LoggedModelStatus = LoggedModelStatus.PENDING
    tags: dict[str, str] = field(factory=dict)
    params: dict[str, str] = field(factory=dict)
    metrics: list[Metric] = field(factory=list)
    deleted_time: int | None = None

    def to_model(self) -> LoggedModel:
        """Return the model, which later changes of the record do not change."""
        return LoggedModel(
            self.experiment_id,
            self.model_id,
            self.name,
            self.artifact_location,
            self.created,
            self.updated,
            self.model_type,
            self.source_run_id,
            self.status,
            None,
            dict(self.tags),
            dict(self.params),
            sorted(self.metrics, key=lambda point: (point.timestamp, point.step)),
            LifecycleStage.ACTIVE if self.deleted_time is None else LifecycleStage.DELETED,
        )

    def add(self, points: Iterable[Metric], run_id: str) -> None:
        """Add points that were logged to a run; one of the same time, step and data is replaced."""
        known = {_place(point): point for point in self.metrics}
        for point in points:
            own = evolve(point, run_id=run_id)
            known[_place(own)] = own
        self.metrics = [*known.values()]


@define
class TraceRecord:
    """All that is kept of one trace; the value type of the mapping of traces.

    ``outlined`` says whether its outline was sent; else all that is known comes from its spans.
    ``runs`` are those that it was linked to, ``prompts`` the versions it used (``NAME/VERSION``).
    """

    info: TraceInfo
    outlined: bool = False
    spans: list[Span] = field(factory=list)
    assessments: list[Assessment] = field(factory=list)
    runs: list[str] = field(factory=list)
    prompts: list[str] = field(factory=list)

    def copied(self) -> TraceRecord:
        """Return a record that later changes of this one do not change, nor its own this one."""
        return TraceRecord(
            self.info,
            self.outlined,
            [*self.spans],
            [*self.assessments],
            [*self.runs],
            [*self.prompts],
        )

    def to_info(self) -> TraceInfo:
        """Return the outline, which later changes of the record do not change."""
        return evolve(
            self.info,
            tags=dict(self.info.tags),
            trace_metadata=dict(self.info.trace_metadata),
            assessments=list(self.assessments),
        )

    def to_trace(self) -> Trace:
        """Return the trace with its spans, in the order they began."""
        ordered = sorted(self.spans, key=lambda span: (span.start_time_ns, bool(span.parent_id)))
        return Trace(self.to_info(), [_plain(span) for span in ordered])


def _plain(span: Span) -> Span:
    # What reads a file may have made tuples of lists.
    events, links = list(span.events) or (), list(span.links) or ()
    return evolve(span, events=events, links=links)


class Records:
    """The mappings of a store, the lock that guards every use of them, and what they hold."""

    def __init__(
        self,
        experiments: MutableMapping[str, Experiment],
        runs: MutableMapping[str, RunRecord],
        models: MutableMapping[str, ModelRecord] | None = None,
        traces: MutableMapping[str, TraceRecord] | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.experiments = experiments
        self.runs = runs
        self.models = {} if models is None else models
        self.traces = {} if traces is None else traces
        self.lock = threading.RLock() if lock is None else lock

    def experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment; NotFound."""
        try:
            return self.experiments[experiment_id]
        except KeyError:
            raise refusals.no_experiment(experiment_id) from None

    def active_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment; NotFound, or InvalidState if it is deleted."""
        experiment = self.experiment(experiment_id)
        if experiment.lifecycle_stage is LifecycleStage.DELETED:
            raise refusals.experiment_deleted(experiment_id, experiment.name)
        return experiment

    def run(self, run_id: str) -> RunRecord:
        """Return the record of a run; NotFound."""
        try:
            return self.runs[run_id]
        except KeyError:
            raise refusals.no_run(run_id) from None

    def active_run(self, run_id: str) -> RunRecord:
        """Return the record of a run; NotFound, or InvalidState if it is deleted."""
        record = self.run(run_id)
        if record.info.lifecycle_stage is LifecycleStage.DELETED:
            raise refusals.run_deleted(run_id)
        return record

    def runs_of(self, experiment_ids: Sequence[str]) -> Iterator[RunRecord]:
        """Yield the runs of experiments."""
        wanted = set(experiment_ids)
        return (r for r in list(self.runs.values()) if r.info.experiment_id in wanted)

    def model(self, model_id: str, *, allow_deleted: bool = False) -> ModelRecord:
        """Return the record of a logged model; NotFound."""
        try:
            record = self.models[model_id]
        except KeyError:
            raise refusals.no_model(model_id) from None
        if record.deleted_time is not None and not allow_deleted:
            raise refusals.no_model(model_id)
        return record

    def trace(self, trace_id: str) -> TraceRecord:
        """Return the record of a trace; NotFound."""
        try:
            return self.traces[trace_id]
        except KeyError:
            raise refusals.no_trace(trace_id) from None

    def remove_run(self, run_id: str) -> None:
        """Remove a run, its points of models and its links to traces."""
        for model_id, model in list(self.models.items()):
            kept = [point for point in model.metrics if point.run_id != run_id]
            if len(kept) < len(model.metrics):
                model.metrics = kept
                self.models[model_id] = model
        for trace_id, trace in list(self.traces.items()):
            if run_id in trace.runs:
                trace.runs.remove(run_id)
                self.traces[trace_id] = trace
        del self.runs[run_id]

    def remove_experiment(self, experiment_id: str) -> None:
        """Remove an experiment with its models and traces."""
        for model_id, model in list(self.models.items()):
            if model.experiment_id == experiment_id:
                self.remove_model(model_id)
        for trace_id, trace in list(self.traces.items()):
            if trace.info.experiment_id == experiment_id:
                del self.traces[trace_id]
        del self.experiments[experiment_id]

    def remove_model(self, model_id: str) -> None:
        """Remove a logged model, and what runs say of it."""
        for run_id, run in list(self.runs.items()):
            inputs = [item for item in run.model_inputs if item.model_id != model_id]
            outputs = [item for item in run.model_outputs if item.model_id != model_id]
            if (inputs, outputs) != (run.model_inputs, run.model_outputs):
                run.model_inputs, run.model_outputs = inputs, outputs
                self.runs[run_id] = run
        del self.models[model_id]


def _place(point: Metric) -> tuple[object, ...]:
    on = (point.dataset_name or "", point.dataset_digest or "")
    return point.key, point.run_id, *on, point.step, point.timestamp


def _identity(point: Metric) -> _Identity:
    return point.step, point.timestamp, None if point.value != point.value else point.value


def _is_later(point: Metric, than: Metric | None) -> bool:
    """Whether a point becomes the latest: by step, then time, then value (NaN counts as 0)."""
    if than is None:
        return True
    return _rank(point) > _rank(than)


def _rank(point: Metric) -> tuple[int, int, float]:
    return point.step, point.timestamp, 0.0 if point.value != point.value else point.value
