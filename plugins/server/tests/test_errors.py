"""Errors in MLflow's form, and what clients are not told."""

from __future__ import annotations

import pytest

from .conftest import Server, Start

EXPECTED = {
    "busy": (503, "TEMPORARILY_UNAVAILABLE"),
    "exists": (400, "RESOURCE_ALREADY_EXISTS"),
    "full": (503, "TEMPORARILY_UNAVAILABLE"),
    "missing": (404, "RESOURCE_DOES_NOT_EXIST"),
    "nested": (400, "INVALID_PARAMETER_VALUE"),
    "state": (400, "INVALID_STATE"),
    "store": (500, "INTERNAL_ERROR"),
    "unexpected": (500, "INTERNAL_ERROR"),
    "unsafe": (400, "INVALID_PARAMETER_VALUE"),
    "value": (400, "INVALID_PARAMETER_VALUE"),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_error_has_mlflows_code_and_status(server: Server, kind: str) -> None:
    answer = server("GET", f"/api/probe/fail?kind={kind}")
    assert (answer.status, answer.code) == EXPECTED[kind]
    assert ("retry-after" in answer.headers) == (answer.status == 503)


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_error_tells_nothing_of_the_servers_inside(server: Server, kind: str) -> None:
    body = server("GET", f"/api/probe/fail?kind={kind}").body
    for secret in (b"secret", b"Traceback", b".py", b"ZeroDivisionError"):
        assert secret not in body


def test_an_error_says_what_to_do(server: Server) -> None:
    message = server("GET", "/api/probe/fail?kind=missing").json["message"]
    assert message == "It is not there.\nLook elsewhere."


def test_the_log_says_more_under_the_request_id(start: Start) -> None:
    server = start()
    answer = server("GET", "/api/probe/fail?kind=unexpected")
    assert answer.headers["x-request-id"] in answer.json["message"]
    server.stop()
    (line,) = [line for line in server.log if line["kind"] == "error"]
    assert line["request"] == answer.headers["x-request-id"]
    assert "a secret detail" in line["traceback"]


@pytest.mark.parametrize("path", ["/api/probe/fail?kind=nothing", "/api/probe/fail"])
def test_a_bug_of_an_endpoint_is_a_500(server: Server, path: str) -> None:
    answer = server("GET", path)
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert server.is_well()
