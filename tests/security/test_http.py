"""HTTP: requests that two programs could read in two ways, that never end, or that are too many."""

from __future__ import annotations

import contextlib
import socket

import pytest
from target import API, HOST, SECONDS, Target, rest

GET = b"GET /health HTTP/1.1\r\n"
JSON = b"Content-Type: application/json\r\n"
SEARCH = f"POST {API}/experiments/search HTTP/1.1\r\n".encode() + HOST
POST = SEARCH + JSON
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n"
LAST = b"GET /version HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
PIECE = 1 << 16


def is_refused_alone(target: Target, data: bytes) -> None:
    """The request is refused, and nothing behind it is answered."""
    received = target.all(data + LAST)
    assert received.startswith(b"HTTP/1.1 4"), received
    assert received.count(b"HTTP/1.1 ") == 1, received
    assert b"Traceback" not in received
    assert target.is_well()


LENGTHS = {
    "length and chunks": b"Content-Length: 2\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and length": CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list of lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "sign": b"Content-Length: +2\r\n\r\n{}",
    "negative": b"Content-Length: -2\r\n\r\n{}",
    "hexadecimal": b"Content-Length: 0x2\r\n\r\n{}",
    "blank inside": b"Content-Length: 1 2\r\n\r\n{}",
    "empty": b"Content-Length: \r\n\r\n{}",
    "beyond 64 bits": b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "underscore": b"Content-Length: 1_0\r\n\r\n{}",
}


@pytest.mark.parametrize("name", LENGTHS)
def test_http_1_the_length_of_a_body_is_said_once_and_plainly(target: Target, name: str) -> None:
    is_refused_alone(target, POST + LENGTHS[name])


BROKEN_CHUNKS = {
    "no size": CHUNKED + b"\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "longer than its size": CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n",
    "endless size": CHUNKED + b"\r\n" + b"f" * 40 + b"\r\n",
    "sign": CHUNKED + b"\r\n+2\r\n{}\r\n0\r\n\r\n",
    "prefix": CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "blank": CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n\r\n",
    "LF alone": CHUNKED + b"\r\n2\n{}\n0\n\n",
    "LF in an extension": CHUNKED + b"\r\n2;a\n\r\n{}\r\n0\r\n\r\n",
    "not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "twice": CHUNKED + CHUNKED + b"\r\n" + CHUNKS + b"\r\n",
    "similar": b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS + b"\r\n",
    "hidden": b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS + b"\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_http_2_broken_chunks_are_refused(target: Target, name: str) -> None:
    is_refused_alone(target, POST + BROKEN_CHUNKS[name])


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"deflate, chunked", b"a, chunked"])
def test_http_2_a_coding_that_is_not_undone_is_refused(target: Target, coding: bytes) -> None:
    reply = target.raw(POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + CHUNKS + b"\r\n")
    assert reply.status == 400


def test_http_2_there_are_no_chunks_in_http_1_0(target: Target) -> None:
    old = POST.replace(b"HTTP/1.1", b"HTTP/1.0")
    assert target.raw(old + CHUNKED + b"\r\n" + CHUNKS + b"\r\n").status == 400


def test_http_3_what_comes_behind_a_body_is_no_header(target: Target) -> None:
    typed = target.raw(SEARCH + CHUNKED + b"\r\n" + CHUNKS + JSON + b"\r\n")
    assert (typed.status, "Content-Type is missing" in typed.text) == (400, True)
    host = target.raw(
        f"POST {API}/experiments/search HTTP/1.1\r\n".encode()
        + JSON
        + CHUNKED
        + b"\r\n"
        + CHUNKS
        + HOST
        + b"\r\n"
    )
    assert (host.status, "Host is missing" in host.text) == (400, True)


