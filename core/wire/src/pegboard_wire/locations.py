"""Artifact locations that clients name: what could be taken for another place is refused.

A location is recorded, and later joined with paths by many readers, not all of them as careful as
this server. So one that climbs, or that hides a part from some of them, is not recorded. Nor is one
on another server, unless the owner allows it: readers would bring that server their credentials
and their files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse, urlsplit

from pegboard import uris
from pegboard.errors import InvalidValue, quoted

from pegboard_wire import places

if TYPE_CHECKING:
    from pegboard_wire.http import Call

MAX_LENGTH = 2048
"""How many characters a location may have; MLflow's limit."""

_UNQUOTED_AT_MOST = 5
"""No honest location is quoted more often than this."""


_PORTS = {"http": 80, "https": 443}


def checked(call: Call, location: str) -> str:
    """Return the location; InvalidValue if this or another server would refuse to use it."""
    _refuse_tricks(location)
    allowed = call.host.config.http.artifact_allow
    if is_on_server(location) and not is_allowed(location, allowed):
        raise InvalidValue(
            f"The artifact location {quoted(location)} is on another server.",
            hint="The server's owner can allow it with [http] artifact_allow in pegboard.toml.",
        )
    places.refuse_unusable(call, uris.absolute(location))
    return location


def is_on_server(uri: str) -> bool:
    """Whether a URI names a server to ask for files, other than the one that handed it out."""
    scheme = uris.parse(uri).scheme
    return scheme in _PORTS or (scheme == uris.PROXIED and bool(urlsplit(uri).netloc))


def is_allowed(uri: str, allowed: Iterable[str]) -> bool:
    """Whether a list of hosts, each with a port or for all ports, names the server of a URI."""
    parts = urlsplit(uri)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return False
    return bool(parts.hostname) and is_listed(parts.hostname or "", port, allowed)


def _refuse_tricks(location: str) -> None:
    """Raise InvalidValue if a location is too long, climbs, or has parts that hide some."""
    if len(location) > MAX_LENGTH:
        raise InvalidValue(
            f"The artifact location has {len(location):,} characters; {MAX_LENGTH:,} are allowed."
        )
    parsed = urlparse(location)
    if parsed.fragment or parsed.params or location.endswith("#"):
        raise InvalidValue(
            f"The artifact location {location!r} has a fragment (#) or parameters (;).",
            hint="Name a place by its plain URI.",
        ).about("location_with_fragment", location=location)
    plain = location
    for _ in range(_UNQUOTED_AT_MOST):
        if ".." in re.split(r"[/\\?&=:]", plain):
            raise InvalidValue(
                f"The artifact location {location!r} leads upwards ('..').",
                hint="Name the place itself.",
            )
        if plain == unquote(plain):
            return
        plain = unquote(plain)
    raise InvalidValue(f"The artifact location {location!r} is quoted too often.")


def is_listed(host: str, port: int | None, listed: Iterable[str]) -> bool:
    """Whether a list of hosts, each with a port or for all ports, names this one."""
    shown = f"[{host}]" if ":" in host else host
    return not {each.strip().lower() for each in listed}.isdisjoint(
        (host.lower(), shown.lower(), f"{shown}:{port}".lower())
    )
