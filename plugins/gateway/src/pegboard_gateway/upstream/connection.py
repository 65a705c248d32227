"""One connection to a model's server: one request after the other, answers read as they come.

There is one timer a connection. It is moved only when it goes off too early, so that the many
time-outs of a call (first byte, each piece, all together) cost a comparison each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

import httptools
from pegboard.contracts.llm import HttpReply, LLMError, Trouble

from pegboard_gateway.upstream import codings
from pegboard_gateway.upstream.errors import UpstreamError

if TYPE_CHECKING:
    from pegboard_gateway.upstream.addresses import Origin

MAX_HEAD = 64 << 10
"""How many bytes the headers of an answer may have."""
MAX_HEADERS = 200
HIGH, LOW = 64 << 10, 16 << 10
"""Bytes of a stream that wait to be read: at the first the server is stopped, at the second it may
go on."""


class Waits(NamedTuple):
    """How long to wait, in seconds, and how much to take."""

    first: float = 120.0
    """For the first byte of the answer's head."""
    idle: float = 60.0
    """For the next piece of it."""
    until: float = float("inf")
    """The time of the event loop's clock at which all has to be over."""
    most: int = 100 << 20
    """How many bytes the answer may have, decompressed."""


class Stale(Exception):
    """The server had closed a kept connection: the request can be sent again, on another."""


class _Refused(Exception):
    """What arrived is not taken."""


