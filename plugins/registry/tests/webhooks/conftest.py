"""A receiver of webhooks, and webhooks of a new registry."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from pegboard_registry.store.sqlite import SqliteRegistry
from pegboard_registry.webhooks.deliverer import Deliverer
from pegboard_registry.webhooks.guard import Guard
from pegboard_registry.webhooks.sending import Sender
from pegboard_registry.webhooks.store import WebhookStore

SECONDS = 60.0


@define
class Received:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@define
class Receiver:
    """Takes requests and answers with the next of ``answers``, else with 200."""

    port: int = 0
    received: list[Received] = field(factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(factory=list)
    hold: threading.Event | None = None
    """If there is one: answers wait for it."""

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def wait(self, count: int) -> list[Received]:
        """Return what came once there are so many requests."""
        until(lambda: len(self.received) >= count)
        return self.received


def until(condition: Callable[[], Any]) -> Any:
    """Return what a condition returns once it is true."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.01)
    return found


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    return until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.received.append(Received(self.path, dict(self.headers.items()), body))
            if made.hold is not None:
                made.hold.wait(SECONDS)
            status, headers, content = made.answers.pop(0) if made.answers else (200, {}, b"ok")
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    if made.hold is not None:
        made.hold.set()
    server.shutdown()
    server.server_close()


class Hooks:
    """Webhooks of a registry, allowed to call this machine; ``deliver`` delivers for them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.open = 0
        self.registry = SqliteRegistry(place / "runs.db", synchronous="normal")
        self.sender = Sender(Guard(["127.0.0.1", "localhost"]), 30.0)
        self.store = WebhookStore(self.registry.database, Guard(["127.0.0.1"]), self.sender)

    @contextlib.contextmanager
    def delivering(self, *, attempts: int = 5, pause: float = 0.01) -> Iterator[Deliverer]:
        made = Deliverer(self.store.queue, self.sender, attempts=attempts, pause=pause)
        try:
            yield made
        finally:
            made.close()

    def log(self, webhook_id: str) -> list[tuple[str, int, int | None]]:
        """Return the state, the attempts and the last status of each delivery, the first first."""
        found = self.store.deliveries(webhook_id)
        return [(str(d.state), d.attempts, d.response_status) for d in reversed([*found])]


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    made = Hooks(tmp_path)
    yield made
    made.registry.close()
