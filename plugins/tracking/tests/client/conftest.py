"""A server within the tests: the endpoints of this distribution on a SQLite store, with faults."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from attrs import define, field
from pegboard.config import Config, HttpConfig
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import InvalidValue, NotFound, PegboardError
from pegboard.host import Host
from pegboard_tracking.client.store import RestStore
from pegboard_tracking.points import packed_points
from pegboard_tracking.settings import Settings
from pegboard_tracking.wire.sentences import TRACKING
from pegboard_wire import sentences
from pegboard_wire.client.connection import connect
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Answer, Call, Endpoint, Identity, Permission

EVERYTHING = Identity("tester", frozenset(Permission))
_STATUSES = {NotFound: 404, InvalidValue: 400}


@define
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, Any]
    headers: dict[str, str]
    body: bytes
    encoded: str = ""
    """The path, percent-encoded."""
    at: float = field(factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@define
class Fault:
    """What goes wrong with a request; ``before``: it is not dealt with at all."""

    status: int = 503
    headers: dict[str, str] = field(factory=dict)
    body: bytes = b""
    before: bool = True
    drop: bool = False


_USED: set[int] = set()
"""The ports of all servers so far."""


class Server:
    """Serves a store on a port that stays the same when it goes down and comes up again."""

    def __init__(self, place: Path, *, packs: bool) -> None:
        """``packs``: whether it takes packed points, as newer servers of ours do."""
        self.packs = True
        self.host = Host(Config())
        self.uri = f"sqlite:{place / 'store.db'}"
        self.store = self.host.tracking_store(self.uri)
        self.endpoints = {(each.method, each.path): each for each in declared(self.host)}
        if not packs:
            self.pack_no_more()
        self.seen: list[Seen] = []
        self.fault: Callable[[Seen], Fault | None] = lambda _: None
        self.open: set[socket.socket] = set()
        self.port = 0
        self._http: ThreadingHTTPServer | None = None
        self.up()

    def pack_no_more(self) -> None:
        """Become an older server."""
        self.packs = False
        del self.endpoints["POST", packed_points.PATH]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        made = ThreadingHTTPServer(("127.0.0.1", self.port), type("Bound", (Handler,), {}))
        while not self.port and made.server_port in _USED:
            # Clients of a server that was there before may still ask for it.
            made.server_close()
            made = ThreadingHTTPServer(("127.0.0.1", 0), made.RequestHandlerClass)
        _USED.add(made.server_port)
        made.daemon_threads = True
        made.RequestHandlerClass.ours = self  # type: ignore[attr-defined]
        self.port, self._http = made.server_port, made
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None
            for connection in list(self.open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def route(self, seen: Seen) -> tuple[Endpoint | None, dict[str, str]]:
        """Return the endpoint of a request, with what its path names."""
        path = seen.path.replace("/ajax-api/", "/api/", 1)
        if (seen.method, path) in self.endpoints:
            return self.endpoints[seen.method, path], {}
        parts = seen.encoded.replace("/ajax-api/", "/api/", 1).split("/")
        for (method, template), endpoint in self.endpoints.items():
            pieces = template.split("/")
            if method == seen.method and len(pieces) == len(parts):
                pairs = list(zip(pieces, parts, strict=True))
                if all(piece == part or piece[:1] == "{" for piece, part in pairs):
                    return endpoint, {
                        piece[1:-1]: unquote(part) for piece, part in pairs if piece[:1] == "{"
                    }
        return None, {}

    def calls(self, ending: str) -> list[Seen]:
        return [each for each in self.seen if each.path.endswith(ending)]

    def sent_points(self) -> list[Seen]:
        """Return the requests that brought points."""
        return [each for each in self.seen if self.is_of_points(each)]

    def is_of_points(self, seen: Seen) -> bool:
        return seen.path.endswith(packed_points.PATH if self.packs else "/runs/log-batch")

    def steps(self, run_id: str, key: str) -> list[int]:
        """Return what the store itself holds."""
        return [point.step for point in self.store.metric_history(run_id, key)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ours: Server

    def setup(self) -> None:
        super().setup()
        self.ours.open.add(self.connection)

    def finish(self) -> None:
        self.ours.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        fields = parse_qs(parts.query, keep_blank_values=True)
        query = {name: many[0] if len(many) == 1 else many for name, many in fields.items()}
        seen = Seen(self.command, unquote(parts.path), query, headers, body, parts.path)
        self.ours.seen.append(seen)
        fault = self.ours.fault(seen)
        if fault is None or not fault.before:
            status, content = self.handle_call(seen)
        if fault is not None:
            if fault.drop:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.reply(fault.status, fault.body, fault.headers)
            return
        self.reply(status, content, {"Content-Type": "application/json"})

    def handle_call(self, seen: Seen) -> tuple[int, bytes]:
        endpoint, named = self.ours.route(seen)
        if endpoint is None:
            return 404, b""
        given = {**seen.query, **named}
        if seen.body and not endpoint.raw:
            given |= seen.json
        call = Call(
            self.ours.host,
            EVERYTHING,
            given,
            seen.headers,
            tracking_uri=self.ours.uri,
            content=seen.body if endpoint.raw else b"",
        )
        try:
            result = endpoint.handle(call)
            if inspect.isawaitable(result):
                result = asyncio.run(_wait(result))
        except PegboardError as error:
            status = _STATUSES.get(type(error), 400)
            text = {
                "error_code": error.error_code,
                "message": sentences.spoken(error, TRACKING),
                "pegboard": sentences.own_words(error),
            }
            return status, json.dumps(text).encode()
        if isinstance(result, Answer):
            assert isinstance(result.content, bytes)
            return result.status, result.content
        if not self.ours.packs:
            result = {key: value for key, value in result.items() if key != "packed_points"}
        return 200, json.dumps(result, allow_nan=False).encode()

    def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *args: object) -> None:
        pass


async def _wait(awaitable: Any) -> Any:
    return await awaitable


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep away from the files and the variables of whoever runs the tests."""
    import os

    for name in os.environ:
        if name.startswith(("MLFLOW_", "PEGBOARD_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    # A sender is started only by the tests of it, which see to its end.
    monkeypatch.setenv("PEGBOARD_TRACKING_SENDER", "off")
    return home


@pytest.fixture
def packs() -> bool:
    return True


@pytest.fixture
def server(tmp_path: Path, packs: bool) -> Iterator[Server]:
    made = Server(tmp_path, packs=packs)
    yield made
    made.fault = lambda _: None
    made.down()
    made.host.close()


@pytest.fixture
def open_store(server: Server) -> Iterator[Callable[..., RestStore]]:
    """Return what opens the store behind the server, with settings of choice."""
    opened: list[TrackingStore] = []

    def open_store(
        url: str = "", backoff_seconds: float = 0.01, journal_wait_seconds: float = 0.0
    ) -> RestStore:
        http = HttpConfig(retries=2, backoff_seconds=backoff_seconds)
        settings = Settings(journal_wait_seconds=journal_wait_seconds, http=http)
        made = RestStore(connect(url or server.url, http), settings)
        opened.append(made)
        return made

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., RestStore]) -> RestStore:
    return open_store()


@pytest.fixture
def fault() -> type[Fault]:
    return Fault
