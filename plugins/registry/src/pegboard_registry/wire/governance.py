"""Endpoints beyond MLflow's: the history, approvals, rollbacks, and whose files are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from attrs import frozen
from pegboard.contracts.registry import HISTORY_LIMIT, HISTORY_PAGE
from pegboard.entities.registry import ChangeKind
from pegboard_stores import needed_files
from pegboard_stores.needed_files import FilesOwner
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import NOTHING
from pegboard_wire.shapes import TEXT, array, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_registry.wire import events
from pegboard_registry.wire.calls import author_of, registry_of
from pegboard_registry.wire.codec import change_json, needed_json, version_json
from pegboard_registry.wire.schemas import CHANGE, ONE_VERSION, VERSION

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.entities.registry import ModelVersion

BASE = "/api/pegboard/1.0/registry"

MAX_OWNERS = 100
"""For how many runs and logged models one request may ask which versions need their files."""

MAX_URIS = 10
"""How many URIs may stand for the files of one."""


@frozen
class History:
    """Which changes of a registered model are asked for."""

    name: str
    kinds: tuple[ChangeKind, ...] = ()
    version: str = ""
    key: str = ""
    max_results: Annotated[int, Between(1, HISTORY_LIMIT)] = HISTORY_PAGE
    page_token: str = ""


def _history(call: Call, asked: History) -> Result:
    found = registry_of(call).history(
        asked.name,
        kinds=asked.kinds,
        version=asked.version or None,
        key=asked.key or None,
        max_results=asked.max_results,
        page_token=asked.page_token or None,
    )
    return page_json("changes", [*map(change_json, found)], found.token)


@frozen
class Approval:
    """A version that is approved for an alias or a stage, or is so no longer."""

    name: str
    version: str
    key: str
    withdraw: bool = False


def _approve(call: Call, asked: Approval) -> Result:
    registry_of(call).approve(
        asked.name, asked.version, asked.key, withdraw=asked.withdraw, by=author_of(call)
    )
    return NOTHING


@frozen
class Rollback:
    """The alias whose last move is taken back."""

    name: str
    alias: str


def _roll_back(call: Call, asked: Rollback) -> Result:
    def change(registry: ModelRegistry, announce: events.Announcer) -> ModelVersion:
        version = registry.rollback_alias(asked.name, asked.alias, by=author_of(call))
        announce.alias_created(asked.name, asked.alias, version.version)
        return version

    return {"model_version": version_json(events.promoted(call, change))}


@frozen
class Owner:
    """A run or logged model, and the URIs that stand for its files."""

    id: str
    uris: Annotated[list[str], AtMost(MAX_URIS)]


@frozen
class Needing:
    """The owners of files that may be needed."""

    owners: Annotated[list[Owner], AtMost(MAX_OWNERS)]

    def files(self) -> list[FilesOwner]:
        """Return the owners as the registry knows them."""
        return [FilesOwner(owner.id, owner.uris) for owner in self.owners]


def _needing(call: Call, asked: Needing) -> Result:
    return needed_json(needed_files.of(registry_of(call)).needing(asked.files()))


@frozen
class Removal(Needing):
    """The owners of files that are to be removed."""

    ended: bool = False


def _remove(call: Call, asked: Removal) -> Result:
    registry = needed_files.of(registry_of(call))
    if not asked.ended:
        return needed_json(registry.begin_removal(asked.files()))
    registry.end_removal(asked.files())
    return NOTHING


_NEEDED = record(needed=array(record(id=TEXT, model_versions=array(VERSION))))
_TAGS = ("Registry history",)

ENDPOINTS = [
    typed(
        "GET", f"{BASE}/history", _history, Permission.READ,
        "Return the changes of a registered model, the last first.", History,
        record(changes=array(CHANGE), next_page_token=TEXT), tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/approvals", _approve, Permission.WRITE,
        "Approve a version for an alias or a stage, or take that back.", Approval, tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/rollback", _roll_back, Permission.WRITE,
        "Take the last move of an alias back.", Rollback, ONE_VERSION, tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/needing", _needing, Permission.READ,
        "Return which versions need the files of runs and logged models.", Needing, _NEEDED,
        tags=_TAGS,
    ),
    typed(
        "POST", f"{BASE}/removals", _remove, Permission.DELETE,
        "Do the same, and refuse versions of the other files, until their removal is ended.",
        Removal, _NEEDED, tags=_TAGS,
    ),
]  # fmt: skip
