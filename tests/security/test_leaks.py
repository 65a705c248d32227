"""LEAK: what answers and logs tell, and what a browser makes of them."""

from __future__ import annotations

import json
import re
import time

import pytest
from pegboard_server.exchange import encoded
from target import API, FILES, PROXY, SECONDS, Target, basic, bearer, quoted, refused

from .conftest import PASSWORD, Guarded


def test_leak_1_no_error_tells_where_the_server_keeps_things(target: Target) -> None:
    mine = next(path for path in target.place.rglob("mine") if path.is_dir())
    (mine / "outward").symlink_to("/etc")
    assert target("PUT", f"{PROXY}/mine/folder1/file", body=b"x").status == 200
    run = target.run()
    for reply in (
        target("GET", f"{PROXY}/mine/outward/hostname"),
        target("GET", f"{PROXY}/mine/outward"),
        target("GET", f"{PROXY}?path=mine/outward"),
        target("GET", f"{PROXY}/mine/nothing"),
        target("GET", f"{PROXY}/mine/folder1"),
        target("PUT", f"{PROXY}/mine/folder1", body=b"x"),
        target("PUT", f"{PROXY}/mine/folder1/file/below", body=b"x"),
        target("GET", f"/get-artifact?run_id={run}&path=nothing"),
        target("GET", f"{FILES}/mpu/parts?upload_id={'A' * 32}"),
        target("GET", f"{API}/runs/get?run_id=nothing"),
    ):
        refused(reply)
        for told in (str(target.place), str(target.place.parent), "s.db", "/etc"):
            assert told not in reply.text, reply
    (mine / "outward").unlink()


def test_leak_1_a_fault_of_the_server_is_told_without_its_cause(guarded: Guarded) -> None:
    """What is wrong inside is in the log, under the id that the answer names."""
    target, headers = guarded.target, bearer(guarded.tokens["read"])
    text = guarded.users.read_text()
    guarded.users.write_text("broken\n")
    try:
        deadline = time.monotonic() + SECONDS
        path = f"{API}/experiments/get?experiment_id=0"
        while (reply := target("GET", path, headers=headers)).status != 500:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        guarded.users.write_text(text)
    assert reply.headers["x-request-id"] in reply.json["message"]
    for told in (str(guarded.users), "Traceback", "ConfigError", ".py"):
        assert told not in reply.text
    while target("GET", path, headers=headers).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_leak_2_secrets_are_neither_logged_nor_measured(guarded: Guarded) -> None:
    target, admin = guarded.target, bearer(guarded.tokens["admin"])
    event = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
    hook = {"name": "told", "url": "https://hooks.example.org/", "events": [event]}
    fields = {**hook, "secret": "the secret of the hook"}
    made = target("POST", f"{API}/webhooks", fields, headers=admin)
    place = f"{API}/webhooks/{made.json['webhook']['webhook_id']}"
    answers = [
        made,
        target("GET", place, headers=admin),
        target("PATCH", place, {"description": "changed"}, headers=admin),
        target("GET", f"{API}/webhooks", headers=admin),
        target("GET", f"/metrics?token={guarded.tokens['read']}", headers=admin),
        target("GET", f"{API}/experiments/search?password=hidden", headers=basic("ann", PASSWORD)),
        target("GET", "/health", headers=basic("ann", "a slip of ann's")),
    ]
    done = target("DELETE", place, headers=admin).headers["x-request-id"]
    deadline = time.monotonic() + SECONDS
    while done not in (log := (target.place / "log").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    secrets = (PASSWORD, "hidden", "slip of", *guarded.tokens.values())
    for secret in (*secrets, "the secret of the hook", basic("ann", PASSWORD)["Authorization"]):
        assert secret not in log
        assert not any(secret in answer.text for answer in answers)
    files = [file for file in guarded.target.place.rglob("*") if file.is_file()]
    assert not any(b"the secret of the hook" in file.read_bytes() for file in files)
    keys = [file for file in files if file.name.endswith("-key")]
    assert keys and all(file.stat().st_mode & 0o077 == 0 for file in keys)


PAGE = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "path",
    [
        f"/{quoted(PAGE)}",
        f"{API}/runs/get?run_id={quoted(PAGE)}",
        f"{API}/experiments/get-by-name?experiment_name={quoted(PAGE)}",
        f"{PROXY}/{quoted(PAGE)}",
        f"/get-artifact?run_id={quoted(PAGE)}&path=x",
    ],
)
def test_leak_3_an_error_is_no_page_of_the_sender(target: Target, path: str) -> None:
    """CVE-2023-6568."""
    for headers in ({}, {"Content-Type": f"text/html{PAGE}"}):
        reply = target("GET", path, headers=headers)
        refused(reply)
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-content-type-options"] == "nosniff"
    # A person's browser gets a page of ours, in which what was sent is text, and nothing can run.
    reply = target("GET", path, headers={"Accept": "text/html"})
    assert 400 <= reply.status < 500
    assert PAGE not in reply.text
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", [PAGE, "text/html<img src=x>"])
def test_leak_3_a_wrong_content_type_is_told_in_no_page(target: Target, kind: str) -> None:
    """CVE-2023-6568."""
    path = f"{API}/experiments/create"
    reply = target("POST", path, body=b"{}", headers={"Content-Type": kind})
    refused(reply)
    assert reply.headers["content-type"] == "application/json"


