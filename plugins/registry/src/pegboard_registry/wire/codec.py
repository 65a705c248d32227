"""Registered models and versions as MLflow's JSON, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities.registry import (
    NO_STAGE,
    ChangeKind,
    ModelVersion,
    ModelVersionStatus,
    RegisteredModel,
    RegistryChange,
)
from pegboard.errors import InvalidValue
from pegboard_stores.needed_files import FilesOwner
from pegboard_wire.pairs import JsonObject, pairs_json, read_pairs
from pegboard_wire.scalars import get, integer, items, message, need, string

_STATUS_NUMBERS = (
    ModelVersionStatus.PENDING_REGISTRATION,
    ModelVersionStatus.FAILED_REGISTRATION,
    ModelVersionStatus.READY,
)
"""The statuses by number, from 1 on."""


# -- versions --------------------------------------------------------------------------------------


def version_json(version: ModelVersion) -> JsonObject:
    """Return a version."""
    made: JsonObject = {
        "name": version.name,
        "version": version.version,
        "creation_timestamp": version.creation_timestamp,
        "last_updated_timestamp": version.last_updated_timestamp,
        "current_stage": version.current_stage,
        "description": version.description,
        "source": version.source,
        "run_id": version.run_id or "",
        "status": version.status.value,
        "run_link": version.run_link or "",
    }
    if version.user_id:
        made["user_id"] = version.user_id
    if version.status_message:
        made["status_message"] = version.status_message
    if version.tags:
        made["tags"] = pairs_json(version.tags)
    if version.aliases:
        made["aliases"] = [*version.aliases]
    if version.model_id:
        made["model_id"] = version.model_id
    return made


def read_version(value: Any) -> ModelVersion:
    """Read a version."""
    fields = message(value, "model_version")
    return ModelVersion(
        name=string(need(fields, "name"), "name"),
        version=_number(need(fields, "version")),
        creation_timestamp=_time(fields, "creation_timestamp"),
        last_updated_timestamp=_time(fields, "last_updated_timestamp"),
        source=_text(fields, "source") or "",
        description=_text(fields, "description") or "",
        user_id=_text(fields, "user_id") or None,
        current_stage=_text(fields, "current_stage") or NO_STAGE,
        run_id=_text(fields, "run_id") or None,
        run_link=_text(fields, "run_link") or None,
        model_id=_text(fields, "model_id") or None,
        status=_status(get(fields, "status")),
        status_message=_text(fields, "status_message") or None,
        tags=dict(read_pairs(get(fields, "tags"), "tags")),
        aliases=[string(each, "aliases") for each in items(get(fields, "aliases"), "aliases")],
    )


def read_versions(value: Any, what: str = "model_versions") -> list[ModelVersion]:
    """Read versions."""
    return [read_version(each) for each in items(value, what)]


def owner_json(owner: FilesOwner) -> JsonObject:
    """Return the owner of files."""
    return {"id": owner.id, "uris": [*owner.uris]}


def needed_json(found: Mapping[str, Sequence[ModelVersion]]) -> JsonObject:
    """Return the versions that need files, by owner."""
    needed = [
        {"id": id_, "model_versions": [*map(version_json, versions)]}
        for id_, versions in found.items()
    ]
    return {"needed": needed}


def read_needed(fields: Mapping[str, Any]) -> dict[str, list[ModelVersion]]:
    """Read the versions that need files, by owner."""
    listed = [message(each, "needed") for each in items(get(fields, "needed"), "needed")]
    return {
        string(need(each, "id"), "id"): read_versions(get(each, "model_versions"))
        for each in listed
    }


def _number(value: Any) -> str:
    # Some servers send the number as one.
    return str(value) if isinstance(value, int) else string(value, "version")


def _status(value: Any) -> ModelVersionStatus:
    if value is None:
        return ModelVersionStatus.READY
    if isinstance(value, int) and 1 <= value <= len(_STATUS_NUMBERS):
        return _STATUS_NUMBERS[value - 1]
    try:
        return ModelVersionStatus(value)
    except ValueError:
        raise InvalidValue(f"The field 'status' is {value!r}, which is not a status.") from None


# -- registered models -----------------------------------------------------------------------------


def model_json(model: RegisteredModel) -> JsonObject:
    """Return a registered model."""
    made: JsonObject = {
        "name": model.name,
        "creation_timestamp": model.creation_timestamp,
        "last_updated_timestamp": model.last_updated_timestamp,
    }
    if model.description:
        made["description"] = model.description
    if model.latest_versions:
        made["latest_versions"] = [version_json(each) for each in model.latest_versions]
    if model.tags:
        made["tags"] = pairs_json(model.tags)
    if model.aliases:
        made["aliases"] = [
            {"alias": alias, "version": version} for alias, version in model.aliases.items()
        ]
    return made


def read_model(value: Any) -> RegisteredModel:
    """Read a registered model."""
    fields = message(value, "registered_model")
    return RegisteredModel(
        name=string(need(fields, "name"), "name"),
        creation_timestamp=_time(fields, "creation_timestamp"),
        last_updated_timestamp=_time(fields, "last_updated_timestamp"),
        description=_text(fields, "description") or "",
        tags=dict(read_pairs(get(fields, "tags"), "tags")),
        aliases=dict(_read_alias(each) for each in items(get(fields, "aliases"), "aliases")),
        latest_versions=read_versions(get(fields, "latest_versions"), "latest_versions"),
    )


def _read_alias(value: Any) -> tuple[str, str]:
    fields = message(value, "aliases")
    return string(need(fields, "alias"), "alias"), _number(need(fields, "version"))


# -- history ---------------------------------------------------------------------------------------


def change_json(change: RegistryChange) -> JsonObject:
    """Return an entry of the history; what it has not is left out."""
    made: JsonObject = {
        "number": change.number,
        "timestamp": change.timestamp,
        "name": change.name,
        "kind": change.kind.value,
    }
    optional: Sequence[tuple[str, str | int | None]] = (
        ("version", change.version),
        ("key", change.key or None),
        ("before", change.before),
        ("after", change.after),
        ("user", change.user),
        ("reason", change.reason or None),
        ("undoes", change.undoes),
    )
    made.update((name, value) for name, value in optional if value is not None)
    return made


def read_change(value: Any) -> RegistryChange:
    """Read an entry of the history."""
    fields = message(value, "changes")
    return RegistryChange(
        number=integer(need(fields, "number"), "number"),
        timestamp=_time(fields, "timestamp"),
        name=string(need(fields, "name"), "name"),
        kind=read_kind(need(fields, "kind")),
        version=_text(fields, "version"),
        key=_text(fields, "key") or "",
        before=_text(fields, "before"),
        after=_text(fields, "after"),
        user=_text(fields, "user"),
        reason=_text(fields, "reason") or "",
        undoes=None if get(fields, "undoes") is None else integer(get(fields, "undoes"), "undoes"),
    )


def read_kind(value: Any) -> ChangeKind:
    """Read a kind of change."""
    try:
        return ChangeKind(value)
    except ValueError:
        known = ", ".join(kind.value for kind in ChangeKind)
        raise InvalidValue(f"The field 'kind' is {value!r}, not one of {known}.") from None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = get(fields, name)
    return None if value is None else string(value, name)


def _time(fields: Mapping[str, Any], name: str) -> int:
    value = get(fields, name)
    return 0 if value is None else integer(value, name)
