"""MLflow 3's guardrails of the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from attrs import frozen
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.errors import InvalidValue
from pegboard_wire.http import Call, Endpoint, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import NOTHING, store_of
from pegboard_wire.typed import Between

from pegboard_gateway.admin.calls import catalog_of, existing, route, user_of
from pegboard_gateway.catalog.guarding import Action, Guardrails, Made, Place, Stage
from pegboard_gateway.catalog.judges import scorers_of
from pegboard_gateway.catalog.live import LiveCatalog

_BASE = "/api/3.0/mlflow/gateway/guardrails"
_PAGE = 1000
_Whole = Annotated[int, Between(-(2**63), 2**63 - 1)]


@frozen
class NewGuardrail:
    """A guardrail to make."""

    name: str
    scorer_id: str
    scorer_version: _Whole
    stage: Stage
    action: Action
    action_endpoint_id: str | None = None


@frozen
class OfGuardrail:
    """A guardrail, by id."""

    guardrail_id: str


@frozen
class Listed:
    """Which page of the guardrails."""

    max_results: Annotated[int, Between(1, SEARCH_LIMIT)] | None = None
    page_token: str | None = None


@frozen
class Added:
    """A guardrail for an endpoint."""

    endpoint_id: str
    guardrail_id: str
    execution_order: _Whole | None = None


@frozen
class Removed:
    """A guardrail of an endpoint."""

    endpoint_id: str
    guardrail_id: str


@frozen
class OfEndpoint:
    """An endpoint, by id."""

    endpoint_id: str


def guardrail_json(made: Made) -> dict[str, Any]:
    """Return a guardrail as MLflow's clients know it."""
    found = {
        "guardrail_id": made.guardrail_id,
        "name": made.name,
        "scorer": {
            # In this place, and in no other, it is a number.
            "experiment_id": int(made.scorer.experiment_id),
            "scorer_name": made.scorer.name,
            "scorer_version": made.scorer.version,
            "serialized_scorer": made.scorer.serialized,
            "creation_time": made.scorer.created_time,
            "scorer_id": made.scorer.scorer_id,
        },
        "stage": made.stage,
        "action": made.action,
        "created_by": made.created_by or "",
        "created_at": made.created_at,
        "last_updated_by": made.created_by or "",
        "last_updated_at": made.created_at,
    }
    # What its clients call the id is the name.
    named = {"action_endpoint_id": made.action_endpoint} if made.action_endpoint else {}
    return {**found, **named}


def config_json(place: Place) -> dict[str, Any]:
    """Return a guardrail of an endpoint as MLflow's clients know it."""
    found = {
        "endpoint_id": place.endpoint_id,
        "guardrail_id": place.guardrail.guardrail_id,
        "created_by": place.created_by or "",
        "created_at": place.created_at,
        "guardrail": guardrail_json(place.guardrail),
    }
    return found if place.order is None else {**found, "execution_order": place.order}


def _known(call: Call, what: str = "guardrail") -> tuple[LiveCatalog, Guardrails]:
    catalog = existing(call, what)
    return catalog, catalog.store.guardrails


def _create(call: Call, given: NewGuardrail) -> Result:
    scorer = scorers_of(store_of(call)).by_id(given.scorer_id, given.scorer_version)
    if not scorer.experiment_id.isdecimal():
        raise InvalidValue(f"The experiment {scorer.experiment_id} has no number, as scorers need.")
    made = catalog_of(call).store.guardrails.create(
        given.name,
        scorer,
        given.stage,
        given.action,
        action_endpoint=given.action_endpoint_id or None,
        user=user_of(call, None),
    )
    return {"guardrail": guardrail_json(made)}


def _get(call: Call, given: OfGuardrail) -> Result:
    return {"guardrail": guardrail_json(_known(call)[1].get(given.guardrail_id))}


def _delete(call: Call, given: OfGuardrail) -> Result:
    catalog, guardrails = _known(call)
    guardrails.delete(given.guardrail_id)
    catalog.refresh()
    return NOTHING


def _list(call: Call, given: Listed) -> Result:
    catalog = catalog_of(call)
    if not catalog.store.exists():
        return NOTHING
    page = catalog.store.guardrails.page(given.max_results or _PAGE, given.page_token)
    found = [guardrail_json(each) for each in page]
    return page_json("guardrails", found, page.token) if found else NOTHING


def _add(call: Call, given: Added) -> Result:
    catalog, guardrails = _known(call, "endpoint")
    user = user_of(call, None)
    made = guardrails.add(given.endpoint_id, given.guardrail_id, given.execution_order, user)
    catalog.refresh()
    return {"config": config_json(made)}


def _remove(call: Call, given: Removed) -> Result:
    catalog, guardrails = _known(call)
    guardrails.remove(given.endpoint_id, given.guardrail_id)
    catalog.refresh()
    return NOTHING


def _list_of_endpoint(call: Call, given: OfEndpoint) -> Result:
    found = _known(call, "endpoint")[1].of_endpoint(given.endpoint_id)
    return {"configs": [config_json(each) for each in found]} if found else NOTHING


def _update(call: Call, given: Added) -> Result:
    catalog, guardrails = _known(call)
    moved = guardrails.move(given.endpoint_id, given.guardrail_id, given.execution_order)
    catalog.refresh()
    return {"config": config_json(moved)}


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, which are for administrators."""
    return [
        route(f"POST {_BASE}/create", _create, "Make a guardrail of a judge.", NewGuardrail),
        route(f"GET {_BASE}/get", _get, "Return a guardrail.", OfGuardrail),
        route(f"DELETE {_BASE}/delete", _delete, "Delete a guardrail.", OfGuardrail),
        route(f"GET {_BASE}/list", _list, "List guardrails.", Listed),
        route(f"POST {_BASE}/add-to-endpoint", _add, "Guard an endpoint.", Added),
        route(f"DELETE {_BASE}/remove-from-endpoint", _remove, "Guard it no more.", Removed),
        route(
            f"GET {_BASE}/list-for-endpoint",
            _list_of_endpoint,
            "List what guards an endpoint.",
            OfEndpoint,
        ),
        route(f"PATCH {_BASE}/update-config", _update, "Change the order of work.", Added),
    ]