ACTIVE = (
    "html",
    "htm",
    "xhtml",
    "svg",
    "svgz",
    "xml",
    "xsl",
    "js",
    "mjs",
    "swf",
    "mht",
    "HTML",
    "x",
)


@pytest.mark.parametrize("ending", ACTIVE)
def test_leak_4_a_file_is_never_shown_as_a_page(target: Target, ending: str) -> None:
    """CVE-2024-27132."""
    path, content = f"{PROXY}/mine/page.{ending}", f"<html>{PAGE}</html>"
    assert target("PUT", path, body=content.encode()).status == 200
    reply = target("GET", path)
    assert reply.text == content
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in reply.headers["content-security-policy"]
    assert "script" not in reply.headers["content-security-policy"]
    kind = reply.headers["content-type"].partition(";")[0]
    assert kind in ("text/plain", "application/octet-stream")
    assert target("DELETE", path).status == 200


@pytest.mark.parametrize(
    "name", ['a"; filename="b.html', "ä\u202egpj.exe", "a'b", "a;b", PAGE.replace("/", "")]
)
def test_leak_5_no_name_adds_to_a_header(target: Target, name: str) -> None:
    path = f"{PROXY}/mine/{quoted(name)}"
    assert target("PUT", path, body=b"x").status == 200
    told = target("GET", path).headers["content-disposition"]
    form = r"""attachment; filename="[^"\\]*"; filename\*=UTF-8''[\w.%~-]+"""
    assert re.fullmatch(form, told, re.ASCII), told
    assert told.isascii()
    assert target("DELETE", path).status == 200


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\0b", "\x7f"])
def test_leak_5_no_value_makes_two_headers(value: str) -> None:
    for headers in ({"x-a": value}, {f"x{value}": "a"}, {"x-a: b\r\nc": "d"}, {"": "a"}):
        with pytest.raises(ValueError, match="cannot be a header"):
            encoded(headers)


def test_leak_6_the_server_does_not_say_what_it_runs_on(target: Target) -> None:
    for reply in (target("GET", "/health"), target("GET", "/nothing"), target.raw(b"x\r\n\r\n")):
        assert "server" not in reply.headers
        assert "x-powered-by" not in reply.headers
        assert "uvicorn" not in json.dumps(reply.headers).lower()


def test_leak_8_a_line_of_the_log_is_one_request(target: Target) -> None:
    path = f"/forged%0A%7B%22kind%22%3A%22access%22%7D-{quoted(PAGE)}"
    asked = target("GET", path, headers={"User-Agent": 'x"}{"kind":"forged'}).headers[
        "x-request-id"
    ]
    deadline = time.monotonic() + SECONDS
    while not (found := [line for line in target.log if line.get("request") == asked]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [line["path"] for line in found] == [path]
    assert not [line for line in target.log if line["kind"] == "forged"]
