"""Our own admin API: the keys of clients."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import asdict, field, frozen
from pegboard.errors import PegboardError
from pegboard_wire.http import Call, Endpoint, Result

from pegboard_gateway import service
from pegboard_gateway.admin.calls import route
from pegboard_gateway.admin.own import BASE, Nothing
from pegboard_gateway.control.key_store import KeyStore
from pegboard_gateway.control.keys import as_json


@frozen
class Wanted:
    """A key to make."""

    name: str
    user: str = ""
    team: str = ""
    workspace: str = ""
    endpoints: list[str] = field(factory=list)
    routes: list[str] = field(factory=list)
    tags: dict[str, str] = field(factory=dict)
    limits: list[str] = field(factory=list)
    budgets: list[str] = field(factory=list)
    expires_at: int | None = None
    """In milliseconds since 1970."""


@frozen
class One:
    """A key, by its id."""

    id: str


def _store(call: Call) -> KeyStore:
    controls = service.controls_of(call.host)
    if controls is None:
        raise PegboardError("The gateway is not running.", hint="See the server's log.")
    return controls.keys


def _create(call: Call, given: Wanted) -> Result:
    fields = asdict(given)
    expires = fields.pop("expires_at")
    made, text = _store(call).create(expires_ms=expires, created_by=call.identity.name, **fields)
    return {"key": text, "info": as_json(made)}


def _list(call: Call, _: Nothing) -> Result:
    return {"keys": [as_json(key) for key in _store(call).list()]}


def _revoke(call: Call, given: One) -> Result:
    return {"info": as_json(_store(call).revoke(given.id))}


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, which are for administrators."""
    keys = f"{BASE}/keys"
    return [
        route(f"POST {keys}", _create, "Make a client's key, which is shown only now.", Wanted),
        route(f"GET {keys}", _list, "List the keys of clients, without what is secret.", Nothing),
        route(f"DELETE {keys}/{{id}}", _revoke, "Revoke a client's key.", One),
    ]
