"""Reading the parameters of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.errors import InvalidValue

from pegboard_wire.scalars import get, integer, items, missing, need, string

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore

    from pegboard_wire.http import Call

Fields = Mapping[str, Any]

NOTHING: dict[str, Any] = {}
"""The answer of endpoints that return nothing."""


def store_of(call: Call) -> TrackingStore:
    """Return the tracking store that a call is about."""
    return call.host.tracking_store(call.tracking_uri)


def text(fields: Fields, name: str) -> str:
    """Return a text that must be there."""
    return string(need(fields, name), name)


def optional_text(fields: Fields, name: str, default: str = "") -> str:
    """Return a text that may be missing."""
    value = get(fields, name)
    return default if value is None else string(value, name)


def run_id(fields: Fields, named: str = "run_id") -> str:
    """Return the run's id, which old clients call ``run_uuid``; ``named`` is for the error."""
    value = get(fields, "run_id") or get(fields, "run_uuid")
    if value is None or value == "":
        raise missing(named)
    return string(value, "run_id")


def optional_integer(fields: Fields, name: str, bits: int = 64) -> int | None:
    """Return an integer that may be missing."""
    value = get(fields, name)
    return None if value is None else integer(value, name, bits)


def texts(fields: Fields, name: str, *, query: bool = False) -> list[str]:
    """Return a repeated text. A value given once in a query arrives as a string."""
    value = get(fields, name)
    if query and isinstance(value, str):
        value = [value]
    try:
        return [string(item, name) for item in items(value, name)]
    except InvalidValue as error:
        # In MLflow's words the list is wrong, not the item.
        raise error.about("wrong_field", value=value) from None


def page_size(fields: Fields, default: int, limit: int = SEARCH_LIMIT, bits: int = 32) -> int:
    """Return how many results are wanted."""
    wanted = optional_integer(fields, "max_results", bits)
    if wanted is None:
        return default
    if not 1 <= wanted <= limit:
        raise InvalidValue(f"The field 'max_results' is {wanted}, not from 1 to {limit}.").about(
            "page_size_not_positive" if wanted < 1 else "page_size",
            value=get(fields, "max_results"),
            wanted=wanted,
            limit=limit,
        )
    return wanted


def page_token(fields: Fields) -> str | None:
    """Return the token of the wanted page, None for the first."""
    return optional_text(fields, "page_token") or None
