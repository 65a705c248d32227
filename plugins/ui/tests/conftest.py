"""A real server with the page, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from attrs import frozen

SECONDS = 60.0


@frozen
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@frozen
class Site:
    """Where a server listens."""

    url: str

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        place = urlsplit(self.url)
        connection = HTTPConnection(place.hostname or "", place.port, timeout=SECONDS)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()


def command() -> str:
    return str(Path(sys.executable).with_name("pegboard"))


@contextmanager
def served(place: Path, *words: str) -> Iterator[Site]:
    """Run a command that serves; yield where."""
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [command(), *words], cwd=place, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "http" in line, (place / "log").read_text()
            yield Site(line[line.index("http") :].strip())
        finally:
            process.terminate()
            process.wait(SECONDS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a new store."""
    place = tmp_path_factory.mktemp("site")
    with served(place, "server", "--store", f"sqlite:{place}/s.db", "--port", "0") as found:
        yield found


@pytest.fixture
def serving() -> Callable[..., AbstractContextManager[Site]]:
    """Return what runs a command that serves, in a directory."""
    return served
