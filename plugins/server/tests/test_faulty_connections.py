"""What goes wrong with one connection ends that connection, and not the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .conftest import SECONDS, environment

SERVED = """
import socket, urllib.request
from urllib.parse import urlsplit
from pegboard.config import load
from pegboard.host import Host
from pegboard_server import loopback
from pegboard_server.protocol import Protocol

def look(self, now):
    raise RuntimeError("a fault of the server")

Protocol.look = look
with loopback.serving(Host(load()), "probe:store") as server:
    place = urlsplit(server.address)
    with socket.create_connection((place.hostname, place.port)) as silent:
        try:
            print(silent.recv(10), flush=True)
        except ConnectionResetError:
            print("reset", flush=True)
    print(urllib.request.urlopen(server.address + "/health").status, flush=True)
"""


def test_a_fault_while_connections_are_looked_after_cuts_that_connection(
    plugins: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVED],
        cwd=tmp_path,
        env=environment(plugins, tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.stdout.splitlines()[-1:] == ["200"], done.stderr
    assert done.stdout.splitlines()[0] in ("b''", "reset")
    assert "a fault of the server" in done.stderr
