"""JSON bodies: what is taken, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import pytest

from .conftest import Server

JSON = {"Content-Type": "application/json"}


def send(server: Server, body: bytes, headers: dict[str, str] | None = None) -> Any:
    return server("POST", "/api/probe/thread", body=body, headers=headers or JSON)


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a"',
        b'{"name": ',
        b"{name: 1}",
        b"[1]",
        b"7",
        b"null",
        b'"not an object"',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"name": 1}{"name": 2}',
        b"\x00",
        b"name=a",
    ],
)
def test_what_is_not_a_json_object_is_refused(server: Server, body: bytes) -> None:
    answer = send(server, body)
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert server.is_well()


@pytest.mark.parametrize("path", ["quick", "thread", "coroutine"])
@pytest.mark.parametrize("begin, end", [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused_by_every_kind_of_endpoint(
    server: Server, path: str, begin: str, end: str
) -> None:
    body = f'{{"a": {begin * 10_000}1{end * 10_000}}}'.encode()
    answer = server("POST", f"/api/probe/{path}", body=body, headers=JSON)
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert server.is_well()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
def test_another_content_type_is_refused(server: Server, kind: str) -> None:
    answer = send(server, b'{"name": "a"}', {"Content-Type": kind})
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_a_missing_content_type_is_refused(server: Server) -> None:
    answer = server("POST", "/api/probe/thread", body=b'{"name": "a"}')
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_may_have_parameters(server: Server, kind: str) -> None:
    assert send(server, b'{"name": "a"}', {"Content-Type": kind}).status == 200


def test_of_a_key_that_comes_twice_the_last_value_counts(server: Server) -> None:
    answer = send(server, b'{"name": "a", "name": "b", "name": "c"}')
    assert answer.json["parameters"] == {"name": "c"}


def test_json_within_a_json_string_is_taken_as_from_old_clients(server: Server) -> None:
    answer = send(server, json.dumps(json.dumps({"name": "a"})).encode())
    assert answer.json["parameters"] == {"name": "a"}


def test_an_empty_body_has_no_fields(server: Server) -> None:
    answer = server("POST", "/api/probe/thread", headers={"Content-Length": "0"})
    assert answer.json["parameters"] == {}


def test_a_body_may_come_in_chunks(server: Server) -> None:
    head = b"POST /api/probe/thread HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = server.raw(head + b'8\r\n{"name":\r\n5\r\n "a"}\r\n0\r\n\r\n')
    assert answer.json["parameters"] == {"name": "a"}


def test_a_body_beyond_the_limit_is_refused_by_its_length(server: Server) -> None:
    head = b"POST /api/probe/thread HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    answer = server.raw(head)
    assert (answer.status, answer.code) == (413, "INVALID_PARAMETER_VALUE")


def test_a_body_beyond_the_limit_is_refused_in_chunks_too(server: Server) -> None:
    head = b"POST /api/probe/thread HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    answer = server.raw(head + piece * 17)
    assert (answer.status, answer.code) == (413, "INVALID_PARAMETER_VALUE")
    assert server.is_well()


def test_a_body_up_to_the_limit_is_taken(server: Server) -> None:
    name = "a" * ((1 << 20) - len('{"name": ""}'))
    assert server("POST", "/api/probe/thread", {"name": name}).status == 200


def test_an_endpoint_may_take_bytes_of_any_kind_up_to_a_limit_of_its_own(server: Server) -> None:
    body = os.urandom(3 << 20)
    found = server("POST", "/api/probe/raw", body=body).json
    assert found == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    answer = server("POST", "/api/probe/raw", body=body + b"x")
    assert (answer.status, answer.code) == (413, "INVALID_PARAMETER_VALUE")


def test_a_query_with_too_many_fields_is_refused(server: Server) -> None:
    answer = server("GET", f"/api/probe/quick?{'a&' * 10_001}")
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
