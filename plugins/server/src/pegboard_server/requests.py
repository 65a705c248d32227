"""Requests as they come: headers, bodies within limits, and parameters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from attrs import define
from pegboard_stores import json_size

from pegboard_server.asgi import Receive, Scope
from pegboard_server.failures import ClientGone, Failure, busy, malformed

MAX_QUERY_FIELDS = 2_000
"""How many fields a query may have; this many take some milliseconds of the event loop."""

_SHORT, _MEDIUM, _FEW = 32 << 10, 256 << 10, 4_000
"""How long a body the event loop parses itself, and how long one with few objects and arrays: a
thread would cost more. A thousand metrics have a thousand objects."""

_JSON = b"application/json"
_ONCE = (b"host", b"content-length", b"content-type", b"authorization", b"origin")


class Headers(Mapping[str, str]):
    """The headers of a request by name, in any case of letters; decoded when they are asked for."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Mapping[bytes, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._raw[name.lower().encode("latin-1")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by name in small letters; those that decide something only once."""
    items = scope["headers"]
    found = dict(items)
    if len(found) != len(items):
        names = [name for name, _ in items]
        for name in _ONCE:
            if names.count(name) > 1:
                raise malformed(f"The header {name.decode()!r} was sent more than once.")
    coding = found.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or scope["http_version"] != "1.1"):
        raise malformed("The only Transfer-Encoding that is understood is chunked, in HTTP/1.1.")
    return found


@define
class Bodies:
    """How many bytes of bodies are in memory, and how many may be."""

    limit: int
    held: int = 0

    def hold(self, size: int) -> None:
        """Take room for some bytes; refused if there is none."""
        if self.held + size > self.limit:
            raise busy("The server is busy with other large requests; try again.")
        self.held += size


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], limit: int, bodies: Bodies, timeout: float
) -> bytes:
    """Return the body, of at most ``limit`` bytes, for which ``bodies`` then holds room."""
    length = headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in headers:
        return b""
    if length is not None and int(length) > limit:
        raise _too_long(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        whole: bytes = message.get("body", b"")
        if len(whole) > limit:
            raise _too_long(limit)
        bodies.hold(len(whole))
        return whole
    return await _gather(message, receive, limit, bodies, timeout)


async def _gather(
    message: dict[str, Any], receive: Receive, limit: int, bodies: Bodies, timeout: float
) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            while _add(message, body, limit, bodies):
                message = await receive()
    except BaseException as error:
        bodies.held -= len(body)
        if isinstance(error, TimeoutError):
            text = f"The body did not arrive within {timeout:g} s."
            raise Failure(408, "DEADLINE_EXCEEDED", text, close=True) from None
        raise
    return bytes(body)


def _add(message: dict[str, Any], body: bytearray, limit: int, bodies: Bodies) -> bool:
    """Add what a message brings to the body; return whether more is to come."""
    if message["type"] != "http.request":
        raise ClientGone
    piece = message.get("body", b"")
    if len(body) + len(piece) > limit:
        raise _too_long(limit)
    bodies.hold(len(piece))
    body += piece
    return bool(message.get("more_body"))


def _too_long(limit: int) -> Failure:
    return Failure(413, "INVALID_PARAMETER_VALUE", f"The body is longer than {limit >> 20} MiB.")


async def stream(receive: Receive, timeout: float) -> AsyncIterator[bytes]:
    """Yield a body as it comes; ClientGone if it breaks off."""
    more = True
    while more:
        try:
            async with asyncio.timeout(timeout):
                message = await receive()
        except TimeoutError:
            text = f"Nothing of the body arrived for {timeout:g} s."
            raise Failure(408, "DEADLINE_EXCEEDED", text, close=True) from None
        if message["type"] != "http.request":
            raise ClientGone
        if piece := message.get("body"):
            yield piece
        more = message.get("more_body", False)


def is_soon_parsed(body: bytes) -> bool:
    """Whether to parse a body takes less than 5 ms, as those that clients send every day do."""
    return len(body) <= _SHORT or (
        len(body) <= _MEDIUM and body.count(b"{") + body.count(b"[") <= _FEW
    )


def parse_json(body: bytes, content_type: bytes | None, most: int) -> dict[str, Any]:
    """Return the object that a body holds, with at most ``most`` names and values.

    If a key comes twice, its last value counts. The parser refuses what is nested deeper than
    1,024 levels.
    """
    if content_type != _JSON:
        _check_type(content_type or b"")
    try:
        value = orjson.loads(_counted(body, most))
        if isinstance(value, str):
            # Old clients encode twice.
            value = orjson.loads(_counted(value.encode(), most))
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise malformed("The body has to be a JSON object.")
    return value


def _check_type(content_type: bytes) -> None:
    kind = content_type.split(b";", 1)[0].strip().lower()
    if kind != _JSON:
        raise malformed(
            f"The Content-Type has to be application/json, not {kind.decode('latin-1')!r}."
            if kind
            else "The header Content-Type is missing."
        )


def _counted(text: bytes, most: int) -> bytes:
    if len(text) > most and json_size.has_more_values(text, most):
        raise Failure(
            413,
            "INVALID_PARAMETER_VALUE",
            f"The body has more than {most} names and values; send them in several requests.",
        )
    return text


def parse_query(query: bytes) -> dict[str, Any]:
    """Return the fields of a query; those that are repeated as lists."""
    try:
        fields = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except UnicodeDecodeError:
        raise malformed("The query is not valid UTF-8.") from None
    except ValueError:
        raise malformed(f"The query has more than {MAX_QUERY_FIELDS} fields.") from None
    found: dict[str, Any] = {}
    for name, value in fields:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found
