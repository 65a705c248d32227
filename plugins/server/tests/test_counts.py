"""Bodies that hold far more than they have bytes for: refused before they are parsed."""

from __future__ import annotations

import json

import pytest

from .conftest import Server, Start, reply

MOST = 200_000
HOSTILE = {
    "objects": b'{"a":[' + b"{}," * 300_000 + b"{}]}",
    "arrays": b'{"a":[' + b"[]," * 300_000 + b"[]]}",
    "numbers": b'{"a":[' + b"1," * 500_000 + b"1]}",
    "texts": b'{"a":[' + b'"",' * 300_000 + b'""]}',
    "names": b"{" + b'"":1,' * 200_000 + b'"":1}',
    "texts that end in an escape": b'{"a":[' + b'"\\\\",' * 200_001 + b'""]}',
    "an end that is missing": b'{"a":[' + b"{}," * 300_000,
    "a quote that is missing": b'{"a":[' + b"{}," * 300_000 + b'"',
    "JSON within a text": json.dumps('{"a":[' + "1," * 300_000 + "1]}").encode(),
}


def head(path: str, body: bytes) -> bytes:
    first = f"POST /api/probe/{path} HTTP/1.1\r\nHost: localhost\r\n"
    return f"{first}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()


@pytest.mark.parametrize("path", ["quick", "thread", "coroutine"])
@pytest.mark.parametrize("name", HOSTILE)
def test_too_many_values_are_refused_while_others_are_served(
    server: Server, path: str, name: str
) -> None:
    from http.client import HTTPResponse

    body = HOSTILE[name]
    with server.connect() as connection:
        connection.sendall(head(path, body) + body)
        assert server.is_well()
        response = HTTPResponse(connection)
        response.begin()
        answer = reply(response)
    assert (answer.status, answer.code) == (413, "INVALID_PARAMETER_VALUE")
    assert f"more than {MOST} names and values" in answer.json["message"]


@pytest.mark.parametrize("path", ["quick", "thread", "coroutine"])
@pytest.mark.parametrize(
    "value",
    [[1] * 150_000, [[]] * 90_000, ["[{,:" * 100_000], ['\\"{[,:' * 40_000], {"k": {"a": [{}]}}],
)
def test_as_many_values_as_are_allowed_are_taken(server: Server, path: str, value: object) -> None:
    answer = server("POST", f"/api/probe/{path}", {"a": value})
    assert answer.json["parameters"] == {"a": value}


@pytest.mark.parametrize("path, thread", [("quick", "MainThread"), ("coroutine", "MainThread")])
def test_a_long_body_does_not_change_where_an_endpoint_runs(
    server: Server, path: str, thread: str
) -> None:
    answer = server("POST", f"/api/probe/{path}", {"a": [{}] * 50_000})
    assert answer.json["thread"] == thread


def test_the_limit_on_values_is_a_setting(start: Start) -> None:
    running = start(config="[plugins.server]\nmax_values = 10\n")
    assert running("POST", "/api/probe/quick", {"a": [1] * 7}).status == 200
    answer = running("POST", "/api/probe/quick", {"a": [1] * 10})
    assert (answer.status, "more than 10 names" in answer.json["message"]) == (413, True)


def test_a_query_with_more_fields_than_are_allowed_is_refused(server: Server) -> None:
    assert server("GET", f"/api/probe/quick?{'a&' * 1_999}a").status == 200
    answer = server("GET", f"/api/probe/quick?{'a&' * 2_000}a")
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
