"""URIs of models: ``models:/NAME/3``, ``models:/NAME@ALIAS``, ``models:/m-…`` and the like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen
from pegboard.errors import InvalidValue, NotFound, quoted

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.entities.registry import ModelVersion

LATEST = "latest"
"""What stands for the newest version, in place of an alias."""

_OF_RUN = re.compile(r"runs:/+([^/\0]+)(?:/([^\0]*))?", re.IGNORECASE)
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


def is_model_id(text: str) -> bool:
    """Whether a text has the form of a logged model's id."""
    return _MODEL_ID.fullmatch(text) is not None


def parse(text: str) -> ModelUri:
    """Parse a ``models:`` URI; InvalidValue if it is something else.

    A number after the name is a version, ``latest`` the newest one, anything else a stage. A name
    alone is the id of a logged model.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise _malformed(text)
    first, more = match[1], match[2] or ""
    if is_model_id(first):
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


def parse_run(text: str) -> tuple[str, str] | None:
    """Return the run and the path that ``runs:/RUN/PATH`` names; None for another kind of URI.

    InvalidValue if it is malformed.
    """
    if text[:5].lower() != "runs:":
        return None
    match = _OF_RUN.fullmatch(text)
    if match is None:
        raise InvalidValue(
            f"{quoted(text)} does not name files of a run.",
            hint="Write runs:/RUN_ID/PATH, or runs:/RUN_ID/NAME for a logged model of the run.",
        )
    return match[1], match[2] or ""


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
        raise _no_version_in_stage(uri.name, uri.stage)
    return newest[-1]


def _malformed(text: str) -> InvalidValue:
    return InvalidValue(
        f"{quoted(text)} does not name a model.",
        hint="Write models:/NAME/3, models:/NAME@ALIAS, models:/NAME/latest, models:/NAME/STAGE or "
        "models:/m-ID.",
    )


def _no_version_in_stage(name: str, stage: str) -> NotFound:
    return NotFound(
        f"The registered model {quoted(name)} has no version in the stage {quoted(stage)}."
    ).about("no_version_in_stage", name=name, stage=stage)
