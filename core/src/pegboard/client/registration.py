"""From what a script trained to a version of a registered model."""

from __future__ import annotations

import json
import logging
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pegboard import model_uris, paging, paths, uris
from pegboard.entities.registry import ModelVersionStatus
from pegboard.errors import InvalidState, NotFound, PegboardError
from pegboard.filters import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard.client.client import Client
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.entities import Page, Run
    from pegboard.entities.logged_models import LoggedModel
    from pegboard.entities.registry import ModelVersion

MODEL_FILE = "MLmodel"
"""The file that every model's directory has."""

VERSIONS_TAG = "mlflow.modelVersions"
"""The tag of a logged model that lists the versions made from it, as JSON."""

_OF_RUN = re.compile(r"runs:/+([^/]+)(?:/(.*))?")

logger = logging.getLogger("pegboard")


@frozen
class Origin:
    """Where the files of a version are, and what made them."""

    source: str
    run_id: str | None = None
    model_id: str | None = None


def register(
    client: Client,
    model_uri: str,
    name: str,
    tags: Mapping[str, Any] | None,
    wait: float,
    description: str = "",
    reason: str = "",
) -> ModelVersion:
    """Make a version of a registered model, which is created if need be, from a model's URI.

    Nothing is created unless the model is there.
    """
    origin = find_origin(client, model_uri)
    client._ensure_registered(name)
    made = client.create_model_version(
        name,
        origin.source,
        origin.run_id,
        tags,
        description=description,
        await_creation_for=wait,
        model_id=origin.model_id,
        reason=reason,
    )
    if made.model_id:
        _link(client, made.model_id, made)
    return made


def find_origin(client: Client, model_uri: str) -> Origin:
    """Return what a model's URI names; NotFound if no model is there.

    ``runs:/ID/PATH`` is a directory of the run's files, or the logged model of that name that the
    run made last.
    """
    if model_uris.is_model_uri(model_uri):
        found = model_uris.resolve(model_uri, client.store, client.registry)
        return Origin(found.uri, found.run_id, found.model_id)
    if match := _OF_RUN.fullmatch(model_uri):
        return _of_run(client, client.get_run(match[1]), match[2] or "")
    uri = uris.parse(model_uri)
    if uri.scheme in (uris.PLAIN_PATH, "file"):
        directory = uri.local_path()
        if not (directory / MODEL_FILE).is_file():
            raise NotFound(
                f"There is no model in {directory}: it has no file {MODEL_FILE!r}.",
                hint="Name the directory that save_model wrote, runs:/RUN/NAME or models:/m-ID.",
            )
        return Origin(str(directory) if uri.scheme == uris.PLAIN_PATH else model_uri)
    return Origin(model_uri)


def _of_run(client: Client, run: Run, path: str) -> Origin:
    path = paths.safe_relative(path)
    run_id = run.info.run_id
    files = client.artifacts(run_id).list(path)
    if any(Path(file.path).name == MODEL_FILE for file in files):
        root = run.info.artifact_uri
        return Origin(uris.join(root, path) if path else root, run_id)
    models = _logged_models(client, run, path)
    if not models:
        raise NotFound(
            f"The run {run_id!r} has no model {path!r}: neither a directory of that name with a "
            f"file {MODEL_FILE!r}, nor a logged model.",
            hint=f"'pegboard artifacts list {run_id}' shows what it has.",
        )
    steps = {output.model_id: output.step for output in run.outputs.model_outputs}
    last = max(models, key=lambda m: (steps.get(m.model_id, -1), m.creation_timestamp))
    return Origin(last.model_uri, run_id, last.model_id)


def _logged_models(client: Client, run: Run, name: str) -> list[LoggedModel]:
    if not name:
        return []

    def found(page_token: str | None = None) -> Page[LoggedModel]:
        return client.search_logged_models(
            [run.info.experiment_id],
            filter_string=f"name = {literal(name)}",
            page_token=page_token,
        )

    return [model for model in paging.items(found) if model.source_run_id == run.info.run_id]


def noted(known: list[Any], made: ModelVersion) -> str:
    """Return the value of VERSIONS_TAG for the versions that it names, and one more.

    Versions are numbers in it; those that were written as texts become numbers.
    """
    versions = [
        {**each, "version": int(each["version"])}
        if isinstance(each, dict) and str(each.get("version")).isdecimal()
        else each
        for each in known
    ]
    version = {"name": made.name, "version": int(made.version)}
    return json.dumps(versions if version in versions else [*versions, version])


def _link(client: Client, model_id: str, made: ModelVersion) -> None:
    """Note in a logged model that a version was made from it; what cannot be noted is no error."""
    try:
        before = client.get_logged_model(model_id).tags.get(VERSIONS_TAG, "[]")
        tag = noted(json.loads(before), made)
        # A server may have noted it already.
        if tag != before:
            client.set_logged_model_tags(model_id, {VERSIONS_TAG: tag})
    except (PegboardError, ValueError, TypeError) as error:
        logger.warning("The logged model %s was not linked to its version: %s", model_id, error)


def wait_for(registry: ModelRegistry, version: ModelVersion, seconds: float) -> ModelVersion:
    """Return a version once it is READY; InvalidState if it fails or takes longer than that.

    0 or less waits not at all.
    """
    deadline = time.monotonic() + seconds
    pause = 0.05
    while seconds > 0 and version.status is ModelVersionStatus.PENDING_REGISTRATION:
        if time.monotonic() > deadline:
            raise InvalidState(
                f"{version.model_uri} was not ready within {seconds:g} seconds.",
                hint="It may become so later; await_registration_for waits longer.",
            )
        time.sleep(pause)
        pause = min(2 * pause, 2.0)
        version = registry.get_version(version.name, version.version)
    if version.status is ModelVersionStatus.FAILED_REGISTRATION:
        why = version.status_message or "the registry gives no reason"
        raise InvalidState(f"{version.model_uri} could not be registered: {why}.")
    return version
