"""Slow clients and too many of them; others are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .conftest import SECONDS, Reply, Server, Start
from .test_dispatch import wait_for

HOST = b"Host: localhost\r\n"
FORM = b"Content-Type: application/json\r\n"


def test_a_client_that_says_nothing_is_cut_off(hasty: Server) -> None:
    with hasty.connect() as connection:
        assert hasty.is_well()
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_never_ends_its_headers_is_cut_off(hasty: Server) -> None:
    with hasty.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\n")
        received = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.settimeout(0.1)
            for _ in range(200):
                # Each header comes in time, but their end does not.
                connection.sendall(b"X-A: b\r\n")
                with contextlib.suppress(TimeoutError):
                    received += connection.recv(4096)
                if received:
                    break
        assert received.startswith(b"HTTP/1.1 408 ")
    assert hasty.is_well()


def test_a_body_that_does_not_arrive_is_a_408(hasty: Server) -> None:
    head = b"POST /api/probe/quick HTTP/1.1\r\n" + HOST + FORM + b"Content-Length: 100\r\n\r\n"
    answer = hasty.raw(head + b'{"name":')
    assert (answer.status, answer.code) == (408, "DEADLINE_EXCEEDED")


def test_a_stream_that_stops_is_a_408(hasty: Server, tmp_path: Path) -> None:
    target = f"PUT /api/probe/files/a?note={tmp_path / 'note'} HTTP/1.1\r\n".encode()
    answer = hasty.raw(target + HOST + b"Content-Length: 100\r\n\r\nsome")
    assert (answer.status, answer.code) == (408, "DEADLINE_EXCEEDED")


def test_a_client_that_takes_nothing_is_cut_off(hasty: Server, tmp_path: Path) -> None:
    note = tmp_path / "closed"
    with hasty.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        target = f"GET /api/probe/stream?count=100000&note={note} HTTP/1.1\r\n".encode()
        connection.sendall(target + HOST + b"\r\n")
        wait_for(note)
    assert hasty.is_well()


def test_streams_beyond_the_limit_are_refused_and_others_served(server: Server) -> None:
    head = b"PUT /api/probe/files/a HTTP/1.1\r\n" + HOST + b"Content-Length: 8\r\n\r\n"
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(4)]
        for connection in connections:
            connection.sendall(head + b"half")
        answer = until(lambda: server("PUT", "/api/probe/files/b", body=b"x"), 503)
        assert (answer.code, answer.headers["retry-after"]) == ("TEMPORARILY_UNAVAILABLE", "1")
        assert server("POST", "/api/probe/thread", {}).status == 200
        for connection in connections:
            connection.sendall(b"half")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert server("PUT", "/api/probe/files/b", body=b"x").status == 200


def test_calls_beyond_the_limit_are_refused_and_quick_ones_served(
    server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "go"
    answers: list[Reply] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(server("GET", f"/api/probe/wait?file={file}"))
        )
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    try:
        # Two run, and eight for each of them wait. The rest are told at once.
        deadline = time.monotonic() + SECONDS
        while len(answers) < 12:
            assert time.monotonic() < deadline, answers
            time.sleep(0.02)
        answer = server("POST", "/api/probe/thread", {})
        assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")
        assert server("GET", "/api/probe/quick").status == 200
    finally:
        file.touch()
        for thread in threads:
            thread.join()
    assert sorted(answer.status for answer in answers) == [200] * 18 + [503] * 12


def test_bodies_that_wait_for_a_thread_are_bounded(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "go"
    big = {"name": "a" * 1_000_000, "file": str(file)}
    # Four are as many as fit; who is refused tries again.
    threads = [
        threading.Thread(target=lambda: until(lambda: server("GET", "/api/probe/wait", big), 200))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    try:
        answer = until(lambda: server("POST", "/api/probe/quick", big), 503)
        assert (answer.code, answer.headers["retry-after"]) == ("TEMPORARILY_UNAVAILABLE", "1")
        assert server("POST", "/api/probe/quick", {"name": "small"}).status == 200
    finally:
        file.touch()
        for thread in threads:
            thread.join()
    assert server("POST", "/api/probe/quick", big).status == 200


def test_connections_beyond_the_limit_are_told(start: Start) -> None:
    server = start(config="[plugins.server]\nmax_connections = 3\n")
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(server.connect())
            connection.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        answer = server("GET", "/api/probe/quick")
        assert (answer.status, answer.code) == (503, "TEMPORARILY_UNAVAILABLE")
        assert answer.headers["connection"] == "close"
    assert until(lambda: server("GET", "/api/probe/quick"), 200)


def test_clients_that_come_at_once_to_a_busy_server_are_accepted_together(
    start: Start, tmp_path: Path
) -> None:
    server = start()
    first, second = tmp_path / "first", tmp_path / "second"
    with contextlib.ExitStack() as stack:

        def hold(file: Path) -> None:
            connection = stack.enter_context(server.connect())
            connection.sendall(f"GET /api/probe/hold?file={file} HTTP/1.1\r\n".encode())
            connection.sendall(HOST + b"\r\n")

        hold(first)
        wait_for(Path(f"{first}.begun"))
        before = sockets(server)
        for _ in range(8):
            hold(second)
        first.touch()
        wait_for(Path(f"{second}.begun"))
        # The loop is held by the first of them.
        assert sockets(server) == before + 8
        second.touch()
    assert server.stop() == 0


def sockets(server: Server) -> int:
    found = list(Path(f"/proc/{server.process.pid}/fd").iterdir())
    return sum(str(descriptor.readlink()).startswith("socket:") for descriptor in found)


def until(call: Callable[[], Reply], status: int) -> Reply:
    """Call until the status comes."""
    deadline = time.monotonic() + SECONDS
    while (answer := call()).status != status:
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer
