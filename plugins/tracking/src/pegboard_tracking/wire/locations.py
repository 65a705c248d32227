"""Artifact locations that clients name: what could be taken for another place is refused.

A location is recorded, and later joined with paths by many readers, not all of them as careful as
this server. So one that climbs, or that hides a part from some of them, is not recorded.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlparse

from pegboard.errors import InvalidValue

MAX_LENGTH = 2048
"""How many characters a location may have; MLflow's limit."""

_UNQUOTED_AT_MOST = 5
"""No honest location is quoted more often than this."""


def checked(location: str) -> str:
    """Return the location; InvalidValue if it is too long, climbs, or has parts that hide some."""
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
            return location
        plain = unquote(plain)
    raise InvalidValue(f"The artifact location {location!r} is quoted too often.")
