"""What the page of the gateway shows: endpoints and how they are, sums of a span, the last calls.

For all who may read. Who called, what other people's keys may spend, and why a configuration is
wrong is for administrators.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Annotated, Any

from attrs import frozen
from pegboard.contracts.llm import Task
from pegboard.errors import PegboardError
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.typed import Between, typed

from pegboard_gateway import service
from pegboard_gateway.admin.calls import catalog_of
from pegboard_gateway.admin.own import BASE
from pegboard_gateway.catalog.contract import Catalog, GatewayEndpoint, Target
from pegboard_gateway.catalog.live import EMBEDDED
from pegboard_gateway.control.rules import Budget, Scope
from pegboard_gateway.control.windows import Unit, Window
from pegboard_gateway.controls import Controls
from pegboard_gateway.entities import Attempt, UsageRecord
from pegboard_gateway.money import DOLLAR
from pegboard_gateway.usage import tail
from pegboard_gateway.usage.standing import standing
from pegboard_gateway.usage.summary import Summary, Sums, span_of, spent, summary
from pegboard_gateway.usage.tail import Numbered

_MONTH = Window(Unit.MONTH)
_COMMON = (Scope.GLOBAL, Scope.ENDPOINT)
"""Budgets of these belong to nobody, so everybody may see by name where they stand."""
_NONE = Sums()


@frozen
class Asked:
    """Of which span: ``1h``, ``24h`` or ``7d``."""

    span: str = "24h"


@frozen
class After:
    """After which number, as the answer before said; or of which request, by its id."""

    after: Annotated[int, Between(0, 2**62)] = 0
    limit: Annotated[int, Between(1, 500)] = 100
    id: str = ""


def _controls(call: Call) -> Controls:
    found = service.of(call.host).controls
    if found is None:
        raise PegboardError("The gateway keeps no records.")
    return found


def _summary(call: Call, given: Asked) -> Result:
    controls, catalog = _controls(call), catalog_of(call)
    now = int(time.time() * 1000)
    wanted = span_of(given.span, now)
    found = controls.memo.get(
        given.span, lambda: summary(controls.usage(), wanted, _fallbacks(catalog))
    )
    money = controls.memo.get("money", lambda: _money(controls, now))
    endpoints = catalog.current.endpoints
    names = [*endpoints, *sorted(name for name in found.endpoints if name not in endpoints)]
    status = catalog.status()
    faults = (
        [status.fault, *status.problems] if Permission.ADMIN in call.identity.permissions else []
    )
    return {
        "since_ms": found.span.since,
        "until_ms": found.span.until,
        "step_ms": found.span.step,
        "totals": found.totals(),
        "series": found.series(),
        "endpoints": [
            _endpoint_json(call, name, endpoints.get(name), found, money["budgets"])
            for name in names
        ],
        "spend": money["spend"],
        "embedded": bool(endpoints) and all(e.source == EMBEDDED for e in endpoints.values()),
        "ok": not (status.fault or status.problems),
        "faults": [fault for fault in faults if fault],
        "needs_key": not controls.keys.is_empty,
        # How targets are is what this process has found.
        "found_by": {"process": os.getpid(), "workers": controls.workers},
    }


def _fallbacks(catalog: Catalog) -> Set[str]:
    """Return the keys of targets that are asked only if others cannot answer."""
    found = set()
    for endpoint in catalog.current.endpoints.values():
        first = min(target.fallback_order for target in endpoint.targets)
        found |= {target.key for target in endpoint.targets if target.fallback_order > first}
    return found


def _endpoint_json(
    call: Call,
    name: str,
    endpoint: GatewayEndpoint | None,
    found: Summary,
    budgets: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return an endpoint with its sums; None for one that is there no more."""
    targets = () if endpoint is None else endpoint.targets
    tasks = {task for target in targets for task in target.model.takes_of(target.model_name)}
    if endpoint is not None and endpoint.task is not None:
        tasks &= {endpoint.task}
    return {
        "name": name,
        "is_there": endpoint is not None,
        "chats": Task.CHAT in tasks,
        "tasks": sorted(tasks),
        "prompt": "" if endpoint is None else endpoint.prompt,
        "targets": [_target_json(call, target, found) for target in targets],
        **found.endpoints.get(name, _NONE).json(),
        "counts": found.counts.get(name, ()),
        "budgets": [each for each in budgets if each["endpoint"] == name],
    }


def _target_json(call: Call, target: Target, found: Summary) -> dict[str, Any]:
    return {
        "provider": target.provider,
        "model": target.model_name,
        "weight": target.weight,
        "fallback": target.fallback_order,
        "attempts": found.attempts[target.key],
        "attempts_failed": found.attempts_failed[target.key],
        **_health(call, target),
    }


