"""Logging a model: a logged model with its files, its run's output, a registered version."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from pegboard.contracts.models import ModelFlavor
from pegboard.entities.logged_models import LoggedModelOutput, LoggedModelStatus
from pegboard.errors import PegboardError

from pegboard_models import saving
from pegboard_models.info import ModelInfo
from pegboard_models.mlmodel import Model

if TYPE_CHECKING:
    from pegboard.entities.logged_models import LoggedModel
    from pegboard_scripting.client import Client

logger = logging.getLogger(__name__)


@frozen
class Destination:
    """Where a model is logged to; see ``log_model``."""

    name: str | None = None
    run_id: str | None = None
    registered_model_name: str | None = None
    params: Mapping[str, Any] = field(factory=dict)
    tags: Mapping[str, Any] = field(factory=dict)
    model_type: str | None = None
    step: int = 0
    model_id: str | None = None


def log(
    flavor: ModelFlavor, model: Any, destination: Destination, options: Mapping[str, Any]
) -> ModelInfo:
    """Log a model; see ``log_model``."""
    from pegboard_scripting.fluent.experiments import client as current_client
    from pegboard_scripting.fluent.runs import active_run

    client = current_client()
    active = active_run()
    run_id = destination.run_id or (active.info.run_id if active is not None else None)
    logged = _logged_model(client, run_id, destination)
    with _failed_unless_done(client, logged):
        mlmodel = Model(
            artifact_path=logged.artifact_location,
            run_id=run_id,
            model_id=logged.model_id,
            model_uuid=logged.model_id,
        )
        with tempfile.TemporaryDirectory(prefix="pegboard-") as directory:
            place = Path(directory, "model")
            saving.save_model(flavor, model, place, mlmodel=mlmodel, **options)
            client.log_model_artifacts(logged.model_id, place)
        if run_id is not None:
            if destination.model_id is None:
                _link_metrics(client, run_id, logged.model_id, destination.step)
            client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, destination.step)])
            _log_configuration(client, run_id, (options.get("options") or {}).get("model_config"))
    logged = client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    version = None
    if destination.registered_model_name is not None:
        version = _register(destination.registered_model_name, logged, destination.tags)
    return ModelInfo(logged.model_uri, mlmodel, logged, version)


def _logged_model(client: Client, run_id: str | None, destination: Destination) -> LoggedModel:
    if destination.model_id is not None:
        return client.get_logged_model(destination.model_id)
    from pegboard_scripting.fluent.models import initialize_logged_model

    run = None if run_id is None else client.get_run(run_id)
    return initialize_logged_model(
        destination.name,
        source_run_id=run_id,
        tags=destination.tags,
        params={**destination.params, **(run.data.params if run is not None else {})},
        model_type=destination.model_type,
        experiment_id=None if run is None else run.info.experiment_id,
    )


@contextmanager
def _failed_unless_done(client: Client, logged: LoggedModel) -> Iterator[None]:
    """Mark a logged model as FAILED if the block raises; the run goes on."""
    try:
        yield
    except BaseException:
        # The error that is on its way says more than one about marking.
        with suppress(PegboardError):
            client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
        raise


def _link_metrics(client: Client, run_id: str, model_id: str, step: int) -> None:
    """Let the metrics that the run has logged at this step be the model's too."""
    from attrs import evolve

    client.writer.flush()
    run = client.get_run(run_id)
    # What is a metric of another model that the run made says nothing of this one.
    others = {
        (point.key, point.step, point.timestamp)
        for output in run.outputs.model_outputs
        for point in client.get_logged_model(output.model_id).metrics
    }
    points = [
        evolve(point, model_id=model_id, run_id=None)
        for key, latest in run.data.latest.items()
        for point in ([latest] if latest.step == step else client.get_metric_history(run_id, key))
        if point.step == step and (point.key, point.step, point.timestamp) not in others
    ]
    if points:
        client.log_batch(run_id, metrics=points)


def _log_configuration(client: Client, run_id: str, given: Any) -> None:
    """Let the configuration of a custom model be params of the run, as far as it can."""
    from pegboard.entities import Param

    from pegboard_models.configuration import configuration, flattened

    params = [Param(key, value) for key, value in flattened(configuration(given) or {}).items()]
    if not params:
        return
    try:
        client.log_batch(run_id, params=params)
    except PegboardError as error:
        logger.warning("The model's configuration is not among the run's params: %s", error)


def _register(name: str, logged: LoggedModel, tags: Mapping[str, Any]) -> str:
    import pegboard

    version = pegboard.register_model(logged.model_uri, name, tags=dict(tags))
    return str(version.version)
