"""Slow clients and too many of them; others are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pegboard_server.shares import Shares

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
        # What is answered without a thread never takes the place of one of the four for long.
        answer = until(lambda: server("POST", "/api/probe/soon", big), 503)
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


def held(server: Server, stack: contextlib.ExitStack, source: str) -> bytes:
    """Open a connection from an address, which stays open; return the answer to a request."""
    place = ("127.0.0.1", server.port)
    connection = stack.enter_context(socket.create_connection(place, SECONDS, (source, 0)))
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        return connection.recv(4096)
    return b""


SHARED = "[plugins.server]\nmax_connections = 6\nmax_connections_per_address = 3\n"


def test_one_address_cannot_hold_all_connections(start: Start) -> None:
    server = start(config=SHARED)
    with contextlib.ExitStack() as stack:
        statuses = [held(server, stack, "127.0.0.2")[:13] for _ in range(3)]
        assert statuses == [b"HTTP/1.1 200 "] * 3
        refused = held(server, stack, "127.0.0.2")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"of your address" in refused
        # Connections that say nothing count as well, and those beyond the share keep nobody out.
        place = ("127.0.0.1", server.port)
        for _ in range(3):
            stack.enter_context(socket.create_connection(place, SECONDS, ("127.0.0.2", 0)))
        statuses = [held(server, stack, "127.0.0.3")[:13] for _ in range(3)]
        assert statuses == [b"HTTP/1.1 200 "] * 3
        # Far too many are cut without a word.
        assert b"" in [held(server, stack, "127.0.0.2") for _ in range(3)]
    with contextlib.ExitStack() as stack:
        until_status(server, stack, "127.0.0.2", b"HTTP/1.1 200 ")


def until_status(server: Server, stack: contextlib.ExitStack, source: str, status: bytes) -> None:
    deadline = time.monotonic() + SECONDS
    while not held(server, stack, source).startswith(status):
        assert time.monotonic() < deadline
        time.sleep(0.02)
        stack.close()


def test_this_machine_and_trusted_proxies_may_hold_more_than_a_share(start: Start) -> None:
    server = start("--trusted-proxy", "127.0.0.8/30", config=SHARED)
    for source in ("127.0.0.1", "127.0.0.9"):
        with contextlib.ExitStack() as stack:
            until_status(server, stack, source, b"HTTP/1.1 200 ")
            statuses = [held(server, stack, source)[:13] for _ in range(5)]
            assert statuses == [b"HTTP/1.1 200 "] * 5


@pytest.mark.parametrize(
    "exempt, one, other, is_shared",
    [
        ((), "192.0.2.1", "192.0.2.1", True),
        ((), "192.0.2.1", "192.0.2.2", False),
        ((), "192.0.2.1", "::ffff:192.0.2.1", True),
        ((), "2001:db8::1", "2001:db8::2:3", True),
        ((), "2001:db8::1", "2001:db8:0:1::1", False),
        ((), "fe80::1%eth0", "fe80::2%eth0", True),
        ((), "", "", False),
        ((), "::ffff:127.0.0.1", "127.0.0.1", False),
        (("192.0.2.0/24",), "192.0.2.1", "192.0.2.1", False),
        (("2001:db8::1",), "2001:db8::1", "2001:db8::1", False),
        (("*",), "192.0.2.1", "192.0.2.1", False),
    ],
)
def test_what_an_address_is(exempt: tuple[str, ...], one: str, other: str, is_shared: bool) -> None:
    shares = Shares(1, exempt)
    first, second = shares.open(one), shares.open(other)
    assert (second[1] > 1) == is_shared
    assert shares.within == (1 if is_shared else 2)
    shares.close(first[0])
    assert shares.within == 1
    shares.close(second[0])
    assert (shares.within, shares.open(one)[1] <= 1) == (0, True)


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
