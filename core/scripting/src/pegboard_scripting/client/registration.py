"""From what a script trained to a version of a registered model."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve
from pegboard import uris
from pegboard.entities.registry import ModelVersionStatus
from pegboard.errors import (
    InvalidState,
    InvalidValue,
    NotFound,
    PegboardError,
    command_line,
    quoted,
)

from pegboard_scripting import model_uris
from pegboard_scripting.model_uris import Source
from pegboard_scripting.resolver import MODEL_FILE, Kind, kind_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard.contracts.registry import ModelRegistry
    from pegboard.entities.registry import ModelVersion

    from pegboard_scripting.client.client import Client
    from pegboard_scripting.resolver import NamedFiles

VERSIONS_TAG = "mlflow.modelVersions"
"""The tag of a logged model that lists the versions made from it, as JSON."""

logger = logging.getLogger("pegboard")


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
        origin.uri,
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


def find_origin(client: Client, model_uri: str) -> Source:
    """Return what a model's URI names, as the source of a version; NotFound if no model is there.

    InvalidValue if it names a part of a model.
    """
    named = client.named_files(model_uri)
    if named.version is not None or named.model_id is not None:
        return source_of(named)
    local = uris.parse(model_uri).scheme in (uris.PLAIN_PATH, "file")
    if not local and named.run_id is None:
        # The caller need not be able to read files that lie elsewhere.
        return source_of(named)
    if kind_at(client.open_files(named), named.path) is not Kind.MODEL:
        raise _no_model(named)
    if uris.parse(model_uri).scheme == uris.PLAIN_PATH:
        return Source(str(Path(named.place)))
    return source_of(named)


def described(
    client: Client, source: str, run_id: str | None = None, model_id: str | None = None
) -> Source:
    """Return what a new version records about its source.

    A logged model gives its run, its id and its files; a version all that, for the copy; files of a
    run give the run. Other sources say nothing. What the caller knows (``run_id``, ``model_id``)
    takes precedence. NotFound if a ``models:`` URI names what is not there.
    """
    if model_uris.is_model_uri(source):
        found = source_of(client.named_files(source))
        return evolve(found, run_id=run_id or found.run_id, model_id=model_id or found.model_id)
    if not run_id and (named_run := model_uris.parse_run(source)) is not None:
        run_id = named_run[0]
    if not run_id and model_id:
        run_id = client.get_logged_model(model_id).source_run_id
    return Source(source, run_id, model_id)


def source_of(named: NamedFiles) -> Source:
    """Return files as the source of a version, with what is known of their origin.

    InvalidValue if they are a part of a model.
    """
    of_model = named.version is not None or named.model_id is not None
    if of_model and named.path:
        raise InvalidValue(
            f"{quoted(named.uri)} is a part of a model, not the whole of one.",
            hint=f"Leave out {named.path!r}.",
        )
    if (version := named.version) is not None:
        # A copy says of its origin what the version says, which may be less than the files do.
        return Source(version.model_uri, version.run_id, version.model_id, named.location)
    if named.model_id is not None:
        return Source(f"models:/{named.model_id}", named.run_id, named.model_id, named.location)
    return Source(named.uri if named.run_id is None else named.place, named.run_id)


def _no_model(named: NamedFiles) -> NotFound:
    if named.run_id is None:
        return NotFound(
            f"There is no model in {named.place}: it has no file {MODEL_FILE!r}.",
            hint="Name the directory that save_model wrote, runs:/RUN/NAME or models:/m-ID.",
        )
    return NotFound(
        f"The run {named.run_id!r} has no model {named.path!r}: neither a directory of that name "
        f"with a file {MODEL_FILE!r}, nor a logged model.",
        hint=f"What it has: {command_line('pegboard', 'artifacts', 'list', named.run_id)}",
    )


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
    """Note in a logged model that a version was made from it; a failure to do so is ignored."""
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
