"""Entities as MLflow's JSON, both ways: for the server, and for clients of such a server.

``..._json`` makes what JSON encoders take (NaN and infinities are strings already); ``read_...``
takes what a JSON decoder made, checks it, and raises InvalidValue. Fields that are not known are
passed over, as the protocol demands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pegboard.contracts.tracking import MetricColumns
from pegboard.entities import (
    Dataset,
    DatasetInput,
    DatasetSummary,
    Experiment,
    FileInfo,
    InputTag,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunTag,
)
from pegboard.errors import InvalidValue
from pegboard_wire import scalars
from pegboard_wire.pairs import JsonObject, pairs_json, read_pairs
from pegboard_wire.scalars import double, get, integer, items, message, need, string

_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1


# -- keys with values ------------------------------------------------------------------------------


def param_json(param: Param) -> JsonObject:
    """Return a param."""
    return {"key": param.key, "value": param.value}


def read_params(value: Any, what: str = "params") -> list[Param]:
    """Read params."""
    return [Param(key, text) for key, text in read_pairs(value, what)]


def tag_json(tag: RunTag | InputTag) -> JsonObject:
    """Return a tag of a run, or of the use of a dataset."""
    return {"key": tag.key, "value": tag.value}


def read_tags(value: Any, what: str = "tags") -> list[RunTag]:
    """Read a run's tags."""
    return [RunTag(key, text) for key, text in read_pairs(value, what)]


# -- metrics ---------------------------------------------------------------------------------------


def metric_json(point: Metric) -> JsonObject:
    """Return a metric point."""
    value = point.value
    made: JsonObject = {
        "key": point.key,
        # Only NaN and infinities differ from themselves by more than nothing.
        "value": value if value - value == 0 else scalars.number_json(value),
        "timestamp": point.timestamp,
        "step": point.step,
    }
    if point.model_id:
        made["model_id"] = point.model_id
    if point.dataset_name:
        made["dataset_name"] = point.dataset_name
    if point.dataset_digest:
        made["dataset_digest"] = point.dataset_digest
    if point.run_id:
        made["run_id"] = point.run_id
    return made


def read_metrics(value: Any, what: str = "metrics") -> list[Metric]:
    """Read metric points."""
    made: list[Metric] = []
    for i, item in enumerate(items(value, what)):
        try:
            key, number, timestamp = item["key"], item["value"], item["timestamp"]
            step = item["step"]
        except (KeyError, TypeError):
            made.append(read_metric(item, f"{what}[{i}]"))
            continue
        if (
            len(item) == 4
            and type(key) is str
            and key
            and type(number) is float
            and type(timestamp) is int
            and type(step) is int
            and _LEAST <= timestamp <= _GREATEST
            and _LEAST <= step <= _GREATEST
        ):
            # The usual form: batches of a thousand are to be read in less than a millisecond.
            made.append(Metric(key, number, timestamp, step))
        else:
            made.append(read_metric(item, f"{what}[{i}]"))
    return made


def read_metric(value: Any, what: str = "metric") -> Metric:
    """Read a metric point; ``what`` is its place in errors, empty if it is the request itself."""
    fields, inside = message(value, what), f"{what}." if what else ""
    key, number, timestamp = fields.get("key"), fields.get("value"), fields.get("timestamp")
    step = fields.get("step")
    if type(key) is not str or not key:
        key = string(need(fields, "key", f"{inside}key"), f"{inside}key")
    if type(number) is not float:
        number = double(need(fields, "value", f"{inside}value"), f"{inside}value")
    if type(timestamp) is not int or not _LEAST <= timestamp <= _GREATEST:
        named = f"{inside}timestamp"
        timestamp = integer(need(fields, "timestamp", named), named)
    if type(step) is not int or not _LEAST <= step <= _GREATEST:
        step = 0 if step is None else integer(step, f"{inside}step")
    if len(fields) <= 4:
        return Metric(key, number, timestamp, step)
    rest = ("model_id", "dataset_name", "dataset_digest", "run_id")
    return Metric(key, number, timestamp, step, *(_text(fields, name, what) for name in rest))


def metrics_json(key: str, columns: MetricColumns) -> list[JsonObject]:
    """Return the points of one metric."""
    values: Iterable[float | str] = columns.values
    if not math.isfinite(sum(columns.values)):
        values = map(scalars.number_json, columns.values)
    return [
        {"key": key, "value": value, "timestamp": timestamp, "step": step}
        for value, timestamp, step in zip(values, columns.timestamps, columns.steps, strict=True)
    ]