class Stream:
    """A streamed answer of status 200."""

    __slots__ = ("_connection", "_failure", "_pieces", "_size", "_waiter", "ended", "headers")

    def __init__(self, connection: Connection, headers: dict[str, str]) -> None:
        self.headers = headers
        self.ended = False
        """Whether all of it has arrived, or it broke."""
        self._connection = connection
        self._pieces: list[bytes] = []
        self._size = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    status = 200

    async def read(self) -> bytes:
        """Return all that has arrived since the last time, once there is something; b"" at the end.

        Raises LLMError (CUT, TIMEOUT, GARBAGE) when it breaks off, after what arrived before.
        """
        if not self._pieces and not self.ended:
            self._waiter = self._connection.loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError:
                self.close()
                raise
            finally:
                self._waiter = None
        if self._pieces:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            if not self.ended:
                self._connection.resume()
            return data
        if self._failure is not None:
            raise self._failure
        return b""

    def close(self) -> None:
        """Take no more of it: the server sees the connection go, unless all had arrived."""
        if not self.ended:
            self._connection.abort()
            self.end(None)

    # -- for the connection -----------------------------------------------------------------------

    def add(self, piece: bytes) -> bool:
        """Take a piece; return whether it is enough for now."""
        self._pieces.append(piece)
        self._size += len(piece)
        self._wake()
        return self._size >= HIGH

    def end(self, failure: Exception | None) -> None:
        """Note that nothing more comes."""
        if not self.ended:
            self.ended, self._failure = True, failure
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """A connection; ``released`` is called when it may take the next request, or is closed."""

    def __init__(
        self,
        origin: Origin,
        loop: asyncio.AbstractEventLoop,
        released: Callable[[Connection], None],
    ) -> None:
        self.origin = origin
        self.loop = loop
        self.used = 0
        """How many requests it has answered."""
        self.is_open = self.was_open = False
        self._released = released
        self._transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpResponseParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = self._timer_at = 0.0
        self._waits = Waits()
        self._waiter: asyncio.Future[HttpReply | Stream] | None = None
        self._stream: Stream | None = None
        self._wants_stream = False
        self._sent_back = False
        self._paused = False
        self._reset()

    # -- requests ------------------------------------------------------------------------------

    async def send(
        self, request: bytes, waits: Waits, *, stream: bool = False
    ) -> HttpReply | Stream:
        """Send a request; return the whole answer, or with ``stream`` one of status 200 as such.

        Raises LLMError for what goes wrong on the way, and Stale if the server had gone before.
        """
        self._waits, self._wants_stream, self._sent_back = waits, stream, False
        waiter: asyncio.Future[HttpReply | Stream] = self.loop.create_future()
        self._waiter = waiter
        self._wait(waits.first)
        self._transport.write(request)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                result = waiter.result()
                if isinstance(result, Stream):
                    result.close()
            else:
                self.abort()
            raise

    def rest(self, seconds: float) -> None:
        """Keep the connection for so long."""
        self._wait(seconds, until=float("inf"))

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent on it."""
        return self.is_open and not self._transport.is_closing()

    def abort(self) -> None:
        """Close it at once."""
        if self.is_open:
            self._transport.abort()

    def close(self) -> None:
        """Close it; it must be at rest."""
        if self.is_open:
            self._transport.close()

    def resume(self) -> None:
        """Let the server go on sending."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
            self._wait(self._waits.idle)

    # -- time-outs -----------------------------------------------------------------------------

    def _wait(self, seconds: float, until: float | None = None) -> None:
        deadline = min(self.loop.time() + seconds, self._waits.until if until is None else until)
        self._deadline = deadline
        if self._timer is None or deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._set_timer()

    def _set_timer(self) -> None:
        self._timer_at = self._deadline
        self._timer = self.loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self.is_open:
            return
        if self._paused and self._deadline < self._waits.until:
            # The reader is slow, not the server. It is waited for until all has to be over.
            self._deadline = self._waits.until
        if self._deadline > self.loop.time():
            if self._deadline != float("inf"):
                self._set_timer()
            return
        if self._waiter is None and self._stream is None:
            self.close()
            return
        self._fail(self._late())
        self.abort()

    def _late(self) -> LLMError:
        if self._deadline >= self._waits.until:
            text = "{} did not finish its answer in time."
        elif self._sent_back:
            text = f"{{}} sent nothing more for {self._waits.idle:g} s."
        else:
            text = f"{{}} began no answer within {self._waits.first:g} s."
        return UpstreamError(Trouble.TIMEOUT, text, self.origin)

    # -- the transport's calls -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = self.was_open = True

    def data_received(self, data: bytes) -> None:
        """Read what arrived."""
        if self._waiter is None and self._stream is None:
            # Nothing was asked.
            self.abort()
            return
        self._sent_back = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("it wants to speak another protocol")
        except httptools.HttpParserError:
            if self._is_complete:
                # More came than the answer: it is whole, but what follows is not ours.
                self._finish(keep=False)
            else:
                self._break(self._why or "it is not HTTP")
        else:
            if self._is_complete:
                self._finish(keep=self._keeps)
            elif not self._paused:
                self._wait(self._waits.idle)

    def eof_received(self) -> bool:
        """Close as well."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what goes on: an answer without a length is complete, others are cut."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None or self._stream is not None:
            try:
                if self._has_head and self._until_closed and exc is None:
                    self._complete()
                    self._deliver()
                else:
                    self._fail(self._broken())
            except _Refused as refused:
                self._break(str(refused))
        self._released(self)

    def _broken(self) -> Exception:
        if self._sent_back:
            text = "{} closed the connection in mid-answer."
            return UpstreamError(Trouble.CUT, text, self.origin)
        if self.used:
            return Stale()
        text = "{} closed the connection without an answer."
        return UpstreamError(Trouble.UNREACHABLE, text, self.origin)

    # -- the parser's calls --------------------------------------------------------------------

    def _reset(self) -> None:
        self._head: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] = {}
        self._head_size = self._size = self._status = 0
        self._has_head = self._is_complete = self._until_closed = self._keeps = False
        self._body: list[bytes] = []
        self._coding: codings.Coding | None = None
        self._why = ""

    def on_message_begin(self) -> None:
        """Begin an answer, which has to be that to the request in progress."""
        if self._is_complete:
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head.append((name, value))
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD or len(self._head) > MAX_HEADERS:
            self._refuse("its headers are too long")

    def on_headers_complete(self) -> None:
        """Find out how the answer is read."""
        self._status = status = self._parser.get_status_code()
        if status < 200:
            self._head.clear()
            return
        headers = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in self._head}
        self._headers, self._has_head = headers, True
        self._until_closed = not (
            "content-length" in headers or "transfer-encoding" in headers or status in (204, 304)
        )
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding in codings.NAMES:
            self._coding = codings.Inflater()
        elif coding not in ("", "identity"):
            self._refuse(f"it is in the coding {coding[:20]!r}, which was not asked for")
        if self._wants_stream and status == 200:
            self._stream = stream = Stream(self, headers)
            waiter, self._waiter = self._waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(stream)

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the answer."""
        if self._coding is not None:
            try:
                piece = self._coding.feed(piece, self._waits.most - self._size)
            except codings.TooLarge:
                self._refuse(self._too_large())
            except codings.Broken:
                self._refuse("its compression is broken")
            if not piece:
                return
        self._size += len(piece)
        if self._size > self._waits.most:
            self._refuse(self._too_large())
        if self._stream is None:
            self._body.append(piece)
        elif self._stream.add(piece) and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        if self._status >= 200:
            # Afterwards the parser has forgotten it.
            self._keeps = self._parser.should_keep_alive()
            self._complete()

    def _complete(self) -> None:
        if self._coding is not None:
            try:
                self._coding.end()
            except codings.Broken:
                self._refuse("its compression is broken")
        self._is_complete = True

    def _refuse(self, why: str) -> None:
        self._why = why
        # The parser stops at any error and says so to data_received.
        raise _Refused(why)

    def _too_large(self) -> str:
        return f"it has more than {self._waits.most:,} bytes"

    # -- the end of an answer ------------------------------------------------------------------

    def _deliver(self) -> None:
        stream, waiter = self._stream, self._waiter
        self._stream = self._waiter = None
        if stream is not None:
            stream.end(None)
        elif waiter is not None and not waiter.done():
            body = self._body
            content = body[0] if len(body) == 1 else b"".join(body)
            waiter.set_result(HttpReply(self._status, self._headers, content))

    def _finish(self, *, keep: bool) -> None:
        self._deliver()
        self.used += 1
        self._reset()
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if keep and not self._transport.is_closing():
            self._released(self)
        else:
            self._transport.close()

    def _break(self, why: str) -> None:
        text = f"The answer of {{}} cannot be used: {why}."
        self._fail(UpstreamError(Trouble.GARBAGE, text, self.origin))
        self.abort()

    def _fail(self, error: Exception) -> None:
        stream, waiter = self._stream, self._waiter
        self._stream = self._waiter = None
        if stream is not None:
            if isinstance(error, Stale):  # pragma: no cover (its head has come)
                error = LLMError(Trouble.CUT, str(error))
            stream.end(error)
        elif waiter is not None and not waiter.done():
            waiter.set_exception(error)
