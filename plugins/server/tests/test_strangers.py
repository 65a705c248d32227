"""Who is not known learns nothing: whatever is wrong with a request, the answer is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_server import users
from pegboard_wire.http import Permission

from .conftest import Server, launch

CONFIG = '[plugins.server]\nusers_file = "users"\nmax_body_mib = 1\n'
JSON = {"Content-Type": "application/json"}
TOKEN = "peg_token"


@pytest.fixture(scope="module")
def guarded(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("guarded")
    reader = users.Credential("ann", Permission.READ, users.token_hash(TOKEN))
    users.write(place / "users", [reader])
    running = launch(plugins, place, "--cors-origin", "https://ui.example", config=CONFIG)
    yield running
    assert running.stop() == 0


# Method, path, body and headers, and what somebody who may read is told.
WRONG = {
    "an unknown path": ("GET", "/api/probe/nothing", None, {}, 404),
    "an unknown path below nothing": ("POST", "/" + "a/" * 500, b"{}", JSON, 404),
    "a method that is not served": ("PATCH", "/api/probe/quick", None, {}, 405),
    "a question for methods": ("OPTIONS", "/api/probe/quick", None, {}, 204),
    "a question for methods of nothing": ("OPTIONS", "/api/probe/nothing", None, {}, 404),
    "a path that climbs": ("GET", "/api/probe/files/../../etc/passwd", None, {}, 400),
    "an encoded path that climbs": ("GET", "/api/probe/files/%2e%2e/a", None, {}, 400),
    "a path that is not UTF-8": ("GET", "/api/probe/things/%ff", None, {}, 400),
    "too many fields": ("GET", f"/api/probe/quick?{'a&' * 3_000}", None, {}, 400),
    "a query that is not UTF-8": ("GET", "/api/probe/quick?a=%ff", None, {}, 400),
    "a body that is too long": (
        "GET",
        "/api/probe/quick",
        b"{" + b" " * (1 << 20) + b"}",
        JSON,
        413,
    ),
    "a body that is not JSON": ("GET", "/api/probe/quick", b"{", JSON, 400),
    "too many values": ("GET", "/api/probe/quick", b"{" + b"[]," * 300_000, JSON, 413),
    "a type that is not taken": ("GET", "/api/probe/quick", b"{}", {"Content-Type": "a/b"}, 400),
    "more than may be done": ("POST", "/api/probe/quick", b"{", JSON, 403),
    "a path that climbs, to write": ("PUT", "/api/probe/files/../a", b"", {}, 403),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_stranger_is_told_the_same_whatever_is_wrong(guarded: Server, name: str) -> None:
    method, path, body, headers, status = WRONG[name]
    answer = guarded(method, path, body=body, headers=headers)
    usual = guarded("GET", "/api/probe/quick")
    assert usual.code == "UNAUTHENTICATED"
    for each in (answer, usual):
        for passing in ("date", "x-request-id"):
            each.headers.pop(passing)
    assert (answer.status, answer.body) == (401, usual.body)
    known = guarded(
        method, path, body=body, headers={**headers, "Authorization": f"Bearer {TOKEN}"}
    )
    assert known.status == status


@pytest.mark.parametrize(
    "path", ["/api/probe/quick", "/api/probe/nothing", "/api/probe/files/../a"]
)
def test_a_preflight_tells_nothing_of_what_there_is(guarded: Server, path: str) -> None:
    asked = {"Origin": "https://ui.example", "Access-Control-Request-Method": "POST"}
    answer = guarded("OPTIONS", path, headers=asked)
    assert answer.status == 204
    methods = answer.headers["access-control-allow-methods"]
    assert methods == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert "allow" not in answer.headers


def test_where_nobody_has_to_be_known_everything_is_told(server: Server) -> None:
    for method, path, body, headers, status in WRONG.values():
        if status != 403:
            assert server(method, path, body=body, headers=headers).status == status


def test_what_is_public_is_served(guarded: Server) -> None:
    assert guarded("GET", "/health").status == 200
    assert guarded("POST", "/health").status == 401
