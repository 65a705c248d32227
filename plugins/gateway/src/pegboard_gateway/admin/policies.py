"""MLflow 3's budgets of the gateway."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

from attrs import frozen
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard_wire.http import Call, Endpoint, Result
from pegboard_wire.pages import page_json
from pegboard_wire.requests import NOTHING
from pegboard_wire.typed import Between

from pegboard_gateway import money, service
from pegboard_gateway.admin.calls import catalog_of, existing, route, user_of, without_nothing
from pegboard_gateway.catalog.policies import Action, Period, Policy, Scope, Unit
from pegboard_gateway.usage.standing import standing

_BASE = "/api/3.0/mlflow/gateway/budgets"
_PAGE = 1000


@frozen
class Duration:
    """A window of time."""

    unit: Period
    value: int


@frozen
class NewPolicy:
    """A budget to make."""

    budget_unit: Unit
    budget_amount: float
    duration: Duration
    target_scope: Scope
    budget_action: Action
    created_by: str | None = None
    target_value: str | None = None


@frozen
class ChangedPolicy:
    """What changes of a budget."""

    budget_policy_id: str
    budget_unit: Unit | None = None
    budget_amount: float | None = None
    duration: Duration | None = None
    target_scope: Scope | None = None
    budget_action: Action | None = None
    updated_by: str | None = None
    target_value: str | None = None


@frozen
class OfPolicy:
    """A budget, by id."""

    budget_policy_id: str


@frozen
class Listed:
    """Which page of the budgets."""

    max_results: Annotated[int, Between(1, SEARCH_LIMIT)] | None = None
    page_token: str | None = None


@frozen
class Nothing:
    """No parameters."""


def policy_json(policy: Policy) -> dict[str, Any]:
    """Return a budget as MLflow's clients know it."""
    return without_nothing(
        {
            "budget_policy_id": policy.budget_policy_id,
            "budget_unit": Unit.USD,
            "budget_amount": policy.budget_amount,
            "duration": {"unit": policy.unit, "value": policy.length},
            "target_scope": policy.target_scope,
            "target_value": policy.target_value,
            "budget_action": policy.budget_action,
            "created_at": policy.created_at,
            "last_updated_at": policy.last_updated_at,
            "created_by": policy.created_by,
            "last_updated_by": policy.last_updated_by,
        }
    )


def _create(call: Call, given: NewPolicy) -> Result:
    catalog = catalog_of(call)
    made = catalog.store.policies.create(
        given.budget_amount,
        (given.duration.unit, given.duration.value),
        given.target_scope,
        given.budget_action,
        target=given.target_value,
        user=user_of(call, given.created_by),
    )
    catalog.refresh()
    return {"budget_policy": policy_json(made)}


def _get(call: Call, given: OfPolicy) -> Result:
    policies = existing(call, "budget").store.policies
    return {"budget_policy": policy_json(policies.get(given.budget_policy_id))}


def _update(call: Call, given: ChangedPolicy) -> Result:
    catalog = existing(call, "budget")
    duration = given.duration
    changed = catalog.store.policies.update(
        given.budget_policy_id,
        amount=given.budget_amount,
        period=None if duration is None else (duration.unit, duration.value),
        scope=given.target_scope,
        action=given.budget_action,
        target=given.target_value,
        user=user_of(call, given.updated_by),
    )
    catalog.refresh()
    return {"budget_policy": policy_json(changed)}


def _delete(call: Call, given: OfPolicy) -> Result:
    catalog = existing(call, "budget")
    catalog.store.policies.delete(given.budget_policy_id)
    catalog.refresh()
    return NOTHING


def _list(call: Call, given: Listed) -> Result:
    catalog = catalog_of(call)
    if not catalog.store.exists():
        return {"budget_policies": []}
    page = catalog.store.policies.page(given.max_results or _PAGE, given.page_token)
    return page_json("budget_policies", [policy_json(each) for each in page], page.token)


def _windows(call: Call, _: Nothing) -> Result:
    """Return what was spent of the budgets in the windows around now."""
    controls, catalog = service.controls_of(call.host), catalog_of(call)
    if controls is None or not catalog.store.exists():
        return {"windows": []}
    known = {each.budget_policy_id for each in catalog.store.policies.all()}
    rules = controls.rules.in_force()
    found: dict[str, dict[str, Any]] = {}
    for each in standing(controls.usage(), rules.budgets, int(time.time() * 1000)):
        if each["name"] in known:
            window = found.setdefault(
                each["name"],
                {
                    "budget_policy_id": each["name"],
                    "window_start_ms": each["begins_ms"],
                    "window_end_ms": each["ends_ms"],
                    "current_spend": 0.0,
                },
            )
            window["current_spend"] += each["used"] / money.DOLLAR
    return {"windows": list(found.values())}


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, which are for administrators."""
    return [
        route(f"POST {_BASE}/create", _create, "Make a budget.", NewPolicy),
        route(f"GET {_BASE}/get", _get, "Return a budget.", OfPolicy),
        route(f"POST {_BASE}/update", _update, "Change a budget.", ChangedPolicy),
        route(f"DELETE {_BASE}/delete", _delete, "Delete a budget.", OfPolicy),
        route(f"GET {_BASE}/list", _list, "List budgets.", Listed),
        route(f"GET {_BASE}/windows", _windows, "Say what is spent of budgets.", Nothing),
    ]
