"""URIs of models: ``models:/NAME/3``, ``models:/NAME@ALIAS``, ``models:/m-…`` and the like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from pegboard import refusals
from pegboard.errors import InvalidValue, quoted

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities.registry import ModelVersion

LATEST = "latest"
"""What stands for the newest version, in place of an alias."""

_FORM = re.compile(r"models:/(?://)?([^/\0]+)(?:/([^\0]*))?", re.IGNORECASE)
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")


@frozen
class ModelUri:
    """What a ``models:`` URI names: a logged model by ``model_id``, or else a version of ``name``.

    The version is named by one of ``version``, ``alias`` and ``stage``. ``path`` is a file or a
    directory of the model, "" for all of it.
    """

    text: str
    model_id: str | None = None
    name: str = ""
    version: str | None = None
    alias: str | None = None
    stage: str | None = None
    path: str = ""


@frozen
class Source:
    """What a version is to be made from, with what the source itself says about its origin.

    ``storage_location`` is where its files are, None if that is what ``uri`` names.
    """

    uri: str
    run_id: str | None = None
    model_id: str | None = None
    storage_location: str | None = None


def is_model_uri(text: str) -> bool:
    """Whether a text is meant as a ``models:`` URI."""
    return text[:7].lower() == "models:"


def parse(text: str) -> ModelUri:
    """Parse a ``models:`` URI; InvalidValue if it is none.

    A number after the name is a version, ``latest`` the newest one, anything else a stage. A name
    alone is the id of a logged model.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise _malformed(text)
    first, more = match[1], match[2] or ""
    if _MODEL_ID.fullmatch(first):
        return ModelUri(text, model_id=first, path=more)
    choice, _, path = more.partition("/")
    if choice.isascii() and choice.isdigit():
        return ModelUri(text, name=first, version=str(int(choice[:18])), path=path)
    if choice.lower() == LATEST:
        return ModelUri(text, name=first, alias=LATEST, path=path)
    name, at, alias = first.rpartition("@")
    if at:
        if not name or not alias:
            raise _malformed(text)
        return ModelUri(text, name=name, alias=alias, path=more)
    if choice:
        return ModelUri(text, name=first, stage=choice, path=path)
    return ModelUri(text, model_id=first)


def find_version(registry: ModelRegistry, uri: ModelUri) -> ModelVersion:
    """Return the version that a URI names now; NotFound if there is none.

    InvalidValue if the URI names a logged model.
    """
    if uri.version is not None:
        return registry.get_version(uri.name, uri.version)
    if uri.alias is not None:
        return registry.version_by_alias(uri.name, uri.alias)
    if uri.stage is None:
        raise InvalidValue(f"{quoted(uri.text)} names no version of a registered model.")
    newest = registry.latest_versions(uri.name, [uri.stage])
    if not newest:
        raise refusals.no_version_in_stage(uri.name, uri.stage)
    return newest[-1]


def resolve(
    source: str,
    store: TrackingStore,
    registry: ModelRegistry,
    *,
    run_id: str | None = None,
    model_id: str | None = None,
) -> Source:
    """Return what a new version is to know of its source.

    A logged model gives its run, its id and its files; a version all that, for the copy. Other
    sources say nothing. What the caller knows (``run_id``, ``model_id``) goes before. NotFound if
    a ``models:`` URI names what is not there.
    """
    if not is_model_uri(source):
        if model_id and not run_id:
            run_id = store.logged_models().get(model_id).source_run_id
        return Source(source, run_id, model_id)
    uri = parse(source)
    if uri.model_id is not None:
        model = store.logged_models().get(uri.model_id)
        return Source(
            source,
            run_id or model.source_run_id,
            model_id or model.model_id,
            model.artifact_location,
        )
    version = find_version(registry, uri)
    return Source(
        version.model_uri,
        run_id or version.run_id,
        model_id or version.model_id,
        registry.download_uri(version.name, version.version),
    )


def _malformed(text: str) -> InvalidValue:
    return InvalidValue(
        f"{quoted(text)} does not name a model.",
        hint="Write models:/NAME/3, models:/NAME@ALIAS, models:/NAME/latest, models:/NAME/STAGE or "
        "models:/m-ID.",
    )
