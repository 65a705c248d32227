"""How many connections each address holds, so that none holds all of them.

Clients on this machine and trusted proxies, behind which are many others, are not counted against
a share. An address of IPv6 is its first 64 bits, as a client that has one has all of these.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HERE = frozenset({"127.0.0.1", "::1"})
_SITE_BITS = 64


class Shares:
    """Counts the open connections: those within the shares of their addresses, and each's."""

    def __init__(self, share: int, exempt: Iterable[str]) -> None:
        """Give each address a share; ``exempt`` holds addresses, networks or ``*`` for all."""
        self._share = share
        names = list(exempt)
        self._all_exempt = "*" in names
        self._exempt = [found for name in names if (found := _network(name)) is not None]
        self._held: dict[str, int] = {}
        self.within = 0
        """How many connections are open without those beyond the share of their address."""

    def open(self, host: str) -> tuple[str, int]:
        """Count a connection in; return the place to count it out of, and its number there.

        The number is 0 for an address that has no share.
        """
        place = self._place(host)
        number = 0
        if place:
            number = self._held[place] = self._held.get(place, 0) + 1
        if number <= self._share:
            self.within += 1
        return place, number

    def close(self, place: str) -> None:
        """Count a connection out of its place."""
        left = self._held.get(place, 0) - 1 if place else 0
        # Which of a place's connections ends does not matter: those that are left are within first.
        if left < self._share:
            self.within -= 1
        if left > 0:
            self._held[place] = left
        else:
            self._held.pop(place, None)

    def _place(self, host: str) -> str:
        """Return what has a share: an address or a site; nothing if it is not limited."""
        if host in _HERE or self._all_exempt:
            return ""
        try:
            address: Address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return host
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is None:
                return self._site(address)
            address = address.ipv4_mapped
        if str(address) in _HERE or self._is_exempt(address):
            return ""
        return str(address)

    def _site(self, address: ipaddress.IPv6Address) -> str:
        if self._is_exempt(address):
            return ""
        return str(ipaddress.ip_network((address, _SITE_BITS), strict=False))

    def _is_exempt(self, address: Address) -> bool:
        return any(address in network for network in self._exempt)


def _network(name: str) -> Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None
