"""A server with a call that never ends stops in time, and keeps what it acknowledged."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from .test_server_faults import SECONDS, Server, Start, start

__all__ = ["start"]

PLUGIN = """
import time
from pathlib import Path

from pegboard_wire.http import Endpoint, Permission
from pegboard.hookspecs import hookimpl


def stuck(call):
    Path("stuck").touch()
    while True:
        time.sleep(0.01)


@hookimpl
def pegboard_endpoints():
    read = Permission.READ
    return [
        Endpoint("GET", "/api/stuck/thread", stuck, read, "Never end."),
        Endpoint("GET", "/api/stuck/loop", stuck, read, "Never end, on the loop.", quick=True),
    ]
"""
BRIEF = "[plugins.server]\nstop_timeout_seconds = 1.0\n"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin whose calls never end."""
    metadata = tmp_path / "site" / "stuck-1.0.dist-info"
    metadata.mkdir(parents=True)
    (tmp_path / "site" / "stuck_calls.py").write_text(PLUGIN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[pegboard]\nstuck = stuck_calls\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("kind", ["thread", "loop"])
def test_what_was_acknowledged_is_kept_by_a_server_that_is_stuck(
    start: Start, tmp_path: Path, kind: str, workers: str
) -> None:
    server = start("--workers", workers, config=BRIEF)
    run_id = server.create_run()
    for step in range(200):
        point = {"run_id": run_id, "key": "m", "value": 1.0, "timestamp": step, "step": step}
        assert server.post("runs/log-metric", point)[0] == 200
    assert server.post("runs/set-tag", {"run_id": run_id, "key": "t", "value": "x"})[0] == 200
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(f"GET /api/stuck/{kind} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while not (tmp_path / "stuck").exists():
            assert server.process.poll() is None
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(SECONDS) == 0
    again: Server = start()
    assert sorted(again.steps(run_id, "m")) == list(range(200))
    assert {"key": "t", "value": "x"} in again.data(run_id)["tags"]
