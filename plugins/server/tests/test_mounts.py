"""Foreign applications and static files, mounted by endpoints of plugins."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from .conftest import Server, Start

PREFIX = "/api/probe/foreign"


@pytest.fixture
def server(start: Start) -> Server:
    return start()


@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("POST", b"x" * 3_000_000), ("PURGE", b"")]
)
def test_a_foreign_application_answers_any_method_below_its_prefix(
    server: Server, method: str, body: bytes
) -> None:
    reply = server(method, f"{PREFIX}/a/b", body=body)
    assert reply.status == 201
    told = reply.body.decode().split("\n")
    assert told[:5] == [method, f"{PREFIX}/a/b", PREFIX, told[3], str(len(body))]
    assert reply.headers["x-own"] == "1"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "x-request-id" in reply.headers


def test_a_foreign_application_is_behind_the_same_checks(server: Server) -> None:
    refused = server("POST", f"{PREFIX}/a", headers={"Origin": "http://evil.example"})
    assert refused.status == 403
    assert server("POST", f"{PREFIX}/a", headers={"Host": "evil.example"}).status == 403


def test_an_application_that_does_not_answer_is_an_error(server: Server) -> None:
    reply = server("GET", "/api/probe/silent/x")
    assert (reply.status, reply.code) == (500, "INTERNAL_ERROR")


def test_what_is_mounted_is_counted_and_left_out_of_the_description(server: Server) -> None:
    server("GET", f"{PREFIX}/a")
    assert f'{PREFIX}/{{path:path}}"'.encode() in server("GET", "/metrics").body
    assert not [path for path in server("GET", "/openapi.json").json["paths"] if PREFIX in path]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    made = tmp_path / "site"
    (made / "assets").mkdir(parents=True)
    (made / "index.html").write_text("<title>page</title>")
    (made / "assets" / "app-5f3a9c1b.js").write_text("run()")
    (made / "assets" / "app-5f3a9c1b.js.gz").write_bytes(gzip.compress(b"run()", mtime=0))
    (made / "assets" / "app-5f3a9c1b.js.br").write_bytes(b"brotli")
    (tmp_path / "secret.txt").write_text("secret")
    (made / "out.txt").symlink_to(tmp_path / "secret.txt")
    return made


def test_files_are_served_with_their_types_and_the_page_for_its_own_addresses(
    site: Path, server: Server
) -> None:
    for path in ("", "runs/0123", "index.html"):
        page = server("GET", f"/api/probe/site/{path}")
        assert (page.status, page.body) == (200, b"<title>page</title>")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-cache"
    script = server("GET", "/api/probe/site/assets/app-5f3a9c1b.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    assert script.body == b"run()"


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("gzip, deflate, br", "br", b"brotli"),
        ("gzip;q=0.8", "gzip", gzip.compress(b"run()", mtime=0)),
        ("identity", None, b"run()"),
    ],
)
def test_a_twin_is_sent_to_browsers_that_take_it(
    site: Path, server: Server, accepted: str, encoding: str | None, body: bytes
) -> None:
    headers = {"Accept-Encoding": accepted}
    reply = server("GET", "/api/probe/site/assets/app-5f3a9c1b.js", headers=headers)
    assert reply.headers.get("content-encoding") == encoding
    assert reply.body[10:] == body[10:] if encoding == "gzip" else reply.body == body


def test_what_a_browser_has_already_is_not_sent_again(site: Path, server: Server) -> None:
    tag = server("GET", "/api/probe/site/").headers["etag"]
    again = server("GET", "/api/probe/site/", headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path", ["nothing.js", "out.txt", "..%2fsecret.txt", "assets/%2e%2e/x.txt"]
)
def test_nothing_else_is_served(site: Path, server: Server, path: str) -> None:
    reply = server("GET", f"/api/probe/site/{path}")
    assert reply.status in (400, 404)
    assert b"secret" not in reply.body.replace(b"secret.txt", b"")