def _health(call: Call, target: Target) -> dict[str, Any]:
    """Return how this process finds the upstream of a target.

    ``closed`` is well; ``open`` is left alone for ``seconds``, ``trying`` is tried by the next
    call, ``waiting`` asked to be left alone for ``seconds``, ``slowed`` takes few calls at a time.
    """
    state, now = service.of(call.host).calls.sites.state(target), time.monotonic()
    found: dict[str, Any] = {"state": "closed", "seconds": 0.0, "reason": "", "running": 0}
    if state is None:
        return found
    found["running"] = state.running
    if state.is_open:
        found["state"] = "open" if now < state.open_until else "trying"
        found |= {"seconds": max(state.open_until - now, 0.0), "reason": str(state.reason)}
    elif now < state.stopped_until:
        found |= {"state": "waiting", "seconds": state.stopped_until - now}
        found["reason"] = str(state.reason)
    elif state.is_slowed:
        found |= {"state": "slowed", "limit": int(state.limit)}
    return found


def _money(controls: Controls, now: int) -> dict[str, Any]:
    """Return the money of the gateway's longest budget, or of this month, and all budgets."""
    rules = [each for each in controls.rules.in_force().budgets if not _is_of_one(each)]
    database = controls.usage()
    common = [each for each in rules if each.scope is Scope.GLOBAL and not each.endpoint]
    longest = max(common, key=lambda each: _length(each.window, now), default=None)
    spend = spent(database, longest.window if longest else _MONTH, now)
    return {
        "spend": {**spend, "budget": longest and _budget_json(longest)},
        "budgets": [each for rule in rules for each in _standing(controls, rule, now)],
    }


def _is_of_one(budget: Budget) -> bool:
    """Whether a budget is that of one key, user or the like, whom it would name."""
    return bool(budget.subject) and budget.scope not in _COMMON


def _length(window: Window, now: int) -> int:
    begins, ends = window.span(now)
    return ends - begins


def _budget_json(budget: Budget) -> dict[str, Any]:
    return {
        "usd": budget.amount / DOLLAR,
        "window": str(budget.window),
        "by": str(budget.scope),
        "action": str(budget.action),
        "name": budget.name,
    }


def _standing(controls: Controls, budget: Budget, now: int) -> Iterator[dict[str, Any]]:
    """Yield where a budget stands, for each endpoint that it counts.

    Of a budget for each key, user and the like it is the fullest, whosever that is.
    """
    found = standing(controls.usage(), [budget], now)
    shown = _budget_json(budget)
    if budget.endpoint or budget.scope is not Scope.ENDPOINT:
        yield {**shown, "endpoint": budget.endpoint, "used_usd": found[0]["used"] / DOLLAR}
        return
    for each in found:
        yield {**shown, "endpoint": each["subject"], "used_usd": each["used"] / DOLLAR}


def _calls(call: Call, given: After) -> Result:
    controls = _controls(call)
    database = controls.usage()
    if database is None:
        return {"calls": [], "after": 0}
    if given.id:
        found, newest = tail.of_request(database, given.id), given.after
    else:
        found, newest = tail.last(database, after=given.after, limit=given.limit)
    is_admin = Permission.ADMIN in call.identity.permissions
    fallbacks = _fallbacks(catalog_of(call))
    show = partial(_call_json, controls if is_admin else None, fallbacks)
    return {"calls": [show(each) for each in found], "after": newest}


def _call_json(controls: Controls | None, fallbacks: Set[str], call: Numbered) -> dict[str, Any]:
    """Return a call as it is sent; ``controls`` to tell who called."""
    record = call.record
    found = {
        "number": call.number,
        "id": record.id,
        "started_ms": record.started_ms,
        "endpoint": record.endpoint,
        "provider": record.provider,
        "model": record.model,
        "prompt": record.prompt,
        "outcome": str(record.outcome),
        "status": record.status,
        "trouble": record.trouble,
        "stream": record.stream,
        "tokens_in": record.tokens.input,
        "tokens_out": record.tokens.output,
        "usd": _usd(record),
        "seconds": record.seconds,
        "first_token_seconds": record.first_token_seconds,
        "fell_back": record.fell_back or record.target in fallbacks,
        "attempts": [
            {
                "target": each.target,
                "provider": each.provider,
                "model": each.model,
                "trouble": each.trouble,
                "status": each.status,
                "seconds": each.seconds,
                "usd": _usd(each),
            }
            for each in record.attempts
        ],
    }
    if controls is not None:
        key = controls.keys.of_id(record.caller.key_id) if record.caller.key_id else None
        name = (key and key.name) or record.caller.key_id
        found |= {"user": record.caller.user, "key": name}
    return found


def _usd(of: UsageRecord | Attempt) -> float | None:
    return None if of.is_unpriced else of.cost / DOLLAR


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    read = partial(typed, "GET", permission=Permission.READ, tags=("gateway",))
    return [
        read(f"{BASE}/summary", _summary, summary="Sum a span up by endpoint.", request=Asked),
        read(f"{BASE}/tail", _calls, summary="List the last calls.", request=After),
    ]