# -- datasets and models of a run ------------------------------------------------------------------


def dataset_input_json(item: DatasetInput) -> JsonObject:
    """Return the use of a dataset."""
    made: JsonObject = {"dataset": dataset_json(item.dataset)}
    if item.tags:
        made["tags"] = [tag_json(tag) for tag in item.tags]
    return made


def dataset_json(dataset: Dataset) -> JsonObject:
    """Return the description of a dataset."""
    made = {
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
    }
    if dataset.schema is not None:
        made["schema"] = dataset.schema
    if dataset.profile is not None:
        made["profile"] = dataset.profile
    return made


def read_dataset_input(value: Any, what: str = "dataset_input") -> DatasetInput:
    """Read the use of a dataset."""
    fields = message(value, what)
    named = f"{what}.dataset"
    described = message(need(fields, "dataset", named), named)
    required = ("name", "digest", "source_type", "source")
    dataset = Dataset(
        *(string(need(described, n, f"{named}.{n}"), f"{named}.{n}") for n in required),
        *(_text(described, name, named) for name in ("schema", "profile")),
    )
    pairs = read_pairs(fields.get("tags"), f"{what}.tags")
    return DatasetInput(dataset, tuple(InputTag(key, text) for key, text in pairs))


def read_dataset_inputs(value: Any, what: str = "datasets") -> list[DatasetInput]:
    """Read uses of datasets."""
    found = enumerate(items(value, what))
    return [read_dataset_input(item, f"{what}[{i}]") for i, item in found]


def dataset_summary_json(summary: DatasetSummary) -> JsonObject:
    """Return what is known of a dataset that an experiment used."""
    made = {
        "experiment_id": summary.experiment_id,
        "name": summary.name,
        "digest": summary.digest,
    }
    if summary.context is not None:
        made["context"] = summary.context
    return made


def read_dataset_summary(value: Any) -> DatasetSummary:
    """Read what is known of a dataset that an experiment used."""
    fields = message(value, "dataset_summary")
    return DatasetSummary(
        string(need(fields, "experiment_id"), "experiment_id"),
        string(need(fields, "name"), "name"),
        string(need(fields, "digest"), "digest"),
        _text(fields, "context"),
    )


def model_input_json(item: LoggedModelInput) -> JsonObject:
    """Return the use of a model."""
    return {"model_id": item.model_id}


def read_model_inputs(value: Any, what: str = "models") -> list[LoggedModelInput]:
    """Read uses of models."""
    return [LoggedModelInput(_model_id(item, what)) for item in items(value, what)]


def model_output_json(item: LoggedModelOutput) -> JsonObject:
    """Return the making of a model."""
    return {"model_id": item.model_id, "step": item.step}


def read_model_outputs(value: Any, what: str = "models") -> list[LoggedModelOutput]:
    """Read the making of models."""
    return [
        LoggedModelOutput(_model_id(item, what), integer(item.get("step") or 0, f"{what}.step"))
        for item in items(value, what)
    ]


def _model_id(value: Any, what: str) -> str:
    named = f"{what}.model_id"
    return string(need(message(value, what), "model_id", named), named)


# -- experiments and runs --------------------------------------------------------------------------


def experiment_json(experiment: Experiment) -> JsonObject:
    """Return an experiment."""
    made: JsonObject = {
        "experiment_id": experiment.experiment_id,
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle_stage.value,
    }
    if experiment.last_update_time is not None:
        made["last_update_time"] = experiment.last_update_time
    if experiment.creation_time is not None:
        made["creation_time"] = experiment.creation_time
    if experiment.tags:
        made["tags"] = pairs_json(experiment.tags)
    return made


def read_experiment(value: Any) -> Experiment:
    """Read an experiment."""
    fields = message(value, "experiment")
    return Experiment(
        string(need(fields, "experiment_id"), "experiment_id"),
        _text(fields, "name") or "",
        _text(fields, "artifact_location") or "",
        _stage(fields),
        dict(read_pairs(fields.get("tags"), "tags")),
        _time(fields, "creation_time"),
        _time(fields, "last_update_time"),
    )


