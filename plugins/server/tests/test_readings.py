"""Requests that only read are stopped when nobody waits for them; writes are not.

The server has one thread for calls, so that another call is answered only when the thread is free.
"""

from __future__ import annotations

import signal
import socket
import sqlite3
import threading
from pathlib import Path

import pytest

from .conftest import Reply, Server, Start
from .test_dispatch import wait_for

ONE = "[plugins.server]\nthreads = 1\n"

by_way = pytest.mark.parametrize("way", ["loop", "sqlite"])


def send(server: Server, target: str, method: str = "GET") -> socket.socket:
    connection = server.connect()
    ask(connection, target, method)
    return connection


def ask(connection: socket.socket, target: str, method: str = "GET") -> None:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())


def forever(server: Server, way: str, begun: Path) -> socket.socket:
    """Begin to read without end; return the connection when it has begun."""
    connection = send(server, f"/api/probe/forever?way={way}&begun={begun}")
    wait_for(begun)
    return connection


def counted(server: Server, path: str) -> set[str]:
    """Return the statuses that were counted for a path."""
    lines = server("GET", "/metrics").body.decode().splitlines()
    mine = [line for line in lines if line.startswith("pegboard_http_requests_total{")]
    return {
        line.partition('status="')[2].partition('"')[0] for line in mine if f'path="{path}"' in line
    }


def thread_is_free(server: Server) -> bool:
    return bool(server("GET", "/api/probe/things/a").status == 200)


@by_way
@pytest.mark.parametrize("workers", ["1", "2"])
def test_reading_stops_when_its_client_is_gone(
    start: Start, tmp_path: Path, way: str, workers: str
) -> None:
    server = start("--workers", workers, config=ONE)
    for number in range(4):
        forever(server, way, tmp_path / f"begun{number}").close()
    for _ in range(8):
        assert thread_is_free(server)
    assert counted(server, "/api/probe/forever") == {"499"}
    assert server.stop() == 0
    assert "Traceback" not in server.errors


@by_way
def test_reading_stops_on_a_connection_that_was_used_before(
    start: Start, tmp_path: Path, way: str
) -> None:
    server = start(config=ONE)
    with server.connect() as connection:
        for _ in range(2):
            ask(connection, "/api/probe/things/a")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        begun = tmp_path / "begun"
        ask(connection, f"/api/probe/forever?way={way}&begun={begun}")
        wait_for(begun)
    assert thread_is_free(server)


@by_way
def test_reading_that_takes_too_long_is_given_up(start: Start, tmp_path: Path, way: str) -> None:
    server = start(config=f"{ONE}request_timeout_seconds = 0.5\n")
    answer = server("GET", f"/api/probe/forever?way={way}&begun={tmp_path / 'begun'}")
    assert (answer.status, answer.code) == (504, "DEADLINE_EXCEEDED")
    assert "Ask for less at once" in answer.json["message"]
    assert thread_is_free(server)


@by_way
def test_reading_does_not_keep_a_server_from_stopping(
    start: Start, tmp_path: Path, way: str
) -> None:
    server = start(config=f"{ONE}stop_timeout_seconds = 1.0\n")
    with forever(server, way, tmp_path / "begun"):
        assert server.stop(signal.SIGTERM) == 0


def test_what_waits_for_a_thread_does_not_begin_when_its_client_is_gone(
    start: Start, tmp_path: Path
) -> None:
    server = start(config=ONE)
    with forever(server, "loop", tmp_path / "first"):
        with send(server, f"/api/probe/forever?way=loop&begun={tmp_path / 'second'}"):
            # The event loop takes both in.
            assert server.is_well()
        assert server.is_well()
    assert thread_is_free(server)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_writes_is_not_stopped(start: Start, tmp_path: Path, method: str) -> None:
    server, file = start(config=f"{ONE}request_timeout_seconds = 0.1\n"), tmp_path / "go"
    send(server, f"/api/probe/record?file={file}", method).close()
    wait_for(tmp_path / "go.begun")
    waiting: list[Reply] = []
    thread = threading.Thread(
        target=lambda: waiting.append(server("POST", "/api/probe/thread", {"name": "a"}))
    )
    thread.start()
    file.touch()
    thread.join()
    assert [reply.status for reply in waiting] == [200]
    with sqlite3.connect(tmp_path / "go.db") as connection:
        assert connection.execute("SELECT x FROM t ORDER BY x").fetchall() == [(1,), (2,)]
    connection.close()
    assert counted(server, "/api/probe/record") == {"499" if method == "GET" else "200"}
