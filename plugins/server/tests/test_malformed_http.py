"""Requests that are hardly HTTP, sent byte by byte as a client should not."""

from __future__ import annotations

import pytest

from .conftest import Server

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
