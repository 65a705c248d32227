"""MLflow's endpoints for aliases. Reading one is what every load of a model begins with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.requests import NOTHING, text
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import TEXT, record

from pegboard_registry.wire import events
from pegboard_registry.wire.calls import author_of, reads_quickly, registry_of
from pegboard_registry.wire.codec import version_json
from pegboard_registry.wire.schemas import BY_ALIAS, ONE_VERSION

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry


def _set(call: Call) -> Result:
    given = call.parameters
    name, alias, version = text(given, "name"), text(given, "alias"), text(given, "version")

    def change(registry: ModelRegistry, announce: events.Announcer) -> None:
        registry.set_alias(name, alias, version, by=author_of(call))
        announce.alias_created(name, alias, version)

    events.promoted(call, change)
    return NOTHING


def _delete(call: Call) -> Result:
    given = call.parameters
    name, alias = text(given, "name"), text(given, "alias")
    with events.announced(call) as (registry, announce):
        registry.delete_alias(name, alias, by=author_of(call))
        announce.alias_deleted(name, alias)
    return NOTHING


async def _get(call: Call) -> Result:
    # To change threads would take longer than to look a version up.
    return _look_up(call) if reads_quickly(call) else await asyncio.to_thread(_look_up, call)


def _look_up(call: Call) -> Result:
    name, alias = text(call.parameters, "name"), text(call.parameters, "alias")
    registry = registry_of(call)
    try:
        return {"model_version": version_json(registry.version_by_alias(name, alias))}
    except NotFound:
        registry.get_model(name)
        # This is how MLflow's server says that a model, which is there, has no such alias.
        raise InvalidValue(
            f"The registered model {quoted(name)} has no alias {quoted(alias)}."
        ).about("no_alias", name=name, alias=alias) from None


_PATH = "/api/2.0/mlflow/registered-models/alias"
_TAGS = ("Registered models",)

ENDPOINTS = [
    Endpoint(
        "POST", _PATH, _set, Permission.WRITE, "Let an alias point at a version.",
        record("name", "alias", "version", name=TEXT, alias=TEXT, version=TEXT), EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "DELETE", _PATH, _delete, Permission.WRITE, "Remove an alias.", BY_ALIAS, EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "GET", _PATH, _get, Permission.READ, "Return the version an alias points at.",
        BY_ALIAS, ONE_VERSION, tags=_TAGS,
    ),
]  # fmt: skip
