"""MLflow's way to set the limits of an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from attrs import frozen
from pegboard import settings
from pegboard.errors import NotSupported
from pegboard_wire.http import Call, Endpoint, Result
from pegboard_wire.typed import Between

from pegboard_gateway.admin.calls import catalog_of, existing, route, user_of
from pegboard_gateway.catalog.making import as_clients
from pegboard_gateway.settings import Limit

_BY = {None: "endpoint", "": "endpoint", "route": "endpoint", "user": "user"}


@frozen
class GivenLimit:
    """How many calls there may be in a period."""

    calls: Annotated[int, Between(1, 2**62)]
    renewal_period: str
    key: str | None = None


@frozen
class Limits:
    """The limits of an endpoint, in place of those that it has."""

    route: str
    limits: tuple[GivenLimit, ...] = ()


def _set(call: Call, given: Limits) -> Result:
    catalog = catalog_of(call)
    if catalog.is_of_files(given.route):
        source = catalog.current.endpoints[given.route].source
        raise NotSupported(
            f"The endpoint {given.route!r} is configured in {source}.", hint="Set its limits there."
        )
    store = existing(call, "endpoint").store
    stored = store.endpoints.get(name=given.route)
    tables = [
        {"calls": each.calls, "per": each.renewal_period, "by": _BY.get(each.key, each.key)}
        for each in given.limits
    ]
    with as_clients():
        for table in tables:
            settings.structure(Limit, table, "limits:")
    options = {key: value for key, value in stored.options.items() if key != "limit"}
    store.endpoints.update(
        stored.endpoint_id, options={**options, "limits": tables}, user=user_of(call, None)
    )
    catalog.refresh()
    limits = [
        {"calls": each.calls, "renewal_period": each.renewal_period, "key": each.key}
        for each in given.limits
    ]
    return {"limits": limits}


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, by both of their names."""
    return [
        route(f"POST {path}", _set, "Set an endpoint's limits.", Limits)
        for path in ("/api/2.0/endpoints/limits/", "/api/2.0/gateway/limits/")
    ]
