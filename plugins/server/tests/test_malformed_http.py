"""Requests that are hardly HTTP, sent byte by byte as a client should not."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from pathlib import Path

import pytest

from .conftest import SECONDS, Server

HOST = b"Host: localhost\r\n"
GET = b"GET /api/probe/quick HTTP/1.1\r\n"
POST = b"POST /api/probe/quick HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"

NOT_HTTP = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /api/probe/quick\r\n\r\n",
    "unknown method": b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "header without a colon": GET + HOST + b"nonsense\r\n\r\n",
    "space before the colon": GET + HOST + b"Accept : */*\r\n\r\n",
    "folded header": GET + HOST + b"Accept: a\r\n b\r\n\r\n",
    "NUL in a header": GET + HOST + b"Accept: a\x00b\r\n\r\n",
    "letters beyond ASCII in the path": b"GET /\xe4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "length that is no number": POST + b"Content-Length: ten\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "length and chunks": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "chunked is not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "chunk longer than its size": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "chunk of endless size": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "chunk size with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "coding that is not undone": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "version 2": b"GET /health HTTP/2.0\r\n" + HOST + b"\r\n",
    "fragment": b"GET /health#a HTTP/1.1\r\n" + HOST + b"\r\n",
    "URL of another place": b"GET http://example.org/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "proxy request": b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_a_malformed_request_is_refused_and_the_connection_closed(
    server: Server, name: str
) -> None:
    answer = server.raw(NOT_HTTP[name])
    assert 400 <= answer.status < 500
    assert answer.code
    assert server.is_well()


def test_a_second_request_cannot_hide_behind_a_malformed_one(server: Server) -> None:
    hidden = b"GET /api/probe/quick?hidden HTTP/1.1\r\n" + HOST + b"\r\n"
    both = NOT_HTTP["length and chunks"] + hidden
    with server.connect() as connection:
        connection.sendall(both)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("name", ["Host", "Content-Type", "Authorization", "Origin"])
def test_a_header_that_decides_something_may_come_only_once(server: Server, name: str) -> None:
    twice = f"{name}: localhost\r\n".encode() * 2
    other = b"" if name == "Host" else HOST
    answer = server.raw(GET + other + twice + b"\r\n")
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_too_long_headers_are_refused(server: Server) -> None:
    answer = server.raw(GET + HOST + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n")
    assert (answer.status, answer.code) == (431, "BAD_REQUEST")


KIB = 1024


def sent_in_pieces(server: Server, data: bytes, size: int, begin: bytes = b"") -> bytes:
    """Send pieces, each when the server has taken the one before; return all that is answered."""
    received = b""
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ports = connection.getpeername()[1], connection.getsockname()[1]
        if begin:
            connection.sendall(begin)
            received = connection.recv(65536)
        for at in range(0, len(data), size):
            connection.sendall(data[at : at + size])
            wait_until_taken(connection, *ports)
            if is_answered(connection):
                break
        while piece := connection.recv(65536):
            received += piece
    return received


def is_answered(connection: socket.socket) -> bool:
    # Not select(): a process that runs many tests may have more than 1,024 files open.
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


def wait_until_taken(connection: socket.socket, there: int, here: int) -> None:
    """Wait until the server, on this machine, has read all that was sent, or has answered."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and not is_answered(connection):
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ends = ((row[1].endswith(f":{there:04X}"), row[2].endswith(f":{here:04X}")) for row in rows)
        if all(
            row[4].endswith(":00000000") for row, end in zip(rows, ends, strict=True) if all(end)
        ):
            return


def is_refused(received: bytes) -> bool:
    # A server that closes before it has read all of a piece cuts its own answer off.
    return received.startswith(b"HTTP/1.1 431 ") or received == b""


PIECES = pytest.mark.parametrize("piece", [8 * KIB, 32 * KIB, 60 * KIB, 64 * KIB, 200 * KIB])
SIZES = pytest.mark.parametrize("size", [66 * KIB, 100 * KIB, 128 * KIB, 1024 * KIB])


@PIECES
@SIZES
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""])
def test_one_header_has_a_largest_length_however_it_arrives(
    server: Server, piece: int, size: int, end: bytes
) -> None:
    head = GET + HOST + b"Connection: close\r\nX-Long: " + b"a" * size
    assert is_refused(sent_in_pieces(server, head + end, piece))
    assert server.is_well()


@PIECES
@SIZES
def test_one_header_has_a_largest_length_behind_another_request(
    server: Server, piece: int, size: int
) -> None:
    # It begins in the middle of what arrives, and the parser does not say where.
    first = GET + HOST + b"\r\n"
    hostile = b"GET /api/probe/quick?hostile HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
    hostile += b"X-Long: " + b"a" * size + b"\r\n\r\n"
    received = sent_in_pieces(server, hostile[piece:], piece, first + hostile[:piece])
    assert b"hostile" not in received
    assert server.is_well()


@pytest.mark.parametrize("piece", [1 * KIB, 32 * KIB, 64 * KIB])
@pytest.mark.parametrize("body", [0, 300 * KIB])
def test_headers_up_to_the_limit_are_taken_however_they_arrive(
    server: Server, piece: int, body: int
) -> None:
    content = b'{"name": "' + b"a" * body + b'"}'
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n" % len(content)
    head += b"X-Long: " + b"a" * 64_000 + b"\r\n\r\n"
    assert sent_in_pieces(server, head + content, piece).startswith(b"HTTP/1.1 200 ")


def test_headers_that_never_end_are_refused_before_their_end(server: Server) -> None:
    answer = server.raw(GET + HOST + b"X-A: b\r\n" * 10_000)
    assert (answer.status, answer.code) == (431, "BAD_REQUEST")


def test_too_many_headers_are_refused(server: Server) -> None:
    answer = server.raw(GET + HOST + b"X-A: b\r\n" * 100 + b"\r\n")
    assert (answer.status, answer.code) == (431, "BAD_REQUEST")


def test_a_body_that_comes_with_the_head_does_not_count_as_one(server: Server) -> None:
    body = b'{"name": "' + b"a" * 200_000 + b'"}'
    answer = server.raw(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.status == 200


def test_a_too_long_path_is_refused(server: Server) -> None:
    answer = server.raw(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (answer.status, answer.code) == (414, "BAD_REQUEST")


def test_requests_that_come_together_are_answered_in_order(server: Server) -> None:
    requests = [b"GET /api/probe/quick?n=%d HTTP/1.1\r\n" % n + HOST for n in range(3)]
    with server.connect() as connection:
        connection.sendall(b"\r\n".join(requests) + b"Connection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(65536):
            received += piece
    places = [received.index(b'"n":"%d"' % n) for n in range(3)]
    assert places == sorted(places)


def test_asking_for_a_websocket_is_answered_as_any_other_request(server: Server) -> None:
    answer = server.raw(GET + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert answer.status == 200


def test_http_1_0_is_answered(server: Server) -> None:
    answer = server.raw(b"GET /health HTTP/1.0\r\n" + HOST + b"\r\n")
    assert (answer.status, answer.body) == (200, b"OK")


@pytest.mark.parametrize("path", ["/api/probe/quick", "/api/probe/nothing", "/health"])
def test_a_connection_that_is_to_be_closed_is_closed(server: Server, path: str) -> None:
    with server.connect() as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode() + HOST + b"\r\n"
        )
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert b"connection: close\r\n" in received
