"""MLflow's endpoints for versions of registered models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pegboard.contracts.registry import VERSIONS_LIMIT, VERSIONS_PAGE
from pegboard.errors import NotFound
from pegboard_scripting.client.registration import VERSIONS_TAG, noted
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.pairs import read_pairs
from pegboard_wire.requests import (
    NOTHING,
    optional_text,
    page_size,
    page_token,
    store_of,
    text,
    texts,
)
from pegboard_wire.scalars import boolean, get
from pegboard_wire.schemas import EMPTY, page_limit
from pegboard_wire.shapes import BOOLEAN, PAIRS, TEXT, array, record

from pegboard_registry.wire import events, files, sources
from pegboard_registry.wire.calls import author_of, registry_of
from pegboard_registry.wire.codec import version_json
from pegboard_registry.wire.schemas import BY_VERSION, ONE_VERSION, VERSION

if TYPE_CHECKING:
    from pegboard.entities.registry import ModelVersion


def _create(call: Call) -> Result:
    given = call.parameters
    name = text(given, "name")
    tags = dict(read_pairs(given.get("tags"), "tags"))
    source = sources.checked(call, tags)
    with events.announced(call) as (registry, announce):
        made = registry.create_version(
            name,
            source.uri,
            run_id=source.run_id,
            run_link=optional_text(given, "run_link") or None,
            model_id=source.model_id,
            tags=tags,
            description=optional_text(given, "description"),
            storage_location=source.storage_location,
            by=author_of(call),
        )
        announce.version_created(made)
    if made.model_id:
        _tell_logged_model(call, made)
    return {"model_version": version_json(made)}


def _tell_logged_model(call: Call, made: ModelVersion) -> None:
    """Note in a tag of a logged model which versions were made of it, as MLflow's server does."""
    models = store_of(call).logged_models()
    try:
        tags = models.get(made.model_id or "").tags
        known = json.loads(tags.get(VERSIONS_TAG, "[]"))
    except (NotFound, ValueError):
        # The model is gone, or the tag was written by somebody else.
        return
    if isinstance(known, list):
        models.set_tags(made.model_id or "", {VERSIONS_TAG: noted(known, made)})


def _get(call: Call) -> Result:
    name, version = _named(call)
    return {"model_version": version_json(registry_of(call).get_version(name, version))}


def _named(call: Call) -> tuple[str, str]:
    return text(call.parameters, "name"), text(call.parameters, "version")


def _update(call: Call) -> Result:
    named = _named(call)
    description = optional_text(call.parameters, "description")
    changed = registry_of(call).update_version(*named, description)
    return {"model_version": version_json(changed)}


def _transition(call: Call) -> Result:
    given = call.parameters
    archive = get(given, "archive_existing_versions")
    moved = registry_of(call).transition_stage(
        *_named(call),
        text(given, "stage"),
        archive_existing=archive is not None and boolean(archive, "archive_existing_versions"),
        by=author_of(call),
    )
    return {"model_version": version_json(moved)}


def _delete(call: Call) -> Result:
    registry_of(call).delete_version(*_named(call), by=author_of(call))
    return NOTHING


def _search(call: Call) -> Result:
    given = call.parameters
    found = registry_of(call).search_versions(
        filter=optional_text(given, "filter"),
        max_results=page_size(given, VERSIONS_PAGE, VERSIONS_LIMIT, bits=64),
        order_by=texts(given, "order_by", query=True),
        page_token=page_token(given),
    )
    return page_json("model_versions", [*map(version_json, found)], found.token)


def _download_uri(call: Call) -> Result:
    return {"artifact_uri": registry_of(call).download_uri(*_named(call))}


def _set_tag(call: Call) -> Result:
    name, version = _named(call)
    key = text(call.parameters, "key")
    value = optional_text(call.parameters, "value")
    with events.announced(call) as (registry, announce):
        registry.set_version_tag(name, version, key, value)
        announce.version_tag_set(name, version, key, value)
    return NOTHING


def _delete_tag(call: Call) -> Result:
    name, version = _named(call)
    key = text(call.parameters, "key")
    with events.announced(call) as (registry, announce):
        registry.delete_version_tag(name, version, key)
        announce.version_tag_deleted(name, version, key)
    return NOTHING


_BASE = "/api/2.0/mlflow/model-versions"
_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_TAGS = ("Model versions",)

ENDPOINTS = [
    Endpoint(
        "POST", f"{_BASE}/create", _create, _WRITE, "Add a version to a registered model.",
        record(
            "name", "source", name=TEXT, source=TEXT, run_id=TEXT, tags=PAIRS, run_link=TEXT,
            description=TEXT, model_id=TEXT,
        ),
        ONE_VERSION, tags=_TAGS,
    ),
    Endpoint(
        "PATCH", f"{_BASE}/update", _update, _WRITE, "Describe a version.",
        record("name", "version", name=TEXT, version=TEXT, description=TEXT), ONE_VERSION,
        tags=_TAGS,
    ),
    Endpoint(
        "POST", f"{_BASE}/transition-stage", _transition, _WRITE, "Move a version to a stage.",
        record(
            "name", "version", "stage", name=TEXT, version=TEXT, stage=TEXT,
            archive_existing_versions=BOOLEAN,
        ),
        ONE_VERSION, tags=_TAGS,
    ),
    Endpoint(
        "DELETE", f"{_BASE}/delete", _delete, _DELETE, "Remove a version.", BY_VERSION, EMPTY,
        tags=_TAGS,
    ),
    Endpoint(
        "GET", f"{_BASE}/get", _get, _READ, "Return a version.", BY_VERSION, ONE_VERSION,
        tags=_TAGS,
    ),
    Endpoint(
        "GET", f"{_BASE}/search", _search, _READ, "Return versions that match.",
        record(
            filter=TEXT, max_results=page_limit(VERSIONS_LIMIT), order_by=array(TEXT),
            page_token=TEXT,
        ),
        record(model_versions=array(VERSION), next_page_token=TEXT), tags=_TAGS,
    ),
    Endpoint(
        "GET", f"{_BASE}/get-download-uri", _download_uri, _READ, "Say where the files are.",
        BY_VERSION, record(artifact_uri=TEXT), tags=_TAGS,
    ),
    Endpoint(
        "POST", f"{_BASE}/set-tag", _set_tag, _WRITE, "Set a tag of a version.",
        record("name", "version", "key", name=TEXT, version=TEXT, key=TEXT, value=TEXT), EMPTY,
        tags=_TAGS,
    ),
    Endpoint(
        "DELETE", f"{_BASE}/delete-tag", _delete_tag, _WRITE, "Remove a tag of a version.",
        record("name", "version", "key", name=TEXT, version=TEXT, key=TEXT), EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "GET", "/model-versions/get-artifact", files.get_artifact, _READ,
        "Download a file of a version.",
        record("name", "version", "path", name=TEXT, version=TEXT, path=TEXT), tags=_TAGS,
    ),
]  # fmt: skip
