"""Which endpoint answers, with which parameters, and how."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from .conftest import SECONDS, Server


@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_an_endpoint_is_served_below_both_prefixes(server: Server, prefix: str) -> None:
    answer = server("POST", f"{prefix}/probe/quick", {"name": "a"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["parameters"] == {"name": "a"}


def test_quick_endpoints_run_on_the_loop_and_others_in_threads(server: Server) -> None:
    quick = server("POST", "/api/probe/quick", {}).json["thread"]
    assert server("POST", "/api/probe/coroutine", {}).json["thread"] == quick
    assert server("POST", "/api/probe/thread", {}).json["thread"] != quick


def test_fields_of_the_body_go_before_those_of_the_query_and_the_path(server: Server) -> None:
    answer = server("POST", "/api/probe/thread?name=query&other=1", {"name": "body"})
    assert answer.json["parameters"] == {"name": "body", "other": "1"}
    answer = server("GET", "/api/probe/things/7?thing=8")
    assert answer.json["parameters"] == {"thing": "8"}


def test_repeated_fields_of_the_query_are_lists(server: Server) -> None:
    answer = server("GET", "/api/probe/quick?id=1&id=2&id=3&one=&text=a%20%C3%A4%2B+b")
    expected = {"id": ["1", "2", "3"], "one": "", "text": "a ä+ b"}
    assert answer.json["parameters"] == expected


def test_headers_are_found_in_any_case_of_letters(server: Server) -> None:
    answer = server("GET", "/api/probe/quick", headers={"USER-AGENT": "probe/1"})
    assert answer.json["agent"] == "probe/1"


def test_the_store_that_was_asked_for_is_passed_on(server: Server) -> None:
    assert server("GET", "/api/probe/quick").json["store"] == "probe:store"


@pytest.mark.parametrize("path", ["/nope", "/api/probe", "/api/probe/quick/", "//health"])
def test_an_unknown_path_is_a_404(server: Server, path: str) -> None:
    answer = server("GET", path)
    assert (answer.status, answer.code) == (404, "ENDPOINT_NOT_FOUND")


def test_the_beginning_of_a_path_that_was_left_out_is_suggested(server: Server) -> None:
    """It is ``/v1`` where a client of OpenAI has the server's own address."""
    said = server("GET", "/probe/admin").json["message"]
    assert said == "There is no such path. Did you mean /api/probe/admin?"
    assert server("GET", "/nope").json["message"] == "There is no such path."


def test_an_unknown_method_is_a_405_that_names_the_others(server: Server) -> None:
    answer = server("DELETE", "/api/probe/quick")
    assert (answer.status, answer.code) == (405, "ENDPOINT_NOT_FOUND")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_options_names_the_methods(server: Server) -> None:
    answer = server("OPTIONS", "/api/probe/things/1")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


def test_head_is_get_without_a_body(server: Server) -> None:
    answer = server("HEAD", "/api/probe/page")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == "18"


def test_head_of_a_stream_does_not_begin_it(server: Server, tmp_path: Path) -> None:
    note = tmp_path / "closed"
    answer = server("HEAD", f"/api/probe/stream?count=1000000000&note={note}")
    assert (answer.status, answer.body) == (200, b"")
    wait_for(note)


# -- paths ---------------------------------------------------------------------------------------


def test_an_encoded_slash_is_part_of_a_name(server: Server) -> None:
    answer = server("GET", "/api/probe/things/a%2Fb%20c%25")
    assert answer.json["parameters"] == {"thing": "a/b c%"}
    assert server("GET", "/api/probe/things/a/b").status == 404


def test_the_rest_of_a_path_is_brought_into_normal_form(server: Server) -> None:
    answer = server("GET", "/api/probe/files/a//b/./c%20d.txt")
    assert answer.json["parameters"] == {"path": "a/b/c d.txt"}
    assert server("GET", "/api/probe/files/").json["parameters"] == {"path": ""}


@pytest.mark.parametrize(
    "path",
    [
        "../etc/passwd",
        "a/../../b",
        "%2e%2e/b",
        "a/%2e%2e%2fb",
        "%252e%252e%252fb",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "a%5c..%5cb",
        "a%00b",
        "file:/etc/passwd",
        "C:/windows",
    ],
)
def test_a_path_that_climbs_is_refused_before_the_endpoint(server: Server, path: str) -> None:
    target = f"GET /api/probe/files/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = server.raw(target.encode())
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("path", ["/api/probe/things/%ff", "/api/probe/quick?a=%ff"])
def test_what_is_not_utf8_is_refused(server: Server, path: str) -> None:
    answer = server("GET", path)
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_encoded_letters_do_not_hide_a_path(server: Server) -> None:
    answer = server("GET", "/%61pi/probe/quick")
    assert answer.json["parameters"] == {}


# -- answers -------------------------------------------------------------------------------------


def test_every_answer_tells_browsers_to_be_careful(server: Server) -> None:
    for path in ("/health", "/api/probe/quick", "/nope", "/api/probe/page"):
        headers = server("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-request-id"]
        assert "server" not in headers


def test_html_can_run_no_script(server: Server) -> None:
    policy = server("GET", "/api/probe/page").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy


def test_json_is_not_kept_by_caches(server: Server) -> None:
    assert server("GET", "/api/probe/quick").headers["cache-control"] == "no-store"


def test_a_header_cannot_smuggle_another(server: Server) -> None:
    answer = server("GET", "/api/probe/header")
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert "set-cookie" not in answer.headers


# -- streams -------------------------------------------------------------------------------------


def test_a_body_is_streamed_to_the_endpoint(server: Server) -> None:
    body = b"y" * (5 << 20)
    answer = server("PUT", "/api/probe/files/a/b.bin", body=body)
    digest = hashlib.sha256(body).hexdigest()
    assert answer.json == {"size": 5 << 20, "sha256": digest, "path": "a/b.bin"}


def test_an_answer_is_streamed_and_then_closed(server: Server, tmp_path: Path) -> None:
    note = tmp_path / "closed"
    answer = server("GET", f"/api/probe/stream?count=50&note={note}")
    assert answer.body == b"x" * 65536 * 50
    wait_for(note)


def test_an_answer_is_closed_when_the_client_leaves(server: Server, tmp_path: Path) -> None:
    note = tmp_path / "closed"
    with server.connect() as connection:
        target = f"GET /api/probe/stream?count=1000000000&note={note}"
        connection.sendall(f"{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    wait_for(note)


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(
    server: Server, tmp_path: Path
) -> None:
    from http.client import IncompleteRead

    with pytest.raises(IncompleteRead):
        server("GET", f"/api/probe/stream?count=3&fail=1&note={tmp_path / 'closed'}")
    wait_for(tmp_path / "closed")
    assert server.is_well()


def test_an_endpoint_learns_that_its_body_broke_off(server: Server, tmp_path: Path) -> None:
    note = tmp_path / "note"
    with server.connect() as connection:
        target = f"PUT /api/probe/files/a?note={note} HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{target}Content-Length: 1000\r\n\r\nonly this".encode())
    wait_for(note)
    assert note.read_text() == "broken off"


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)
