"""Which URLs of clients a server may call: those of the public internet, and what its owner allows.

A URL that a client names makes the server send requests. Without a guard they could reach what only
the server can: itself, its neighbours, and the metadata service of its cloud. A name is looked up
once for each call, and the address that was checked is the one that is connected to, so that a
name which changes its address meanwhile (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from attrs import frozen
from pegboard.errors import InvalidValue, PegboardError, Refused, quoted

from pegboard_wire.locations import is_listed

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

MAX_URL = 2000
PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
_SPECIAL = (
    ipaddress.ip_network("168.63.129.16/32"),  # What answers Azure's machines about themselves.
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("3fff::/20"),
)
"""Addresses that are not public, though some versions of Python call them global."""


@frozen
class Target:
    """Where a request goes. ``path`` is with the query, ready to be sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host and port, as in the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


class Guard:
    """Checks URLs when clients name them, and addresses when they are called."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """``allowed`` lists names and addresses, each with a port or for all ports."""
        self._allowed = tuple(allowed)

    def malformed(self, url: str, why: str) -> PegboardError:
        """Return the error for what is not a URL that may be called."""
        return InvalidValue(f"{quoted(url)} cannot be called.", hint=why)

    def private(self, host: str) -> PegboardError:
        """Return the error for a host that is not on the public internet."""
        return Refused(f"{quoted(host)} may not be called: it is not on the public internet.")

    def check_url(self, url: str) -> Target:
        """Return where a URL leads, as far as is known without resolving names."""
        target = self._parse(url)
        if not self._is_allowed(target.host, target.port):
            address = self._literal(target.host, url)
            if _is_local_name(target.host) or (address is not None and not is_public(address)):
                raise self.private(target.host)
        return target

    def addresses(self, target: Target) -> Sequence[str]:
        """Return the addresses to connect to; Refused if one of them is not public.

        Raises:
            OSError: if the name cannot be looked up.
        """
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]).partition("%")[0] for each in found]
        if not self._is_allowed(target.host, target.port):
            for text in addresses:
                if not (
                    is_public(ipaddress.ip_address(text)) or self._is_allowed(text, target.port)
                ):
                    raise self.private(target.host)
        return addresses

    def _is_allowed(self, host: str, port: int) -> bool:
        return is_listed(host, port, self._allowed)

    def _parse(self, url: str) -> Target:
        if len(url) > MAX_URL or any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
            raise self.malformed(
                url, f"It has up to {MAX_URL} characters, without blanks and backslashes."
            )
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise self.malformed(url, f"{error}.") from None
        if parts.scheme not in PORTS or not parts.hostname:
            raise self.malformed(url, "It begins with https:// or http://, and a host.")
        if "@" in parts.netloc:
            raise self.malformed(url, "Leave out user and password: others see them.")
        if parts.fragment or port == 0:
            raise self.malformed(url, "It has no fragment, and no port 0.")
        host = self._ascii(parts.hostname, url)
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
        return Target(parts.scheme, host, port or PORTS[parts.scheme], path + query)

    def _ascii(self, host: str, url: str) -> str:
        try:
            return host.encode("idna").decode().lower() if not host.isascii() else host.lower()
        except UnicodeError:
            raise self.malformed(url, f"{quoted(host)} is not the name of a host.") from None

    def _literal(self, host: str, url: str) -> Address | None:
        """Return the address that a host is, None if it is a name."""
        try:
            return ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            pass
        try:
            # Names that are read as numbers: 127.1, 0x7f000001, 2130706433.
            socket.inet_aton(host)
        except OSError:
            return None
        raise self.malformed(url, f"Write the address {quoted(host)} with four decimal numbers.")


def is_public(address: Address) -> bool:
    """Whether an address, or the one that is hidden in it, is reached by everybody."""
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            hidden = address.teredo[1]
        if address in _NAT64:
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(hidden)
        if address not in _UNICAST:
            return False
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not special


def _is_local_name(host: str) -> bool:
    return host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost")