def run_json(run: Run) -> JsonObject:
    """Return a run with its latest data."""
    data, made = run.data, {}
    if data.latest:
        made["metrics"] = [metric_json(point) for point in data.latest.values()]
    if data.params:
        made["params"] = [{"key": key, "value": value} for key, value in data.params.items()]
    if data.tags:
        made["tags"] = [{"key": key, "value": value} for key, value in data.tags.items()]
    return {
        "info": run_info_json(run.info),
        "data": made,
        "inputs": run_inputs_json(run.inputs),
        "outputs": run_outputs_json(run.outputs),
    }


def read_run(value: Any) -> Run:
    """Read a run with its latest data."""
    fields = message(value, "run")
    data, inputs, outputs = (
        message(fields.get(name) or {}, name) for name in ("data", "inputs", "outputs")
    )
    return Run(
        read_run_info(fields.get("info")),
        RunData(
            {point.key: point for point in read_metrics(data.get("metrics"))},
            dict(read_pairs(data.get("params"), "params")),
            dict(read_pairs(data.get("tags"), "tags")),
        ),
        RunInputs(
            read_dataset_inputs(get(inputs, "dataset_inputs"), "dataset_inputs"),
            read_model_inputs(get(inputs, "model_inputs"), "model_inputs"),
        ),
        RunOutputs(read_model_outputs(get(outputs, "model_outputs"), "model_outputs")),
    )


def run_info_json(info: RunInfo) -> JsonObject:
    """Return the outline of a run."""
    made: JsonObject = {
        "run_id": info.run_id,
        "run_uuid": info.run_id,
        "run_name": info.run_name,
        "experiment_id": info.experiment_id,
        "user_id": info.user_id,
        "status": scalars.status_json(info.status),
        "start_time": info.start_time,
        "artifact_uri": info.artifact_uri,
        "lifecycle_stage": info.lifecycle_stage.value,
    }
    if info.end_time is not None:
        made["end_time"] = info.end_time
    return made


def read_run_info(value: Any) -> RunInfo:
    """Read the outline of a run."""
    fields = message(value, "run_info")
    return RunInfo(
        string(get(fields, "run_id") or need(fields, "run_uuid", "run_id"), "run_id"),
        _text(fields, "experiment_id") or "",
        _text(fields, "run_name") or "",
        _text(fields, "user_id") or "",
        scalars.status(need(fields, "status")),
        _time(fields, "start_time") or 0,
        _time(fields, "end_time"),
        _stage(fields),
        _text(fields, "artifact_uri") or "",
    )


def run_inputs_json(inputs: RunInputs) -> JsonObject:
    """Return what went into a run."""
    made: JsonObject = {}
    if inputs.dataset_inputs:
        made["dataset_inputs"] = [dataset_input_json(item) for item in inputs.dataset_inputs]
    if inputs.model_inputs:
        made["model_inputs"] = [model_input_json(item) for item in inputs.model_inputs]
    return made


def run_outputs_json(outputs: RunOutputs) -> JsonObject:
    """Return what came out of a run."""
    if not outputs.model_outputs:
        return {}
    return {"model_outputs": [model_output_json(item) for item in outputs.model_outputs]}


# -- artifacts -------------------------------------------------------------------------------------


def file_json(file: FileInfo) -> JsonObject:
    """Return an artifact."""
    made: JsonObject = {"path": file.path, "is_dir": file.is_dir}
    if file.file_size is not None:
        made["file_size"] = file.file_size
    return made


def read_file(value: Any) -> FileInfo:
    """Read an artifact."""
    fields = message(value, "file")
    is_dir = get(fields, "is_dir")
    return FileInfo(
        string(need(fields, "path"), "path"),
        is_dir is not None and scalars.boolean(is_dir, "is_dir"),
        _time(fields, "file_size"),
    )


# -- pages -----------------------------------------------------------------------------------------


def _text(fields: Mapping[str, Any], name: str, what: str = "") -> str | None:
    value = get(fields, name)
    return None if value is None else string(value, f"{what}.{name}" if what else name)


def _time(fields: Mapping[str, Any], name: str) -> int | None:
    value = get(fields, name)
    return None if value is None else integer(value, name)


def _stage(fields: Mapping[str, Any]) -> LifecycleStage:
    value = get(fields, "lifecycle_stage")
    try:
        return LifecycleStage.ACTIVE if value is None else LifecycleStage(value)
    except ValueError:
        raise InvalidValue(f"The field 'lifecycle_stage' is {value!r}.").about(
            "wrong_field", field="lifecycle_stage", value=value
        ) from None
