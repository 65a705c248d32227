"""Long bodies of streaming endpoints, which go past the HTTP parser."""

from __future__ import annotations

import hashlib
import random
import selectors
import socket
import ssl
from collections.abc import Iterator, Sequence
from http.client import parse_headers
from pathlib import Path

import pytest
import trustme

from .conftest import SECONDS, Reply, Server, Start
from .test_dispatch import wait_for

HOST = b"Host: localhost\r\n"
NEXT = b"GET /api/probe/quick?next=1 HTTP/1.1\r\n" + HOST + b"\r\n"


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def put(length: int, query: str = "", headers: bytes = b"") -> bytes:
    target = f"PUT /api/probe/files/a?{query} HTTP/1.1\r\n".encode()
    return target + HOST + headers + b"Content-Length: %d\r\n\r\n" % length


def replies(connection: socket.socket, count: int) -> list[Reply]:
    """Read so many answers from one connection."""
    found = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status = int(stream.readline().split()[1])
            headers = {name.lower(): value for name, value in parse_headers(stream).items()}
            found.append(Reply(status, headers, stream.read(int(headers["content-length"]))))
    return found


def is_whole(answer: Reply, body: bytes) -> bool:
    told = (answer.json["size"], answer.json["sha256"])
    return told == (len(body), hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize(
    "size", [(1 << 18) - 1, 1 << 18, (1 << 19) + 1, (1 << 20) + 12_345, 5_000_011]
)
def test_a_long_body_arrives_whole_and_the_connection_goes_on(server: Server, size: int) -> None:
    body = content(size)
    with server.connect() as connection:
        # What follows the body comes in the same piece as its end.
        connection.sendall(put(size) + body + NEXT + put(size) + body + NEXT)
        first, second, third, fourth = replies(connection, 4)
    assert is_whole(first, body)
    assert is_whole(third, body)
    assert second.json["parameters"] == fourth.json["parameters"] == {"next": "1"}


def uneven(body: bytes) -> Iterator[bytes]:
    chance, start = random.Random(7), 0
    while start < len(body):
        size = chance.choice([1, 100, 65_536, 300_000, 700_000])
        yield body[start : start + size]
        start += size


def test_a_long_body_may_come_in_pieces_of_any_size(server: Server) -> None:
    body = content(6_000_000)
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(put(len(body)))
        for piece in uneven(body):
            connection.sendall(piece)
        assert is_whole(replies(connection, 1)[0], body)


def test_a_client_may_wait_to_be_asked_for_a_long_body(server: Server) -> None:
    body = content(2_000_000)
    with server.connect() as connection:
        connection.sendall(put(len(body), headers=b"Expect: 100-continue\r\n"))
        asked = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.recv(len(asked), socket.MSG_WAITALL) == asked
        connection.sendall(body + NEXT)
        first, second = replies(connection, 2)
    assert is_whole(first, body)
    assert second.status == 200


def test_a_long_body_that_breaks_off_is_told_to_the_endpoint(
    server: Server, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    with server.connect() as connection:
        connection.sendall(put(4_000_000, f"note={note}") + bytes(2_000_000))
    wait_for(note)
    assert note.read_text() == "broken off"
    assert server.is_well()


def test_a_long_body_that_stops_is_a_408(hasty: Server) -> None:
    answer = hasty.raw(put(4_000_000) + bytes(2_000_000))
    assert (answer.status, answer.code) == (408, "DEADLINE_EXCEEDED")


def test_what_is_left_of_a_body_that_nobody_wanted_is_passed_over(
    server: Server, tmp_path: Path
) -> None:
    go, body = tmp_path / "go", content(32 << 20)
    with server.connect() as connection, selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_WRITE)
        connection.sendall(put(len(body), f"unread={go}"))
        sent = 0
        # As much as the server and the system between take.
        while sent < len(body) and selector.select(1.0):
            sent += connection.send(body[sent : sent + 65_536])
        go.touch()
        connection.sendall(body[sent:] + NEXT)
        first, second = replies(connection, 2)
    assert first.json == {}
    assert second.json["parameters"] == {"next": "1"}


@pytest.mark.parametrize("sizes", [(100, 3_000_000), (3_000_000, 100, 600_000)])
def test_long_bodies_arrive_over_tls(start: Start, tmp_path: Path, sizes: Sequence[int]) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    server = start("--tls-cert", str(cert), "--tls-key", str(key))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with (
        socket.create_connection(("127.0.0.1", server.port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        for size in sizes:
            body = content(size)
            connection.sendall(put(size) + body)
            assert is_whole(replies(connection, 1)[0], body)
    assert server.stop() == 0
