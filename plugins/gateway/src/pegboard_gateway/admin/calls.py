"""What the handlers of the admin API share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pegboard.errors import NotFound
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.typed import typed

from pegboard_gateway.catalog import live
from pegboard_gateway.catalog.live import LiveCatalog

R = TypeVar("R")


def route(
    how: str, handle: Callable[[Call, R], Result], summary: str, request: type[R]
) -> Endpoint:
    """Return a route for administrators; ``how`` is its method and path."""
    method, path = how.split()
    return typed(method, path, handle, Permission.ADMIN, summary, request, tags=("gateway",))


def catalog_of(call: Call) -> LiveCatalog:
    """Return the catalog of the server."""
    return live.catalog_of(call.host)


def existing(call: Call, what: str) -> LiveCatalog:
    """Return the catalog, whose database is there; NotFound for ``what`` if it is not.

    To ask makes no database.
    """
    catalog = catalog_of(call)
    if not catalog.store.exists():
        raise NotFound(f"There is no {what}: nothing was made yet.")
    return catalog


def user_of(call: Call, claimed: str | None) -> str | None:
    """Return who changes something: the caller, whoever he says he is, unless nobody is known."""
    return call.identity.name or claimed


def without_nothing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out fields that have no value, as MLflow's protocol does."""
    return {key: value for key, value in fields.items() if value is not None}
