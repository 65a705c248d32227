"""A server within the tests: the endpoints of a registry on a SQLite file."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from pegboard.config import Config, HttpConfig
from pegboard.errors import PegboardError
from pegboard.host import Host
from pegboard_registry.client.registry import RestRegistry
from pegboard_registry.names import NAME
from pegboard_registry.settings import SOURCE_SCHEMES
from pegboard_registry.webhooks.contract import webhooks_of
from pegboard_wire.client.connection import connect
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Call, Identity, Permission

ANYBODY = Identity("", frozenset({Permission.READ, Permission.WRITE, Permission.DELETE}))
_STATUSES = {
    "RESOURCE_DOES_NOT_EXIST": 404,
    "PERMISSION_DENIED": 403,
    "NOT_IMPLEMENTED": 501,
}


class Server:
    """Serves a store; ``uri`` may be changed to serve another."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.uri = ""
        self.endpoints = {(each.method, each.path): each for each in declared(host)}
        self.seen: list[tuple[str, str]] = []
        made = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"ours": self}))
        made.daemon_threads = True
        self._http = made
        self.url = f"http://127.0.0.1:{made.server_port}"
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def registry(self) -> Any:
        """The registry itself."""
        return self.host.model_registry(self.uri)

    def find(self, method: str, path: str) -> tuple[Any, dict[str, str]]:
        for (verb, form), endpoint in self.endpoints.items():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(form))
            if verb == method and (match := re.fullmatch(pattern, path)):
                return endpoint, match.groupdict()
        return None, {}

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ours: Server

    def answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query, keep_blank_values=True)
        given: dict[str, Any] = {k: v[0] if len(v) == 1 else v for k, v in query.items()}
        given |= json.loads(body) if body else {}
        path = unquote(parts.path)
        self.ours.seen.append((self.command, path))
        status, content = self._call(path, given)
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _call(self, path: str, given: dict[str, Any]) -> tuple[int, Any]:
        endpoint, named = self.ours.find(self.command, path)
        if endpoint is None:
            return 404, {}
        given |= named
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.ours.host, ANYBODY, given, headers, tracking_uri=self.ours.uri)
        try:
            result: Any = endpoint.handle(call)
            return 200, asyncio.run(_wait(result)) if inspect.isawaitable(result) else result
        except PegboardError as error:
            status = _STATUSES.get(error.error_code, 400)
            return status, {"error_code": error.error_code, "message": str(error)}

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *args: object) -> None:
        pass


async def _wait(awaitable: Any) -> Any:
    return await awaitable


@pytest.fixture(scope="module")
def one_server() -> Iterator[Server]:
    # The contract has versions of a scheme that no reader knows.
    schemes = {"source_schemes": [*SOURCE_SCHEMES, "other"]}
    host = Host(Config(plugins={NAME: schemes}))
    made = Server(host)
    yield made
    made.close()
    host.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables: to copy it is quicker than to make one for every test."""
    path = tmp_path_factory.mktemp("empty") / "runs.db"
    host = Host(Config())
    registry = host.model_registry(f"sqlite:{path}")
    assert webhooks_of(registry) is not None
    host.close()
    return path


@pytest.fixture
def server(one_server: Server, empty: Path, tmp_path: Path) -> Iterator[Server]:
    """The server, with a new store."""
    shutil.copy(empty, tmp_path / "runs.db")
    one_server.uri = f"sqlite:{tmp_path}/runs.db?synchronous=normal"
    one_server.seen.clear()
    yield one_server
    one_server.host.close()


@pytest.fixture
def open_registry(server: Server) -> Iterator[Callable[[], RestRegistry]]:
    made: list[RestRegistry] = []

    def opened() -> RestRegistry:
        made.append(RestRegistry(connect(server.url, HttpConfig(retries=0))))
        return made[-1]

    yield opened
    for each in made:
        each.close()


@pytest.fixture
def registry(open_registry: Callable[[], RestRegistry]) -> RestRegistry:
    return open_registry()
