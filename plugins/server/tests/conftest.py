"""A real server in a process of its own, with the endpoints of a plugin for tests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

SECONDS = 60.0
"""No step of a test takes longer than this."""


@define
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error code; the answer has to have MLflow's form."""
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) - {"pegboard"} == {"error_code", "message"}, self.body
        return str(self.json["error_code"])


@define
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    _errors: list[str] = field(factory=list)
    _reader: threading.Thread | None = None

    def __call__(
        self,
        method: str,
        path: str,
        fields: Any = None,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        sent = dict(headers or {})
        if fields is not None:
            body = json.dumps(fields).encode()
            sent.setdefault("Content-Type", "application/json")
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, SECONDS)) as connection:
            connection.request(method, path, body, sent)
            return reply(connection.getresponse())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def raw(self, data: bytes) -> Reply:
        """Send bytes and return the first answer to them."""
        from http.client import HTTPResponse

        with self.connect() as connection:
            connection.sendall(data)
            response = HTTPResponse(connection)
            response.begin()
            return reply(response)

    def is_well(self) -> bool:
        return self("GET", "/health").body == b"OK"

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        assert self._reader is not None
        self._reader.join(SECONDS)
        return code

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the log; complete when the server has stopped."""
        return [json.loads(line) for line in self._errors if line.startswith("{")]

    @property
    def errors(self) -> str:
        return "".join(self._errors)


def reply(response: Any) -> Reply:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read())


Start = Callable[..., Server]


def _install(place: Path) -> None:
    """Install the plugin for tests: its module and what an installer writes beside it."""
    place.mkdir()
    shutil.copy(Path(__file__).with_name("pegboard_probe.py"), place)
    metadata = place / "pegboard_probe-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: pegboard-probe\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text("[pegboard]\nprobe = pegboard_probe\n")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let processes that tests start be interrupted.

    What a shell starts in the background ignores interrupts, and so would all its descendants.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("installed") / "site"
    _install(place)
    return place


def environment(plugins: Path, folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD_", "MLFLOW_"))}
    path = os.pathsep.join(filter(None, [str(plugins), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(folder / "home")}


COMMAND = [sys.executable, "-c", "from pegboard.cli import main; main()"]


def launch(
    plugins: Path, folder: Path, *options: str, config: str = "", store: str = "probe:store"
) -> Server:
    folder.mkdir(exist_ok=True)
    alone = "" if "plugins = " in config else '[pegboard]\nplugins = ["probe", "server", "wire"]\n'
    (folder / "pegboard.toml").write_text(alone + config)
    process = subprocess.Popen(
        [*COMMAND, "server", "--port", "0", "--store", store, *options],
        cwd=folder,
        env=environment(plugins, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    if not line.startswith("Listening on "):
        process.kill()
        raise AssertionError(process.stderr.read())
    server = Server(process, int(line.rstrip().rpartition(":")[2].partition("/")[0]))
    stderr = process.stderr
    server._reader = threading.Thread(target=lambda: server._errors.extend(stderr), daemon=True)
    server._reader.start()
    return server


@pytest.fixture
def start(plugins: Path, tmp_path: Path) -> Iterator[Start]:
    """Return what starts a server with options."""
    running: list[Server] = []

    def begin(*options: str, **named: str) -> Server:
        server = launch(plugins, tmp_path, *options, **named)
        running.append(server)
        return server

    yield begin
    for server in running:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def server(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server with low limits, shared by all tests."""
    config = """
        [plugins.server]
        read_timeout_seconds = 60.0
        max_body_mib = 1
        max_bodies_mib = 4
        max_streams = 4
        threads = 2
    """
    running = launch(plugins, tmp_path_factory.mktemp("server"), config=config)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def hasty(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server with short time-outs, shared by the tests that wait for them."""
    config = """
        [plugins.server]
        read_timeout_seconds = 2.0
        write_timeout_seconds = 2.0
    """
    running = launch(plugins, tmp_path_factory.mktemp("hasty"), config=config)
    yield running
    assert running.stop() == 0
