"""Our own admin API: usage, single calls, and where limits and budgets stand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from attrs import asdict, field, frozen
from pegboard.errors import PegboardError
from pegboard_wire.http import Call, Endpoint, Result

from pegboard_gateway import service
from pegboard_gateway.admin.calls import route
from pegboard_gateway.admin.own import BASE, Nothing
from pegboard_gateway.controls import Controls
from pegboard_gateway.entities import UsageRecord
from pegboard_gateway.usage import queries
from pegboard_gateway.usage.standing import standing


@frozen
class Asked:
    """Which calls; see ``usage.queries.Filter``."""

    by: list[str] = field(factory=list)
    since_ms: int | None = None
    until_ms: int | None = None
    id: str | None = None
    endpoint: str | None = None
    provider: str | None = None
    model: str | None = None
    prompt: str | None = None
    key_id: str | None = None
    user: str | None = None
    team: str | None = None
    outcome: str | None = None
    status: int | None = None
    max_results: int = 100
    page_token: str = ""

    def filter(self) -> queries.Filter:
        """Return the conditions alone."""
        fields = asdict(self)
        for name in ("by", "max_results", "page_token"):
            del fields[name]
        return queries.Filter(**fields)


def _controls(call: Call) -> Controls:
    found = service.controls_of(call.host)
    if found is None:
        raise PegboardError("The gateway is not running.", hint="See the server's log.")
    return found


def record_json(record: UsageRecord) -> dict[str, Any]:
    """Return a record as it is sent: what nobody knows the price of has no ``cost``."""
    found = asdict(record)
    for each in (found, *found["attempts"]):
        if each.pop("is_unpriced"):
            each["cost"] = None
    return found


def _usage(call: Call, given: Asked) -> Result:
    database = _controls(call).usage()
    if database is None:
        return {"groups": []}
    return {"groups": queries.grouped(database, given.by, given.filter(), limit=given.max_results)}


def _calls(call: Call, given: Asked) -> Result:
    database = _controls(call).usage()
    if database is None:
        return {"calls": []}
    page = queries.calls(database, given.filter(), limit=given.max_results, token=given.page_token)
    found: dict[str, Any] = {"calls": [record_json(each) for each in page.records]}
    return {**found, "next_page_token": page.next} if page.next else found


def _budgets(call: Call, _: Nothing) -> Result:
    controls = _controls(call)
    rules = controls.rules.in_force()
    now = int(time.time() * 1000)
    return {"standing": standing(controls.usage(), [*rules.budgets, *rules.limits], now)}


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, which are for administrators."""
    return [
        route(f"GET {BASE}/usage", _usage, "Sum calls up by what is asked for.", Asked),
        route(f"GET {BASE}/calls", _calls, "List single calls, the newest first.", Asked),
        route(f"GET {BASE}/budgets", _budgets, "Say where limits and budgets stand.", Nothing),
    ]
