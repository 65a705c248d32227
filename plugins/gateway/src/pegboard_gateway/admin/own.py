"""Our own admin API: endpoints in full, made by one call, and how the catalog is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import asdict, frozen
from pegboard.errors import InvalidState, NotFound, quoted
from pegboard_wire.http import Call, Endpoint, Result
from pegboard_wire.requests import NOTHING

from pegboard_gateway.admin.calls import catalog_of, route
from pegboard_gateway.catalog import making
from pegboard_gateway.catalog.contract import GatewayEndpoint
from pegboard_gateway.catalog.live import LiveCatalog

BASE = "/api/pegboard/1.0/gateway"


@frozen
class Nothing:
    """No parameters."""


@frozen
class Named:
    """An endpoint, by name."""

    name: str


@frozen
class Made:
    """An endpoint to make: its table, with the keys that it would have in pegboard.toml."""

    endpoint: dict[str, Any]


def endpoint_json(endpoint: GatewayEndpoint) -> dict[str, Any]:
    """Return an endpoint in full, but for the settings of its providers, which may be secret."""
    return {
        "name": endpoint.name,
        "task": endpoint.task,
        "source": endpoint.source,
        "targets": [
            {
                "key": target.key,
                "provider": target.provider,
                "model": target.model_name,
                "tasks": sorted(target.model.takes_of(target.model_name)),
                "weight": target.weight,
                "fallback": target.fallback_order,
                "price": target.price and asdict(target.price),
                "max_parallel": target.max_parallel,
                "max_output_tokens": target.max_output_tokens,
            }
            for target in endpoint.targets
        ],
        "limits": [asdict(each) for each in endpoint.limits],
        "budgets": [asdict(each) for each in endpoint.budgets],
        "cache": endpoint.cache and asdict(endpoint.cache),
        "timeouts": asdict(endpoint.timeouts),
        "retries": asdict(endpoint.retries),
        "breaker": asdict(endpoint.breaker),
        "routing": asdict(endpoint.routing),
        "guardrails": [
            {"use": each.use, "stage": each.stage, "action": each.action}
            for each in endpoint.guardrails
        ],
        "trace": endpoint.trace and asdict(endpoint.trace),
        "prompt": endpoint.prompt,
        "tags": dict(endpoint.tags),
    }


def _list(call: Call, _: Nothing) -> Result:
    snapshot = catalog_of(call).current
    found = [endpoint_json(each) for each in snapshot.endpoints.values()]
    return {"endpoints": found, "revision": snapshot.revision}


def _get(call: Call, given: Named) -> Result:
    found = catalog_of(call).current.endpoints.get(given.name)
    if found is None:
        raise NotFound(f"There is no endpoint {quoted(given.name)}.")
    return {"endpoint": endpoint_json(found)}


def _create(call: Call, given: Made) -> Result:
    catalog = catalog_of(call)
    made = making.add(catalog, given.endpoint, call.identity.name or None)
    return {"endpoint": endpoint_json(served(catalog, made.name))}


def served(catalog: LiveCatalog, name: str) -> GatewayEndpoint:
    """Return an endpoint that was just kept; InvalidState if it cannot be served."""
    found = catalog.current.endpoints.get(name)
    if found is None:
        status = catalog.status()
        why = status.fault or " ".join(status.problems)
        raise InvalidState(f"The endpoint {name!r} is kept, but cannot be served yet: {why}")
    return found


def _delete(call: Call, given: Named) -> Result:
    making.remove(catalog_of(call), given.name)
    return NOTHING


def _health(call: Call, _: Nothing) -> Result:
    status = catalog_of(call).status()
    return {**asdict(status), "ok": not (status.fault or status.problems)}


def _reload(call: Call, _: Nothing) -> Result:
    catalog_of(call).reload()
    return _health(call, Nothing())


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, which are for administrators."""
    one = f"{BASE}/endpoints/{{name}}"
    return [
        route(f"GET {BASE}/endpoints", _list, "List the endpoints in force.", Nothing),
        route(f"GET {one}", _get, "Return an endpoint in force.", Named),
        route(f"POST {BASE}/endpoints", _create, "Make an endpoint.", Made),
        route(f"DELETE {one}", _delete, "Remove an endpoint.", Named),
        route(f"GET {BASE}/health", _health, "Say how the configuration is.", Nothing),
        route(f"POST {BASE}/reload", _reload, "Read the configuration anew.", Nothing),
    ]
