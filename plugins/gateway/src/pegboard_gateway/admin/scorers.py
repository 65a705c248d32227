"""MLflow 3's scorers: registered here as judges of guardrails, never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from attrs import frozen
from pegboard.errors import InvalidState, InvalidValue
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.requests import NOTHING, store_of
from pegboard_wire.typed import Between, typed

from pegboard_gateway.admin.calls import catalog_of, existing
from pegboard_gateway.catalog.scorers import Scorer

_BASE = "/api/3.0/mlflow/scorers"
_Version = Annotated[int, Between(1, 2**31 - 1)]


@frozen
class NewScorer:
    """A version of a scorer to register."""

    experiment_id: str
    name: str
    serialized_scorer: str


@frozen
class OfExperiments:
    """Whose scorers to list."""

    experiment_id: str | None = None
    experiment_ids: tuple[str, ...] = ()


@frozen
class Named:
    """A scorer, by experiment and name."""

    experiment_id: str
    name: str


@frozen
class Versioned:
    """A version of a scorer."""

    experiment_id: str
    name: str
    version: _Version | None = None


def scorer_json(scorer: Scorer) -> dict[str, Any]:
    """Return a version of a scorer as MLflow's clients know it."""
    return {
        # In this place, and in no other, it is a number.
        "experiment_id": int(scorer.experiment_id),
        "scorer_name": scorer.name,
        "scorer_version": scorer.version,
        "serialized_scorer": scorer.serialized,
        "creation_time": scorer.created_at,
        "scorer_id": scorer.scorer_id,
    }


def _active(call: Call, experiment_id: str) -> str:
    """Return the id of an experiment that is there and not deleted; NotFound, InvalidState."""
    found = store_of(call).get_experiment(experiment_id)
    if not found.experiment_id.isdecimal():
        raise InvalidValue(f"The experiment {found.experiment_id} has no number, as scorers need.")
    if found.lifecycle_stage != "active":
        raise InvalidState(f"The experiment {experiment_id} must be in the 'active' state.")
    return found.experiment_id


def _register(call: Call, given: NewScorer) -> Result:
    experiment_id = _active(call, given.experiment_id)
    scorers = catalog_of(call).store.scorers
    made = scorers.register(experiment_id, given.name, given.serialized_scorer)
    return {
        "version": made.version,
        "scorer_id": made.scorer_id,
        "experiment_id": made.experiment_id,
        "name": made.name,
        "serialized_scorer": made.serialized,
        "creation_time": made.created_at,
    }


def _list(call: Call, given: OfExperiments) -> Result:
    if given.experiment_id and given.experiment_ids:
        raise InvalidValue("Cannot specify both 'experiment_id' and 'experiment_ids'.")
    wanted = [given.experiment_id] if given.experiment_id else given.experiment_ids
    if not wanted:
        wanted = _every_experiment(call)
    store = catalog_of(call).store
    if given.experiment_id:
        _active(call, given.experiment_id)
    if not store.exists():
        return NOTHING
    found = store.scorers.latest(tuple(dict.fromkeys(wanted)))
    return {"scorers": [scorer_json(each) for each in found]} if found else NOTHING


def _every_experiment(call: Call) -> list[str]:
    """Return the ids of all experiments that are not deleted."""
    store, found, token = store_of(call), list[str](), None
    while True:
        page = store.search_experiments(max_results=1000, page_token=token)
        found += [each.experiment_id for each in page]
        token = page.token
        if not token:
            return found


def _versions(call: Call, given: Named) -> Result:
    experiment_id = _active(call, given.experiment_id)
    found = existing(call, "scorer").store.scorers.versions(experiment_id, given.name)
    return {"scorers": [scorer_json(each) for each in found]}


def _get(call: Call, given: Versioned) -> Result:
    experiment_id = _active(call, given.experiment_id)
    scorers = existing(call, "scorer").store.scorers
    return {"scorer": scorer_json(scorers.get(experiment_id, given.name, given.version))}


def _delete(call: Call, given: Versioned) -> Result:
    experiment_id = _active(call, given.experiment_id)
    existing(call, "scorer").store.scorers.delete(experiment_id, given.name, given.version)
    return NOTHING


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    read, write, delete = Permission.READ, Permission.WRITE, Permission.DELETE
    tags = ("gateway",)
    return [
        typed(
            "POST",
            f"{_BASE}/register",
            _register,
            write,
            "Register a version of a scorer.",
            NewScorer,
            tags=tags,
        ),
        typed("GET", f"{_BASE}/list", _list, read, "List scorers.", OfExperiments, tags=tags),
        typed("GET", f"{_BASE}/versions", _versions, read, "List versions.", Named, tags=tags),
        typed("GET", f"{_BASE}/get", _get, read, "Return a scorer.", Versioned, tags=tags),
        typed(
            "DELETE", f"{_BASE}/delete", _delete, delete, "Delete a scorer.", Versioned, tags=tags
        ),
    ]
