"""Logging to the active run, which is started if there is none.

A thread without a run of its own logs to the one that is open in the process, if exactly one is.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from pegboard.entities import DatasetInput, InputTag, Metric, Param, RunTag
from pegboard.errors import InvalidValue
from pegboard.tags import DATASET_CONTEXT

from pegboard_scripting.client import writers
from pegboard_scripting.client.operations import DONE, outcome
from pegboard_scripting.fluent import experiments, lifetime
from pegboard_scripting.fluent.runs import active, here

if TYPE_CHECKING:
    import pandas
    from pegboard.entities.logged_models import LoggedModelInput
    from pegboard.paths import RelativePath

    from pegboard_scripting.client import Client
    from pegboard_scripting.client.operations import RunOperations

_time_ns = time.time_ns


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Add a point to a metric. ``step`` is 0 by default, ``timestamp`` (ms) is now.

    With ``model_id``, or an active model, it is a metric of that logged model too, measured on
    ``dataset``.
    """
    # Called in the innermost loops of training: everything was looked up before.
    log = here.log
    if model_id is not None or dataset is not None or here.model_id is not None:
        _log_of_model({key: value}, step, timestamp, run_id, model_id, dataset)
        return outcome(synchronous)
    if run_id is not None:
        return _client_of(run_id).log_metric(run_id, key, value, timestamp, step, synchronous)
    if log is None:
        log = active().client.writer.log
    log(here.run_id, key, value, timestamp or _time_ns() // 1_000_000, step or 0)
    return None if synchronous is None or synchronous else DONE


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Add a point to each of several metrics, all of the same step and time; all or none.

    With ``model_id``, or an active model, they are metrics of that logged model too, measured on
    ``dataset``.
    """
    log_many = here.log_many
    if model_id is not None or dataset is not None or here.model_id is not None:
        _log_of_model(metrics, step, timestamp, run_id, model_id, dataset)
        return outcome(synchronous)
    if run_id is not None:
        log_many = _client_of(run_id).writer.log_many
    elif log_many is None:
        log_many = active().client.writer.log_many
    log_many(
        here.run_id if run_id is None else run_id,
        metrics,
        timestamp or _time_ns() // 1_000_000,
        step or 0,
    )
    return None if synchronous is None or synchronous else DONE


def _log_of_model(
    values: Mapping[str, float],
    step: int | None,
    timestamp: int | None,
    run_id: str | None,
    model_id: str | None,
    dataset: Any,
) -> None:
    """Log metrics measured of a model or on a dataset; the run uses both, if it made neither."""
    from pegboard.entities.logged_models import LoggedModelInput

    target, run_id = _target(run_id)
    run, model_id = target.get_run(run_id), model_id or here.model_id
    known = {item.model_id for item in run.inputs.model_inputs}
    known |= {item.model_id for item in run.outputs.model_outputs}
    models = [LoggedModelInput(model_id)] if model_id and model_id not in known else []
    used = [] if dataset is None else [_dataset_input(dataset, None, None)]
    target.log_inputs(run_id, used, models)
    name = used[0].dataset.name if used else None
    digest = used[0].dataset.digest if used else None
    time_ms = timestamp or _time_ns() // 1_000_000
    points = [
        Metric(key, value, time_ms, step or 0, model_id, name, digest)
        for key, value in values.items()
    ]
    target.log_batch(run_id, metrics=points)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Set a param, as text, once; return the value."""
    return _active_client().log_param(here.run_id, key, value, synchronous)


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Set params, as text, once; all of them or, on an error, none."""
    target, run_id = _target(run_id)
    target.log_batch(run_id, params=[Param(key, value) for key, value in params.items()])
    return outcome(synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Set or change a tag."""
    return _active_client().set_tag(here.run_id, key, value, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Set or change tags; all of them or, on an error, none."""
    items = [RunTag(key, value) for key, value in tags.items()]
    return _active_client().log_batch(here.run_id, tags=items, synchronous=synchronous)


def delete_tag(key: str) -> None:
    """Remove a tag; NotFound if there is none of that key."""
    _active_client().delete_tag(here.run_id, key)


# -- datasets --------------------------------------------------------------------------------------


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: LoggedModelInput | None = None,
) -> None:
    """Record a dataset that the run uses, and for what: a context such as ``training``.

    ``dataset`` is one of ``pegboard.data``, or data itself that an installed plugin knows.
    ``model`` is a logged model that the run uses.
    """
    datasets = [] if dataset is None else [_dataset_input(dataset, context, tags)]
    if datasets or model is not None:
        models = None if model is None else [model]
        _active_client().log_inputs(here.run_id, datasets, models)


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[LoggedModelInput | None] | None = None,
) -> None:
    """Record several datasets, in lists of one length, and logged models that the run uses."""
    lists = datasets or [], contexts or [], tags_list or []
    if len({len(given) for given in lists}) > 1:
        raise InvalidValue("log_inputs needs datasets, contexts and tags_list of one length.")
    inputs = [_dataset_input(*item) for item in zip(*lists, strict=True) if item[0] is not None]
    used = [model for model in models or () if model is not None]
    _active_client().log_inputs(here.run_id, inputs, used)


def _dataset_input(
    dataset: Any, context: str | None, tags: Mapping[str, str] | None
) -> DatasetInput:
    from pegboard_scripting.data import describe

    given = {**({DATASET_CONTEXT: context} if context else {}), **(tags or {})}
    notes = [InputTag(key, str(value)) for key, value in given.items()]
    return DatasetInput(describe(dataset), notes)


# -- files -----------------------------------------------------------------------------------------


def log_artifact(
    local_path: str | os.PathLike[str],
    artifact_path: RelativePath | None = None,
    run_id: str | None = None,
) -> None:
    """Store a file, or a directory with its name, below ``artifact_path``."""
    target, run_id = _target(run_id)
    target.log_artifact(run_id, local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str],
    artifact_path: RelativePath | None = None,
    run_id: str | None = None,
) -> None:
    """Store every file below a directory, without its name, below ``artifact_path``."""
    target, run_id = _target(run_id)
    target.log_artifacts(run_id, local_dir, artifact_path)


def log_text(text: str, artifact_file: RelativePath, run_id: str | None = None) -> None:
    """Store text as a file (UTF-8)."""
    target, run_id = _target(run_id)
    target.log_text(run_id, text, artifact_file)


def log_dict(dictionary: Any, artifact_file: RelativePath, run_id: str | None = None) -> None:
    """Store a dict or list as YAML if the suffix is ``.yml`` or ``.yaml``, else as JSON."""
    target, run_id = _target(run_id)
    target.log_dict(run_id, dictionary, artifact_file)


def log_stream(
    stream: BinaryIO | io.BufferedIOBase | io.RawIOBase,
    artifact_file: RelativePath,
    run_id: str | None = None,
) -> None:
    """Store what a binary stream yields as a file."""
    target, run_id = _target(run_id)
    target.log_stream(run_id, stream, artifact_file)


def log_figure(
    figure: Any, artifact_file: RelativePath, *, save_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Store a matplotlib or plotly figure; the file's suffix decides the format."""
    _active_client().log_figure(here.run_id, figure, artifact_file, save_kwargs=save_kwargs)


def log_image(
    image: Any,
    artifact_file: RelativePath | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,
) -> None:
    """Store an image: as a file, or under a key as one of a series by step.

    ``image`` is a NumPy array, a Pillow image or a ``pegboard.Image``.
    """
    _active_client().log_image(here.run_id, image, artifact_file, key, step, timestamp, synchronous)


def log_table(data: Any, artifact_file: RelativePath, run_id: str | None = None) -> None:
    """Store a table (a dict or a pandas.DataFrame) as ``.json`` or ``.parquet``.

    Rows are added to a table of that path that is there already.
    """
    target, run_id = _target(run_id)
    target.log_table(run_id, data, artifact_file)


def load_table(
    artifact_file: RelativePath,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pandas.DataFrame:
    """Return the tables of that path of the active experiment's runs, one below the other.

    ``extra_columns`` are columns of ``search_runs``, such as ``run_id`` or ``params.lr``.
    """
    experiment_id = experiments.current_experiment_id()
    return experiments.client().load_table(experiment_id, artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: RelativePath | None = None) -> str:
    """Return the URI of the run's artifacts, or of one of them."""
    return _active_client().get_artifact_uri(here.run_id, artifact_path)


# -- done already ----------------------------------------------------------------------------------


def flush_async_logging() -> None:
    """Return when readers of the store see what was logged, also by workers to the open runs.

    Nothing is lost without it: what was logged is kept when the call that logged it returns. A
    server that is out of reach is waited for, but not for ever; a warning says so.
    """
    writers.flush_all()
    for open_run in lifetime.open_runs():
        open_run.client.writer.settle(open_run.run.info.run_id)


def flush_artifact_async_logging() -> None:
    """Return at once: what was logged is kept when the call that logged it returns."""


def _active_client() -> Client:
    return active().client


def _target(run_id: str | None) -> tuple[Client, str]:
    """Return a run to log to, and the client to do it with."""
    if run_id is None:
        return _active_client(), here.run_id
    return _client_of(run_id), run_id


def _client_of(run_id: str) -> Client:
    open_run = lifetime.find(run_id)
    return experiments.client() if open_run is None else open_run.client
