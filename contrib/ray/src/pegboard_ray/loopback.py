"""Clusters that only this machine reaches: their nodes have the address 127.0.0.1.

So are those that we start. Ray must be told before it is imported, by whoever connects to one too:
else it takes "127.0.0.1" for another address of this machine, where such a cluster does not listen.
"""

from __future__ import annotations

import ipaddress
import socket

LOCAL = "local"
ONLY_HERE = ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
"""The variable that tells it. On these systems, it is Ray's own choice."""
_SECONDS = 5.0
_ANOTHER = "127.0.0.2"


def is_only_here(address: str) -> bool:
    """Whether a cluster, HOST:PORT or the one to be started, has only the address 127.0.0.1."""
    host, _, port = address.rpartition(":")
    if not is_loopback(host) or not port.isdecimal():
        return address == LOCAL
    # Who listens on all addresses listens there, too.
    return not listens(_ANOTHER, int(port))


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listens(host: str, port: int) -> bool:
    """Whether somebody does there."""
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True
