"""Proxies that the environment names: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

An upstream that only public addresses are allowed for is never called through one: its address
could not be checked.
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import (  # type: ignore[attr-defined]
    getproxies_environment,
    proxy_bypass_environment,
)

from pegboard.contracts.llm import LLMError, Trouble

from pegboard_gateway.upstream.errors import UpstreamError

if TYPE_CHECKING:
    from pegboard_gateway.upstream.addresses import Origin

_MAX_ANSWER = 16 << 10


class Proxy(NamedTuple):
    """A proxy that speaks plain HTTP. ``authorization`` is a header's value, or empty."""

    host: str
    port: int
    authorization: str

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"Proxy({self.host}:{self.port})"


def proxy_of(origin: Origin) -> Proxy | None:
    """Return the proxy for a server; LLMError if the environment names one that is none."""
    found = getproxies_environment()
    if not found or proxy_bypass_environment(origin.authority, found):
        return None
    url = found.get(origin.scheme) or found.get("all")
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        name = f"{origin.scheme}_proxy".upper()
        text = f"The proxy that {name} names cannot be used: only http:// is possible."
        raise LLMError(Trouble.UNREACHABLE, text)
    authorization = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(parts.hostname, port, authorization)


class Tunnel(asyncio.Protocol):
    """Asks a proxy for a connection to a server, before that is used by another protocol."""

    def __init__(self, origin: Origin, proxy: Proxy) -> None:
        self._origin, self._proxy = origin, proxy
        self._found = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        place = f"{self._origin.host}:{self._origin.port}"
        if ":" in self._origin.host:
            place = f"[{self._origin.host}]:{self._origin.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"host: {place}"]
        if self._proxy.authorization:
            lines.append(f"proxy-authorization: {self._proxy.authorization}")
        asked = "\r\n".join([*lines, "", ""]).encode("latin-1")
        transport.write(asked)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Read the answer; nothing may come behind it, as the server has not been spoken to."""
        self._found += data
        head, end, rest = self._found.partition(b"\r\n\r\n")
        if self.opened.done() or (not end and len(self._found) <= _MAX_ANSWER):
            return
        status = head.split(b" ", 2)[1:2]
        if not end or rest or status != [b"200"]:
            said = status[0].decode("latin-1")[:3] if status else "nothing"
            self._fail(f"answered {said}")
        else:
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Fail if that was no answer."""
        if not self.opened.done():
            self._fail("closed the connection")

    def _fail(self, why: str) -> None:
        text = f"The gateway's proxy {why} when it was asked for {{}}."
        more = f"The proxy is {self._proxy.host}:{self._proxy.port}."
        error = UpstreamError(Trouble.UNREACHABLE, text, self._origin, more=more)
        self.opened.set_exception(error)
