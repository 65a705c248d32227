"""HTTP on one connection: uvicorn's protocol with limits on heads, time-outs and JSON errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import httptools
import orjson
from pegboard_wire.http import Tell
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pegboard_server import browsers
from pegboard_server.app import OVERLOADED
from pegboard_server.asgi import Scope
from pegboard_server.exchange import GONE, PAGE_HEAD, STREAM, WRITE, Whole
from pegboard_server.long_body import LONG, LongBody

if TYPE_CHECKING:
    from pegboard_server.lane import Lane
    from pegboard_server.metrics import Metrics
    from pegboard_server.routing import Route
    from pegboard_server.settings import Settings
    from pegboard_server.shares import Shares

MAX_TARGET = 64 << 10
"""The longest path with its query, in bytes."""
MAX_HEADERS = 100
MAX_PIPELINED = 1000
"""How many requests may wait on one connection for the answer to the one before."""
MAX_HEAD = 64 << 10
"""All headers of a request, in bytes; and what may come between two pieces of a body."""
PAST_LIMIT = 2
"""How many times ``max_connections``, or those of an address, are open before more are closed
without a word."""
_OF_ALL = "Too many connections are open; try again."
_OF_ADDRESS = "Too many connections of your address are open; close some."
_LINGER_SECONDS = 10.0
"""How long a client may go on sending a body that was refused."""
_VERSIONS = ("1.1", "1.0")
_PLAIN = b"content-type: application/json\r\nx-content-type-options: nosniff\r\n"


class _Refused(Exception):
    """The head of a request goes beyond a limit."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Protocol(HttpToolsProtocol):
    """A connection."""

    settings: Settings
    metrics: Metrics
    shares: Shares
    lane: Lane | None
    """What answers quick requests; None: all take the usual way."""
    tell: Callable[[bytes], Tell | None]
    """Returns what makes the bodies of errors at a path, if that is not MLflow's form."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or be closed at once if there are far too many connections."""
        super().connection_made(transport)
        self._began = self._answered = self._taken = self.loop.time()
        self._in_head, self._in_body = True, False
        self._head_size = self._head_before = self._arrived = self._pending = 0
        self._between = self._at_start = True
        self._refused: _Refused | None = None
        self._on_gone: Callable[[], None] | None = None
        self._quick: Route | None = None
        self._early = self.url = b""
        self._place, self._number = self.shares.open(self.client[0] if self.client else "")
        share = self.settings.max_connections_per_address
        if (
            len(self.connections) > PAST_LIMIT * self.settings.max_connections
            or self._number > PAST_LIMIT * share
        ):
            self.metrics.refused()
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the one that works for a client that it has gone."""
        self.shares.close(self._place)
        super().connection_lost(exc)
        if self._on_gone is not None:
            self._on_gone()

    def _tell_when_gone(self, on_gone: Callable[[], None] | None) -> None:
        """Call a function as soon as the client of the request in progress has gone."""
        self._on_gone = on_gone
        if on_gone is not None and self.transport.is_closing():
            on_gone()

    def data_received(self, data: bytes) -> None:
        """Take in what arrived, unless a head, or what is between pieces of a body, has no end."""
        self._arrived = len(data)
        self._at_start = self._between
        try:
            self.parser.feed_data(data)
            self._head_size += self._arrived
            if self._arrived > MAX_HEAD or self._head_size > MAX_HEAD:
                self._check_end()
            if self._quick is not None:
                # The body is not complete, so it is waited for.
                self._begin()
        except httptools.HttpParserUpgrade as upgrade:
            # There is nothing to upgrade to. The parser drops what came along: it gets no answer.
            if upgrade.args[0] < self._arrived:
                self.cycle.keep_alive = False
        except (httptools.HttpParserError, _Refused):
            if self._quick is not None:
                # Nobody has seen that request yet.
                self._quick, self._in_body = None, False
            self.send_400_response("")

    def _check_end(self) -> None:
        """Refuse what goes on and on without being part of a body."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._check_head(max(self._head_size, self._known()))
        elif self._in_body and self._head_size > MAX_HEAD:
            self._refuse(400, "Between two pieces of the body there is too much else.")

    def _known(self) -> int:
        """Return how long the complete headers are."""
        return sum(len(name) + len(value) for name, value in self.headers)

    def _check_head(self, size: int) -> None:
        if len(self.url) > MAX_TARGET:
            self._refuse(414, f"The path is longer than {MAX_TARGET >> 10} KiB.")
        if size > MAX_HEAD:
            self._refuse(431, f"The headers are longer than {MAX_HEAD >> 10} KiB.")
        if len(self.headers) > MAX_HEADERS:
            self._refuse(431, f"There are more than {MAX_HEADERS} headers.")

    # -- the parser's calls ---------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head, self._between = True, False
        if len(self.pipeline) >= MAX_PIPELINED:
            self._refuse(429, f"More than {MAX_PIPELINED} requests came before their answers.")
        self._began = self.loop.time()
        self._mark()
        if self._at_start:
            # All of what just arrived belongs to this request.
            self._head_size, self._head_before, self._at_start = 0, 0, False
        if self._number > self.settings.max_connections_per_address:
            self.scope[OVERLOADED] = _OF_ADDRESS  # type: ignore[literal-required]
        elif self.shares.within > self.settings.max_connections:
            self.scope[OVERLOADED] = _OF_ALL  # type: ignore[literal-required]

    def _mark(self) -> None:
        """Count from here; how much of what just arrived lies before is not known.

        So ``_head_size`` counts what arrives from now on, which is certain, and ``_head_before`` is
        what has to be added for the most that it can be.
        """
        self._head_size, self._head_before = -self._arrived, self._arrived

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head is too long or says two things."""
        most = self._head_size + self._head_before + self._arrived
        if most > MAX_HEAD or len(self.headers) > MAX_HEADERS:
            # That may count a request before, or a part of the body that came along.
            self._check_head(self._known())
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            self._refuse(400, "The version of HTTP has to be 1.1 or 1.0.")
        if b"#" in self.url:
            self._refuse(400, "The target of a request has no fragment.")
        if not self.url.startswith(b"/"):
            self._check_absolute()
        self._quick = self._find_quick() if version == "1.1" else None
        if self._quick is None:
            self._begin()
        self._in_head, self._in_body = False, True

    def _find_quick(self) -> Route | None:
        """Return what may answer the request at once, when all of it is there."""
        if self.lane is None:
            return None
        route = self.lane.route(self.parser.get_method(), self.url)
        if (
            route is None
            or self.pipeline
            or not (self.cycle is None or self.cycle.response_complete)
            or OVERLOADED in self.scope
            or self.expect_100_continue
            or self.flow.write_paused
            or self.parser.should_upgrade()
        ):
            return None
        for name, _ in self.headers:
            if name == b"transfer-encoding":
                return None
        self._early = b""
        return route

    def _begin(self) -> None:
        """Hand the request on, as uvicorn does."""
        early, self._quick = self._quick is not None and self._early, None
        super().on_headers_complete()
        # Bytes behind a body do not belong to the headers, which the application may not have read
        # yet.
        self.headers = []
        self.scope[WRITE] = self._write  # type: ignore[literal-required]
        self.scope[STREAM] = self._stream  # type: ignore[literal-required]
        self.scope[GONE] = self._tell_when_gone  # type: ignore[literal-required]
        if early:
            super().on_body(early)

    def _answer_at_once(self, route: Route) -> bool:
        """Answer the request, all of which is there; False if that has to wait."""
        assert self.lane is not None
        self.scope["method"] = route.endpoint.method
        self.scope["raw_path"] = self.url
        self.scope["query_string"] = b""
        answer = self.lane.answer(route, cast("Scope", self.scope), self._early)
        if answer is None:
            return False
        self._quick = None
        self._put(answer, keep_alive=self.parser.should_keep_alive() and not answer.close)
        return True

    def _check_absolute(self) -> None:
        """Refuse a target that is a whole URL of another place than the header Host names."""
        place = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0].lower()
        hosts = {value.lower() for name, value in self.headers if name == b"host"}
        if self.url != b"*" and hosts != {place}:
            self._refuse(400, "The target of the request and the header Host differ.")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._mark()
        if self._quick is None:
            super().on_body(body)
        else:
            self._early += body

    def on_message_complete(self) -> None:
        """Note that the body is complete."""
        self._in_body, self._between = False, True
        if self._quick is not None:
            if self._answer_at_once(self._quick):
                return
            self._begin()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request; as uvicorn does, but for the timer, which ``look`` is."""
        self._answered = self.loop.time()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self.pipeline:
            # There is enough to do.
            self.flow.pause_reading()

    def _write(self, whole: Whole) -> bool:
        """Send a whole answer at once; False if it has to wait, so uvicorn's way has to be taken.

        The same as two messages to uvicorn, at a fraction of the cost.
        """
        cycle = self.cycle
        # uvloop closes a connection some time before it says that it is lost, and raises meanwhile.
        if cycle.disconnected or self.transport.is_closing():
            return True
        if self.flow.write_paused or self.pipeline or cycle.response_started:
            return False
        cycle.keep_alive = cycle.keep_alive and not whole.close
        if cycle.scope["method"] == "HEAD":
            whole = whole._replace(body=b"")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        self._put(whole, keep_alive=cycle.keep_alive)
        return True

    def _put(self, whole: Whole, *, keep_alive: bool) -> None:
        """Write an answer, the only one that there is to write."""
        parts = [STATUS_LINE[whole.status], whole.fixed.lines]
        for name, value in (*self.server_state.default_headers, *whole.head):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        parts.append(whole.body)
        self.transport.write(b"".join(parts))
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _stream(self, scope: Scope) -> None:
        """Read the rest of a request's body without the parser, if it is long enough.

        To be called before any of the body was received.
        """
        cycle = self.cycle
        if cycle.scope is not scope or not cycle.more_body or self.transport.is_closing():
            return
        head = scope["headers"]
        length = next((value for name, value in head if name == b"content-length"), b"0")
        left = int(length) - len(cycle.body)
        if left >= LONG:
            self.transport.set_protocol(LongBody(self, left))

    def end_long_body(self) -> None:
        """Go on with what follows a body that was read without the parser."""
        # The old parser still waits for that body.
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.transport.set_protocol(self)
        self.on_message_complete()

    # -- refusing -------------------------------------------------------------------------------

    def _refuse(self, status: int, message: str) -> None:
        self._refused = _Refused(status, message)
        # The parser stops at any error and says so to data_received.
        raise self._refused

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's words)
        """Say what is wrong with a request that cannot be read, and close the connection."""
        refused = self._refused or _Refused(400, "The request is not valid HTTP.")
        self._give_up(refused.status, "BAD_REQUEST", str(refused))

    def _give_up(self, status: int, code: str, message: str) -> None:
        self.metrics.refused()
        active = self.cycle is not None and not self.cycle.response_complete
        # Otherwise it would be taken for the answer to the request before, or be a second one.
        if not self.cycle.response_started if self._in_body else not active:
            if browsers.wants_page(self.headers or ()):
                body, lines = browsers.page_of(status, code, message), PAGE_HEAD.lines
            else:
                # Whatever came of the path says whose API was meant.
                tell = self.tell(self.url.partition(b"?")[0])
                told = {"error_code": code, "message": message}
                body = orjson.dumps(told if tell is None else tell(status, code, message))
                lines = _PLAIN
            length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(b"".join([STATUS_LINE[status], lines, length, body]))
        if active:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    # -- time-outs ------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Close the connection if the client is too slow; to be called every second or so."""
        pending = self.transport.get_write_buffer_size()
        if pending < self._pending or not self._pending:
            self._taken = now
        self._pending = pending
        if pending:
            if now - self._taken > self.settings.write_timeout_seconds:
                self._drop()
            return
        if self.transport.is_closing() or (self.cycle and not self.cycle.response_complete):
            # The application looks after the body of a request that it answers.
            return
        if self._in_head and now - self._began > self.settings.read_timeout_seconds:
            seconds = self.settings.read_timeout_seconds
            self._give_up(408, "DEADLINE_EXCEEDED", f"No request arrived within {seconds:g} s.")
        elif self._in_body and now - self._answered > _LINGER_SECONDS:
            self._drop()
        elif not self._in_head and now - self._answered > self.settings.keep_alive_seconds:
            self.transport.close()

    def _drop(self) -> None:
        self.metrics.refused()
        self.transport.abort()
