"""One request and its answer, on the way out."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from attrs import define, field
from pegboard_wire import notices
from pegboard_wire.http import Tell

from pegboard_server.asgi import Receive, Scope, Send
from pegboard_server.failures import ClientGone, Failure

if TYPE_CHECKING:
    from pegboard_wire.http import Answer

    from pegboard_server.routing import Route

Pairs = Sequence[tuple[bytes, bytes]]

WRITE = "pegboard.write"
"""The key of a scope for what sends a whole answer at once."""
STREAM = "pegboard.stream"
"""The key of a scope for the function to call before a body is read in pieces."""
GONE = "pegboard.gone"
"""The key of a scope for a function: it takes what to call when the client has gone, or None."""

_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_JSON = (*_SAFE, (b"content-type", b"application/json"), (b"cache-control", b"no-store"))


def lines_of(head: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as they are sent."""
    return b"".join([b"%b: %b\r\n" % pair for pair in head])


class Fixed(NamedTuple):
    """Headers that many answers have, and how they are sent."""

    head: Pairs = ()
    lines: bytes = b""


_NOTHING = Fixed()
_JSON_HEAD = Fixed(_JSON, lines_of(_JSON))
_PAGE = (
    *_SAFE,
    (b"content-type", notices.MEDIA_TYPE.encode()),
    *((name.encode(), value.encode()) for name, value in notices.HEADERS.items()),
)
PAGE_HEAD = Fixed(_PAGE, lines_of(_PAGE))
"""The headers of an error that a person reads."""
_BODILESS = frozenset({204, 304})
_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""What a browser may do with an answer that says nothing else: show it, and nothing more."""
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Whole(NamedTuple):
    """A whole answer: its status, its headers and its body, and whether the connection ends."""

    status: int
    fixed: Fixed
    head: list[tuple[bytes, bytes]]
    """The headers beside those that are ``fixed``."""
    body: bytes
    close: bool = False


@define
class Exchange:
    """What is known of a request while it is answered."""

    scope: Scope
    receive: Receive
    send: Send
    request_id: str
    path: bytes = b""
    """The path below the server's root, as it came; known once the request was admitted."""
    route: Route | None = None
    tell: Tell | None = None
    """What makes the bodies of errors, if that is not MLflow's form."""
    user: str = ""
    status: int = 0
    """That of the answer, once it has begun."""
    sent: int = 0
    """The bytes of the answer's body."""
    extra: Pairs = ()
    """Headers that the answer gets in any case."""
    started: float = field(factory=time.perf_counter)

    async def json(self, content: bytes, status: int = 200) -> None:
        """Send JSON."""
        await self._send_whole(self.whole_json(content, status))

    async def answer(
        self, answer: Answer, write_timeout: float, stopping: asyncio.Event | None = None
    ) -> None:
        """Send an answer; ClientGone if nobody reads it. An endless one ends with ``stopping``."""
        if isinstance(answer.content, bytes):
            await self._send_whole(self.whole_answer(answer, answer.content))
        else:
            head = _head_of(answer) + list(self.extra)
            ends = stopping if answer.endless else None
            await self._send_stream(answer.status, head, answer.content, write_timeout, ends)

    async def pass_on(self, message: dict[str, Any]) -> None:
        """Send a message of a foreign application, with the headers that every answer gets."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = [(bytes(name).lower(), bytes(value)) for name, value in message["headers"]]
            names = {name for name, _ in given}
            head = [*given, *(pair for pair in _SAFE if pair[0] not in names), *self.extra]
            message = {**message, "headers": [*head, (b"x-request-id", self.request_id.encode())]}
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        await self.send(message)

    async def fail(self, failure: Failure) -> None:
        """Send an error."""
        await self._send_whole(self.whole_failure(failure))

    def whole_json(self, content: bytes, status: int = 200) -> Whole:
        """Return the answer that sends JSON."""
        return self._whole(status, _JSON_HEAD, [*self.extra], content)

    def whole_answer(self, answer: Answer, content: bytes) -> Whole:
        """Return an answer whose content is known."""
        head = _head_of(answer) + list(self.extra)
        return self._whole(answer.status, _NOTHING, head, content)

    def whole_failure(self, failure: Failure) -> Whole:
        """Return an error: as a page, in the endpoint's own form, or in MLflow's."""
        head = [*self.extra, *encoded(failure.headers)]
        if failure.page:
            status, page = failure.status, failure.page
            return self._whole(status, PAGE_HEAD, head, page, close=failure.close)
        told: Mapping[str, Any]
        if self.tell is not None:
            told = self.tell(failure.status, failure.error_code, failure.message)
        else:
            told = {"error_code": failure.error_code, "message": failure.message}
            if failure.own:
                told = {**told, "pegboard": failure.own}
        content = orjson.dumps(told)
        return self._whole(failure.status, _JSON_HEAD, head, content, close=failure.close)

    def _whole(
        self,
        status: int,
        fixed: Fixed,
        head: list[tuple[bytes, bytes]],
        body: bytes,
        *,
        close: bool = False,
    ) -> Whole:
        if status not in _BODILESS:
            head.append((b"content-length", b"%d" % len(body)))
        head.append((b"x-request-id", self.request_id.encode()))
        self.status, self.sent = status, len(body)
        return Whole(status, fixed, head, body, close)

    async def _send_whole(self, whole: Whole) -> None:
        write = self.scope.get(WRITE)
        if write is None or not write(whole):
            status, fixed, more, body, close = whole
            head = [*fixed.head, *more]
            if close:
                head.append((b"connection", b"close"))
            await self.send({"type": "http.response.start", "status": status, "headers": head})
            await self.send({"type": "http.response.body", "body": body})

    async def _send_stream(
        self,
        status: int,
        head: list[tuple[bytes, bytes]],
        content: AsyncIterator[bytes],
        write_timeout: float,
        stopping: asyncio.Event | None,
    ) -> None:
        self.status = status
        head.append((b"x-request-id", self.request_id.encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": head})
        gone = asyncio.ensure_future(self._until_gone())
        try:
            if self.scope["method"] != "HEAD":
                pieces = content if stopping is None else _until(content, gone, stopping)
                async for piece in pieces:
                    if gone.done():
                        raise ClientGone
                    async with asyncio.timeout(write_timeout):
                        await self.send(
                            {"type": "http.response.body", "body": piece, "more_body": True}
                        )
                    self.sent += len(piece)
                    # Neither sending nor the content need ever wait; others, and the news that the
                    # client is gone, need a turn.
                    await asyncio.sleep(0)
            if gone.done():
                raise ClientGone
            await self.send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            raise ClientGone from None
        finally:
            gone.cancel()
            if isinstance(content, AsyncGenerator):
                await content.aclose()

    async def _until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def _until(
    content: AsyncIterator[bytes], gone: asyncio.Future[None], stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    """Yield what comes, until the client has gone or the server is to stop."""
    ending = asyncio.ensure_future(stopping.wait())
    try:
        while not (gone.done() or ending.done()):
            coming = asyncio.ensure_future(anext(content, None))
            await asyncio.wait((coming, gone, ending), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                await asyncio.wait((coming,))
                return
            piece = coming.result()
            if piece is None:
                return
            yield piece
    finally:
        ending.cancel()


def _head_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    given = encoded({"content-type": answer.media_type, **answer.headers})
    names = {name for name, _ in given}
    head = [*given, *(pair for pair in _SAFE if pair[0] not in names)]
    if b"content-security-policy" not in names and answer.media_type != "application/json":
        head.append((b"content-security-policy", _CONTENT_POLICY.encode()))
    return head


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers as they are sent; ValueError if one could be taken for several."""
    found = []
    for name, value in headers.items():
        pair = (name.lower().encode("ascii"), value.encode("latin-1"))
        if not _NAME.fullmatch(pair[0]) or _CONTROL.search(pair[1]):
            raise ValueError(f"{name!r}: {value!r} cannot be a header.")
        found.append(pair)
    return found
