"""Errors for people: a browser gets a page that can be read, a program gets JSON."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from pegboard_server import users
from pegboard_wire.http import Permission

from .conftest import Reply, Server, Start
from .test_errors import EXPECTED

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROGRAMS = ("*/*", "application/json", "application/json, text/html", "text/html;q=0", "text/plain")
MARKUP = "<script>alert(1)</script>"
WAY = {
    "nothing there": ("/nothing/here", 404),
    "markup in the path": ("/%3Cscript%3E", 404),
    "another method": ("/api/probe/admin", 405),
    **{f"{kind} error": (f"/api/probe/fail?kind={kind}", EXPECTED[kind][0]) for kind in EXPECTED},
}


def is_page(reply: Reply) -> bool:
    """Whether an answer is a page, which then is safe and says what a person needs."""
    if reply.headers["content-type"] == "application/json":
        return False
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    text = reply.body.decode()
    assert "<script" not in text
    assert re.search(r"<h1>[A-Z][^<]+</h1><p>[A-Z]", text)
    assert f"<small>{reply.status} " in text
    assert reply.headers["content-length"] == str(len(reply.body))
    return True


@pytest.mark.parametrize("way", WAY)
def test_a_browser_gets_a_page_and_a_program_gets_json(server: Server, way: str) -> None:
    path, status = WAY[way]
    page = server("GET", path, headers=BROWSER)
    assert page.status == status
    assert is_page(page)
    assert page.headers["x-request-id"].encode() in page.body
    told = server("GET", path)
    assert (told.status, is_page(told)) == (status, False)
    more = {"allow", "retry-after"}
    assert told.headers.keys() & more == page.headers.keys() & more


@pytest.mark.parametrize("accept", PROGRAMS)
def test_who_does_not_ask_for_a_page_first_gets_none(server: Server, accept: str) -> None:
    assert not is_page(server("GET", "/nothing", headers={"Accept": accept}))
    assert not is_page(server("POST", "/nothing", {}, headers=BROWSER))


def test_what_was_sent_is_text_in_the_page(server: Server) -> None:
    raw = f"GET /nothing HTTP/1.1\r\nHost: {MARKUP}\r\nAccept: text/html\r\n\r\n".encode()
    page = server.raw(raw)
    assert is_page(page)
    assert page.status == 403
    assert b"&lt;script&gt;" in page.body
    # All links would lead to the name that is refused.
    assert b"href" not in page.body


def test_links_lead_to_what_is_there_from_any_depth(server: Server) -> None:
    for path in ("/nothing", "/deep/down/nothing", "/" * 3000):
        page = server("GET", path, headers=BROWSER).body.decode()
        links = re.findall(r'href="([^"]*)"', page)
        above = path.count("/") - 1
        root = "/" if above > 63 else "../" * above or "./"
        # Home is there where a page is installed.
        assert links in ([f"{root}docs"], [root, f"{root}docs"])


@pytest.mark.parametrize(("long", "status"), [(b"/" + b"x" * 70_000, 414), (b"/", 431)])
def test_what_is_too_long_for_the_protocol_is_told_in_a_page_too(
    server: Server, long: bytes, status: int
) -> None:
    more = b"X: y\r\n" * 200 if status == 431 else b""
    head = b"Host: localhost\r\nAccept: text/html\r\n"
    answer = server.raw(b"GET " + long + b" HTTP/1.1\r\n" + head + more + b"\r\n")
    assert answer.status == status
    assert is_page(answer)
    assert answer.headers["connection"] == "close"


def test_who_has_to_log_in_is_told_so(start: Start, tmp_path: Path) -> None:
    known = [users.Credential("ann", Permission.READ, users.password_hash("a long secret"))]
    users.write(tmp_path / "users", known)
    guarded = start(config='[plugins.server]\nusers_file = "users"\n')
    unknown = guarded("GET", "/metrics", headers=BROWSER)
    assert (unknown.status, is_page(unknown)) == (401, True)
    # Where no page is installed to log in with, the browser's own dialog is the way.
    has_page = guarded("GET", "/login").status == 200
    assert ("www-authenticate" in unknown.headers) != has_page
    assert (b'href="./login?to=/metrics">Log in<' in unknown.body) == has_page
    wrong = {**BROWSER, "Authorization": f"Basic {base64.b64encode(b'ann:x').decode()}"}
    answers = [guarded("GET", "/metrics", headers=wrong) for _ in range(11)]
    assert {answer.status for answer in answers} == {401, 429}
    assert all(map(is_page, answers))
    assert b'href="">Try again<' in answers[-1].body