AMBIGUOUS = {
    "LF alone": b"GET /health HTTP/1.1\nHost: localhost\n\n",
    "LF alone behind a header": GET + b"Host: localhost\nX-A: b\r\n\r\n",
    "LF alone at the end": GET + b"Host: localhost\r\n\n",
    "CR alone": b"GET /health HTTP/1.1\rHost: localhost\r\r",
    "CR in a value": GET + HOST + b"X-A: a\rX-B: b\r\n\r\n",
    "folded header": GET + HOST + b"Accept: a\r\n b\r\n\r\n",
    "folded first header": GET + b" Host: evil\r\nHost: localhost\r\n\r\n",
    "space before the colon": GET + HOST + b"Accept : */*\r\n\r\n",
    "no colon": GET + HOST + b"nonsense\r\n\r\n",
    "no name": GET + HOST + b": a\r\n\r\n",
    "letters beyond ASCII in a name": GET + HOST + b"X\xe4: a\r\n\r\n",
    "NUL in a value": GET + HOST + b"Accept: a\x00b\r\n\r\n",
    "NUL in the path": b"GET /a\x00b HTTP/1.1\r\n" + HOST + b"\r\n",
    "letters beyond ASCII in the path": b"GET /\xe4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs": b"GET\t/health\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "small method": b"get /health HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_http_4_a_head_that_could_be_read_in_two_ways_is_refused(target: Target, name: str) -> None:
    is_refused_alone(target, AMBIGUOUS[name])


@pytest.mark.parametrize("name", ["Host", "Content-Type", "Authorization", "Origin"])
def test_http_4_a_header_that_decides_something_comes_once(target: Target, name: str) -> None:
    twice = f"{name}: localhost\r\n".encode() * 2
    other = b"" if name == "Host" else HOST
    asked = f"GET {API}/experiments/get?experiment_id=0 HTTP/1.1\r\n".encode()
    assert target.raw(asked + other + twice + b"\r\n").status == 400


@pytest.mark.parametrize(
    "head, status",
    [
        (GET + HOST + b"X-Long: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (GET + HOST + b"X-A: b\r\n" * 100 + b"\r\n", 431),
        (GET + HOST + b"X-A: b\r\n" * 10_000, 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    ],
    ids=["long", "many", "without an end", "long path"],
)
def test_http_5_a_head_that_is_too_large_is_refused(
    target: Target, head: bytes, status: int
) -> None:
    assert target.raw(head).status == status


ENDLESS = {
    "headers behind a body": (CHUNKS, (b"X-A: " + b"b" * 50 + b"\r\n") * (PIECE // 57)),
    "a header behind a body": (CHUNKS + b"X-A: ", b"b" * PIECE),
    "an extension of a chunk": (b"2;", b"b" * PIECE),
}


@pytest.mark.parametrize("path", [f"{API}/experiments/search", "/nothing"])
@pytest.mark.parametrize("name", ENDLESS)
def test_http_6_what_is_no_body_ends_soon(target: Target, name: str, path: str) -> None:
    begin, piece = ENDLESS[name]
    head = f"POST {path} HTTP/1.1\r\n".encode() + HOST + JSON + CHUNKED + b"\r\n"
    with target.connect() as connection:
        connection.sendall(head + begin)
        # Far more than any buffer between the two holds.
        assert sent_until_closed(connection, piece, 64 << 20) < 64 << 20
    assert target.is_well()


def sent_until_closed(connection: socket.socket, piece: bytes, most: int) -> int:
    """Return how many bytes of so many are taken before the other side closes the connection."""
    sent = 0
    try:
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)
    except ConnectionError:
        pass
    return sent


@pytest.mark.parametrize(
    "line",
    [
        b"GET /health\r\n",
        b"GET /health HTTP/0.9\r\n",
        b"GET /health HTTP/1.2\r\n",
        b"GET /health HTTP/2.0\r\n",
        b"GET /health HTTP/3.0\r\n",
        b"GET /health http/1.1\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
    ],
)
def test_http_7_another_protocol_is_refused(target: Target, line: bytes) -> None:
    is_refused_alone(target, line + HOST + b"\r\n")


@pytest.mark.parametrize(
    "url",
    [
        b"http://evil.example/health",
        b"http://user@localhost/health",
        b"http://localhost:1/health",
        b"http://localhost",
        b"file:///etc/passwd",
        b"/health#/../x",
        b"//evil.example:80:80/health#",
    ],
)
def test_http_8_a_target_of_another_place_is_refused(target: Target, url: bytes) -> None:
    is_refused_alone(target, b"GET " + url + b" HTTP/1.1\r\n" + HOST + b"\r\n")


@pytest.mark.parametrize(
    "line, statuses",
    [
        (b"CONNECT evil.example:443 HTTP/1.1\r\n", (400,)),
        (b"CONNECT /health HTTP/1.1\r\n", (405,)),
        (b"TRACE /health HTTP/1.1\r\n", (405,)),
        (b"OPTIONS * HTTP/1.1\r\n", (404,)),
        (b"PROPFIND /health HTTP/1.1\r\n", (405,)),
        (b"BREW /health HTTP/1.1\r\n", (400,)),
    ],
)
def test_http_9_a_method_that_is_not_served_is_refused(
    target: Target, line: bytes, statuses: tuple[int, ...]
) -> None:
    reply = target.raw(line + HOST + b"X-Secret: reflected\r\n\r\n")
    assert reply.status in statuses
    assert "reflected" not in reply.text


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0", b"foo"])
def test_http_10_to_ask_for_another_protocol_swallows_no_request(
    target: Target, protocol: bytes
) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    # What came along could be meant for either protocol, so it gets no answer and is the end.
    received = target.all(GET + HOST + upgrade + LAST)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.count(b"HTTP/1.1 ") == 1
    with target.connect() as connection:
        connection.sendall(GET + HOST + upgrade)
        assert connection.recv(PIECE).startswith(b"HTTP/1.1 200 ")
        connection.sendall(LAST)
        assert rest(connection).startswith(b"HTTP/1.1 200 ")


def test_http_11_requests_whose_answers_nobody_takes_are_not_hoarded(target: Target) -> None:
    with target.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        flood = (GET + HOST + b"\r\n") * 2000
        # The server closes the connection, or takes no more until its answers are taken.
        with contextlib.suppress(TimeoutError):
            assert sent_until_closed(connection, flood, 64 << 20) < 64 << 20
    assert target.is_well()


def test_http_11_requests_that_come_together_are_answered_in_order(target: Target) -> None:
    some = [f"GET /health?{n} HTTP/1.1\r\n".encode() + HOST + b"\r\n" for n in range(200)]
    assert target.all(b"".join(some) + LAST).count(b"HTTP/1.1 200 ") == 201


def test_http_12_who_is_slow_is_not_waited_for(hasty: Target) -> None:
    with hasty.connect() as silent, hasty.connect() as slow, hasty.connect() as bodiless:
        slow.sendall(GET)
        bodiless.sendall(POST + b"Content-Length: 10\r\n\r\n{")
        for connection in (silent, slow, bodiless):
            assert rest(connection).startswith(b"HTTP/1.1 408 ")
    assert hasty.is_well()


def test_http_12_a_head_that_drips_is_cut_off(hasty: Target) -> None:
    with hasty.connect() as connection:
        connection.sendall(GET + HOST)
        connection.settimeout(0.1)
        received = b""
        for _ in range(SECONDS * 10):
            try:
                connection.sendall(b"X: y\r\n")
                received = connection.recv(PIECE)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if received:
                break
        assert received.startswith(b"HTTP/1.1 4")


def test_http_13_a_request_gets_one_answer_whatever_becomes_of_its_body(target: Target) -> None:
    head = b"POST /nothing HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n2\r\n{}\r\n"
    with target.connect() as connection:
        connection.sendall(head)
        received = b""
        while b"no such path" not in received:
            received += connection.recv(PIECE)
        connection.sendall(b"not a chunk\r\n" + LAST)
        assert (received + rest(connection)).count(b"HTTP/1.1 ") == 1
