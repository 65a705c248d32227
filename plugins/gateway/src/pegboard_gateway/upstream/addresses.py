"""Where a request goes, and its head: read from the URL and headers that a provider gives."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from pegboard.contracts.llm import HttpCall, LLMError, Trouble

_PORTS = {"http": 80, "https": 443}
_OWN = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
"""The headers that this client writes itself."""


class Origin(NamedTuple):
    """A server: all requests to it share connections."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The host and port, as in the header Host and in messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Address(NamedTuple):
    """A parsed URL. ``target`` is the path with the query, ready to be sent."""

    origin: Origin
    target: str


@lru_cache(maxsize=4096)
def parsed(url: str) -> Address:
    """Return where a URL leads; LLMError INVALID, without the URL's query, if it is not one."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise _malformed() from None
    odd = any(ch.isspace() or not ch.isprintable() or ch == "\\" for ch in url)
    if odd or parts.scheme not in _PORTS or not host or "@" in parts.netloc or port == 0:
        raise _malformed()
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    return Address(Origin(parts.scheme, host, port or _PORTS[parts.scheme]), path + query)


def request_bytes(call: HttpCall, address: Address, *, whole_url: bool = False) -> bytes:
    """Return a request as it is sent; ``whole_url`` is how proxies want it.

    Raises LLMError INVALID for a header that could be taken for several.
    """
    origin, target = address
    if whole_url:
        target = f"{origin.scheme}://{origin.authority}{target}"
    lines = [
        f"{call.method} {target} HTTP/1.1\r\nhost: {origin.authority}\r\n"
        f"accept-encoding: identity\r\ncontent-length: {len(call.body)}\r\n"
    ]
    lines += [
        f"{name}: {value}\r\n" for name, value in call.headers.items() if name.lower() not in _OWN
    ]
    lines.append("\r\n")
    head = "".join(lines)
    ends = len(lines) + 3
    if not head.count("\n") == head.count("\r") == head.count("\r\n") == ends or "\0" in head:
        raise LLMError(Trouble.INVALID, "A header of the request to the model has a line break.")
    try:
        return head.encode("latin-1") + call.body
    except UnicodeEncodeError:
        raise LLMError(
            Trouble.INVALID, "A header of the request to the model has letters beyond Latin-1."
        ) from None


def _malformed() -> LLMError:
    return LLMError(
        Trouble.INVALID,
        "The address of the model's server is not a URL.",
        hint="It begins with https:// or http:// and a host, and has no user or password in it.",
    )
