"""What a call is about: which registry, and who changes something for which reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from pegboard import uris
from pegboard.entities.registry import Author
from pegboard_wire.registries import open_registry, registry_uri, scheme_of

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard_wire.http import Call

USER_HEADER = "x-pegboard-user"
"""The author of a change, which only servers without users believe."""

REASON_HEADER = "x-pegboard-reason"
"""Why something is changed, for the history."""

_READS_QUICKLY = frozenset({"file", "memory", "sqlite", uris.PLAIN_PATH})
"""Schemes of registries that answer from this machine, in microseconds."""


def registry_of(call: Call) -> ModelRegistry:
    """Return the registry that a call is about; NotSupported if there is none."""
    return open_registry(call.host, call.tracking_uri)


def reads_quickly(call: Call) -> bool:
    """Whether reading from the registry is nothing to wait for."""
    return scheme_of(registry_uri(call.host, call.tracking_uri)) in _READS_QUICKLY


def author_of(call: Call) -> Author:
    """Return who calls, and why."""
    name = call.identity.name or _header(call.headers, USER_HEADER)
    return Author(name or None, _header(call.headers, REASON_HEADER))


def author_headers(by: Author) -> dict[str, str]:
    """Return the headers that tell a server who changes something, and why."""
    told = {USER_HEADER: by.user, REASON_HEADER: by.reason}
    return {name: quote(value) for name, value in told.items() if value}


def _header(headers: Mapping[str, str], name: str) -> str:
    return unquote(headers.get(name, ""))
