"""Which requests are let in by where they come from: the Host and Origin that browsers send.

A page of another site can make a browser send requests here. If it uses a name of its own that it
points at this machine (DNS rebinding), the Host shows it; if it sends them across sites, the Origin
shows it.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping

from pegboard_server.failures import Failure
from pegboard_server.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_REMEMBERED = 1000
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{0,5})?")


def is_loopback(host: str) -> bool:
    """Whether an address or name to listen at is reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


_EXPOSED = b"etag, retry-after, x-pegboard-response-cost, x-request-id"
"""What of an answer's headers pages of other sites may read."""


class Guard:
    """Checks the Host and the Origin of requests, and answers what CORS asks."""

    def __init__(self, settings: Settings) -> None:
        self._names = {name.lower() for name in _own_names(settings)}
        self._patterns = [host.lower() for host in settings.allowed_hosts]
        # An address in numbers is never the name of a rebinding page.
        self._any_address = not is_loopback(settings.host)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.cors_origins)
        self._good_hosts: set[bytes] = set()

    def check(self, method: str, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request with a wrong Host, or a changing one of another site."""
        self.check_host(headers)
        if method not in SAFE_METHODS:
            self._check_origin(headers)

    def check_host(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request that was not meant for a name of this server."""
        host = headers.get(b"host")
        if host in self._good_hosts:
            return
        if not host:
            raise Failure(400, "BAD_REQUEST", "The header Host is missing.")
        given = host.decode("latin-1").lower()
        name = _split(given)[0] if _HOST.fullmatch(given) else given
        if not self._is_mine(name):
            raise Failure(
                403,
                "PERMISSION_DENIED",
                f"Invalid Host header. The server does not go by the name {name!r}. Start it with "
                "--allowed-host NAME if it should.",
            )
        if len(self._good_hosts) < _REMEMBERED:
            self._good_hosts.add(host)

    def _is_mine(self, name: str) -> bool:
        if name in self._names:
            return True
        if self._any_address:
            try:
                ipaddress.ip_address(name)
            except ValueError:
                pass
            else:
                return True
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)

    def _check_origin(self, headers: Mapping[bytes, bytes]) -> None:
        origin = headers.get(b"origin")
        if origin is None:
            crossed = headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin")
        else:
            crossed = not (self.is_same(origin, headers) or self.is_allowed(origin))
        if crossed:
            raise Failure(
                403,
                "PERMISSION_DENIED",
                "Cross-origin request blocked. Pages of other sites may not change anything here. "
                "Start the server with --cors-origin ORIGIN if they should.",
            )

    @staticmethod
    def is_same(origin: bytes, headers: Mapping[bytes, bytes]) -> bool:
        """Whether an Origin is this server's own, as far as the Host shows."""
        scheme, _, place = origin.decode("latin-1").lower().partition("://")
        own = _split(headers.get(b"host", b"").decode("latin-1").lower(), scheme)
        return bool(place) and _split(place, scheme) == own

    def is_allowed(self, origin: bytes) -> bool:
        """Whether pages of this Origin may call the server."""
        return "*" in self._origins or origin.decode("latin-1").lower() in self._origins

    def cors(self, headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """Return the headers that let the page of an allowed Origin read the answer."""
        origin = headers.get(b"origin")
        if not self._origins or origin is None or not self.is_allowed(origin):
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        ]

    def preflight(
        self, headers: Mapping[bytes, bytes], methods: Iterable[str]
    ) -> list[tuple[bytes, bytes]]:
        """Return the headers that say what the page of an allowed Origin may send."""
        allowed = self.cors(headers)
        if not allowed:
            raise Failure(403, "PERMISSION_DENIED", "Pages of this origin may not call the server.")
        asked = headers.get(b"access-control-request-headers", b"authorization, content-type")
        return [
            *allowed,
            (b"access-control-allow-methods", ", ".join(methods).encode()),
            (b"access-control-allow-headers", asked),
            (b"access-control-max-age", b"600"),
        ]


def _own_names(settings: Settings) -> Iterable[str]:
    yield from LOOPBACK_NAMES
    if not is_loopback(settings.host):
        yield settings.host.strip("[]")
        yield socket.gethostname()


def _split(place: str, scheme: str = "http") -> tuple[str, str]:
    """Return the name and the port of ``name:port``, ``[::1]:port`` or a name alone."""
    if place.startswith("["):
        name, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        name, _, port = place.partition(":")
    return name.removesuffix("."), port or {"https": "443"}.get(scheme, "80")
