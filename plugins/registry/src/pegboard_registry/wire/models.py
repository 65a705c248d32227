"""MLflow's endpoints for registered models."""

from __future__ import annotations

from pegboard.contracts.registry import MODELS_LIMIT, MODELS_PAGE, ModelRegistry
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.pairs import read_pairs
from pegboard_wire.requests import NOTHING, optional_text, page_size, page_token, text, texts
from pegboard_wire.schemas import EMPTY, page_limit
from pegboard_wire.shapes import PAIRS, TEXT, array, record

from pegboard_registry.wire import events
from pegboard_registry.wire.calls import author_of, registry_of
from pegboard_registry.wire.codec import model_json, version_json
from pegboard_registry.wire.schemas import BY_NAME, MODEL, ONE_MODEL, VERSIONS


def _create(call: Call) -> Result:
    given = call.parameters
    name, tags = text(given, "name"), dict(read_pairs(given.get("tags"), "tags"))
    description = optional_text(given, "description")
    with events.announced(call) as (registry, announce):
        made = registry.create_model(name, tags=tags, description=description)
        announce.model_created(made)
    return {"registered_model": model_json(made)}


def _get(call: Call) -> Result:
    found = registry_of(call).get_model(text(call.parameters, "name"))
    return {"registered_model": model_json(found)}


def _rename(call: Call) -> Result:
    given = call.parameters
    renamed = registry_of(call).rename_model(
        text(given, "name"), text(given, "new_name"), by=author_of(call)
    )
    return {"registered_model": model_json(renamed)}


def _update(call: Call) -> Result:
    given = call.parameters
    changed = registry_of(call).update_model(
        text(given, "name"), optional_text(given, "description")
    )
    return {"registered_model": model_json(changed)}


def _delete(call: Call) -> Result:
    registry_of(call).delete_model(text(call.parameters, "name"), by=author_of(call))
    return NOTHING


def _search(call: Call) -> Result:
    given = call.parameters
    found = registry_of(call).search_models(
        filter=optional_text(given, "filter"),
        max_results=page_size(given, MODELS_PAGE, MODELS_LIMIT, bits=64),
        order_by=texts(given, "order_by", query=True),
        page_token=page_token(given),
    )
    return page_json("registered_models", [*map(model_json, found)], found.token)


def _latest(call: Call) -> Result:
    given = call.parameters
    name, stages = text(given, "name"), texts(given, "stages", query=True)
    found = registry_of(call).latest_versions(name, stages or None)
    return {"model_versions": [*map(version_json, found)]} if found else NOTHING


def _set_tag(call: Call) -> Result:
    given = call.parameters
    name, key, value = text(given, "name"), text(given, "key"), optional_text(given, "value")

    def change(registry: ModelRegistry, announce: events.Announcer) -> None:
        registry.set_model_tag(name, key, value)
        announce.model_tag_set(name, key, value)

    events.promoted(call, change)
    return NOTHING


def _delete_tag(call: Call) -> Result:
    given = call.parameters
    name, key = text(given, "name"), text(given, "key")
    with events.announced(call) as (registry, announce):
        registry.delete_model_tag(name, key)
        announce.model_tag_deleted(name, key)
    return NOTHING


_BASE = "/api/2.0/mlflow/registered-models"
_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_TAGS = ("Registered models",)
_LATEST = record("name", name=TEXT, stages=array(TEXT))
_DESCRIPTION = record("name", name=TEXT, description=TEXT)

ENDPOINTS = [
    Endpoint(
        "POST", f"{_BASE}/create", _create, _WRITE, "Create a registered model.",
        record("name", name=TEXT, tags=PAIRS, description=TEXT), ONE_MODEL, tags=_TAGS,
    ),
    Endpoint(
        "POST", f"{_BASE}/rename", _rename, _WRITE, "Give a registered model another name.",
        record("name", "new_name", name=TEXT, new_name=TEXT), ONE_MODEL, tags=_TAGS,
    ),
    Endpoint(
        "PATCH", f"{_BASE}/update", _update, _WRITE, "Describe a registered model.",
        _DESCRIPTION, ONE_MODEL, tags=_TAGS,
    ),
    Endpoint(
        "DELETE", f"{_BASE}/delete", _delete, _DELETE,
        "Remove a registered model and its versions.", BY_NAME, EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "GET", f"{_BASE}/get", _get, _READ, "Return a registered model.", BY_NAME, ONE_MODEL,
        tags=_TAGS,
    ),
    Endpoint(
        "GET", f"{_BASE}/search", _search, _READ, "Return registered models that match.",
        record(
            filter=TEXT, max_results=page_limit(MODELS_LIMIT), order_by=array(TEXT),
            page_token=TEXT,
        ),
        record(registered_models=array(MODEL), next_page_token=TEXT), tags=_TAGS,
    ),
    *(
        Endpoint(
            method, f"{_BASE}/get-latest-versions", _latest, _READ,
            "Return the newest version in each stage.", _LATEST, VERSIONS, tags=_TAGS,
        )
        for method in ("GET", "POST")
    ),
    Endpoint(
        "POST", f"{_BASE}/set-tag", _set_tag, _WRITE, "Set a tag of a registered model.",
        record("name", "key", name=TEXT, key=TEXT, value=TEXT), EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "DELETE", f"{_BASE}/delete-tag", _delete_tag, _WRITE, "Remove a tag of a registered model.",
        record("name", "key", name=TEXT, key=TEXT), EMPTY, tags=_TAGS,
    ),
]  # fmt: skip
