"""Endpoints beyond MLflow's: the history, approvals, rollbacks, and whose files are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.contracts.registry import HISTORY_LIMIT, HISTORY_PAGE, FilesOwner
from pegboard.errors import InvalidValue
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import NOTHING, optional_text, page_size, page_token, text, texts
from pegboard_wire.scalars import boolean, get, items
from pegboard_wire.schemas import EMPTY, at_most, page_limit
from pegboard_wire.shapes import BOOLEAN, TEXT, array, record

from pegboard_registry.wire import events
from pegboard_registry.wire.calls import author_of, registry_of
from pegboard_registry.wire.codec import (
    change_json,
    needed_json,
    read_kind,
    read_owner,
    version_json,
)
from pegboard_registry.wire.schemas import BY_ALIAS, CHANGE, ONE_VERSION, VERSION

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.entities.registry import ModelVersion

BASE = "/api/pegboard/1.0/registry"

MAX_OWNERS = 100
"""Of how many runs and logged models may be asked at once which versions need their files."""

MAX_URIS = 10
"""How many URIs may stand for the files of one."""


def _history(call: Call) -> Result:
    given = call.parameters
    found = registry_of(call).history(
        text(given, "name"),
        kinds=[read_kind(each) for each in texts(given, "kinds", query=True)],
        version=optional_text(given, "version") or None,
        key=optional_text(given, "key") or None,
        max_results=page_size(given, HISTORY_PAGE, HISTORY_LIMIT),
        page_token=page_token(given),
    )
    return page_json("changes", [*map(change_json, found)], found.token)


def _approve(call: Call) -> Result:
    given = call.parameters
    withdraw = get(given, "withdraw")
    registry_of(call).approve(
        text(given, "name"),
        text(given, "version"),
        text(given, "key"),
        withdraw=withdraw is not None and boolean(withdraw, "withdraw"),
        by=author_of(call),
    )
    return NOTHING


def _roll_back(call: Call) -> Result:
    name, alias = text(call.parameters, "name"), text(call.parameters, "alias")

    def change(registry: ModelRegistry, announce: events.Announcer) -> ModelVersion:
        version = registry.rollback_alias(name, alias, by=author_of(call))
        announce.alias_created(name, alias, version.version)
        return version

    return {"model_version": version_json(events.promoted(call, change))}


def _needing(call: Call) -> Result:
    return needed_json(registry_of(call).needing(_owners(call)))


def _remove(call: Call) -> Result:
    registry, ended = registry_of(call), get(call.parameters, "ended")
    if ended is None or not boolean(ended, "ended"):
        return needed_json(registry.begin_removal(_owners(call)))
    registry.end_removal(_owners(call))
    return NOTHING


def _owners(call: Call) -> list[FilesOwner]:
    owners = [read_owner(each) for each in items(get(call.parameters, "owners"), "owners")]
    if len(owners) > MAX_OWNERS or any(len(owner.uris) > MAX_URIS for owner in owners):
        raise InvalidValue(
            f"{len(owners)} owners are asked for; {MAX_OWNERS} with {MAX_URIS} URIs each are "
            "allowed."
        )
    return owners


_OWNERS = at_most(MAX_OWNERS, record("id", "uris", id=TEXT, uris=at_most(MAX_URIS, TEXT)))
_NEEDED = record(needed=array(record(id=TEXT, model_versions=array(VERSION))))
_TAGS = ("Registry history",)

ENDPOINTS = [
    Endpoint(
        "GET", f"{BASE}/history", _history, Permission.READ,
        "Return the changes of a registered model, the last first.",
        record(
            "name", name=TEXT, kinds=array(CHANGE["properties"]["kind"]), version=TEXT, key=TEXT,
            max_results=page_limit(HISTORY_LIMIT), page_token=TEXT,
        ),
        record(changes=array(CHANGE), next_page_token=TEXT), tags=_TAGS,
    ),
    Endpoint(
        "POST", f"{BASE}/approvals", _approve, Permission.WRITE,
        "Approve a version for an alias or a stage, or take that back.",
        record(
            "name", "version", "key", name=TEXT, version=TEXT, key=TEXT, withdraw=BOOLEAN,
        ),
        EMPTY, tags=_TAGS,
    ),
    Endpoint(
        "POST", f"{BASE}/rollback", _roll_back, Permission.WRITE,
        "Take the last move of an alias back.", BY_ALIAS, ONE_VERSION, tags=_TAGS,
    ),
    Endpoint(
        "POST", f"{BASE}/needing", _needing, Permission.READ,
        "Return which versions need the files of runs and logged models.",
        record("owners", owners=_OWNERS), _NEEDED, tags=_TAGS,
    ),
    Endpoint(
        "POST", f"{BASE}/removals", _remove, Permission.DELETE,
        "Do the same, and refuse versions of the other files, until their removal is ended.",
        record("owners", owners=_OWNERS, ended=BOOLEAN), _NEEDED, tags=_TAGS,
    ),
]  # fmt: skip
