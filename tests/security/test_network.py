"""NET: where requests come from, and what browsers can be made to do."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from served import serving
from target import API, FILES, HOST, PROXY, SECONDS, Target, quoted

GET = f"{API}/experiments/get?experiment_id=0"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "192.168.0.1",
        "[::2]",
        "0.0.0.0:{port}",
        "a",
    ],
)
def test_net_1_another_name_of_the_address_is_not_answered(target: Target, host: str) -> None:
    """CVE-2025-14279: a page whose name is pointed at this machine (DNS rebinding)."""
    headers = {"Host": host.format(port=target.address[1])}
    for reply in (
        target("GET", GET, headers=headers),
        target("POST", f"{API}/experiments/search", {}, headers=headers),
        target("GET", f"{PROXY}/mine/file", headers=headers),
        target("GET", "/metrics", headers=headers),
    ):
        assert (reply.status, reply.json["error_code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "host",
    [
        "localhost:@evil.example",
        "localhost:80.evil.example",
        "[::1].evil.example",
        "[::1]evil",
        "localhost/evil",
        "user@localhost",
        "localhost, evil.example",
        "localhost#.example",
    ],
)
def test_net_2_a_host_that_could_be_read_in_two_ways_is_refused(target: Target, host: str) -> None:
    assert target("GET", GET, headers={"Host": host}).status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", ""])
@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
def test_net_3_a_page_of_another_site_can_change_nothing(
    target: Target, origin: str, kind: str
) -> None:
    """CVE-2023-43472: also not with requests that browsers send without asking first."""
    name = f"from {origin} as {kind}"
    reply = target.experiment(name)
    assert reply.status == 200
    run = target.run(reply.json["experiment_id"])
    headers = {"Origin": origin, "Content-Type": kind}
    for path in (
        f"{API}/runs/delete?run_id={run}",
        f"{API}/experiments/create?name={quoted(f'made {name}')}",
        f"{API}/upload-artifact?run_id={run}&path=planted",
    ):
        assert target("POST", path, body=b"{}", headers=headers).status == 403
    assert target("GET", f"{API}/runs/get?run_id={run}").json["run"]["info"]["lifecycle_stage"] == (
        "active"
    )
    by_name = f"{API}/experiments/get-by-name?experiment_name={quoted(f'made {name}')}"
    assert target("GET", by_name).status == 404


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_net_4_what_a_browser_says_of_the_site_counts_without_an_origin(
    target: Target, site: str
) -> None:
    reply = target("POST", f"{API}/runs/create", {}, headers={"Sec-Fetch-Site": site})
    assert reply.status == 403


def test_net_5_no_page_of_another_site_reads_an_answer(target: Target) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for reply in (
        target("GET", GET, headers=asked),
        target("OPTIONS", f"{API}/experiments/search", headers=asked),
        target("OPTIONS", f"{API}/experiments/search", headers={**asked, "Origin": "null"}),
    ):
        assert not [name for name in reply.headers if name.startswith("access-control-")]
    preflight = target("OPTIONS", f"{API}/experiments/search", headers=asked)
    assert preflight.status == 403


SPOOFED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
}


def test_net_6_what_others_say_of_themselves_is_not_believed(tmp_path: Path) -> None:
    """No header of a client says where it comes from, or where the server is."""
    with serving(tmp_path, "--trusted-proxy", "10.0.0.1") as url:
        target = Target(url, tmp_path)
        made = target("POST", f"{FILES}/mpu/create/a", {"path": "a"}, headers=SPOOFED)
        address = made.json["credentials"][0]["url"]
        assert address.startswith(f"{url}/api/")
    clients = {line["client"] for line in target.log if line["kind"] == "access"}
    assert clients == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_net_7_no_header_makes_another_request_of_one(target: Target, name: str) -> None:
    reply = target("GET", f"{PROXY}/mine/file", headers={name: "DELETE", "X-Original-URL": "/x"})
    assert (reply.status, reply.text) == (200, "mine")
    assert target("GET", f"{PROXY}/mine/file").status == 200
    moved = {"X-Original-URL": GET, "X-Rewrite-URL": GET}
    assert target("GET", "/nothing", headers=moved).status == 404


def test_net_8_there_are_no_cookies(target: Target) -> None:
    for path in (GET, "/health", "/nothing", f"{PROXY}/mine/file"):
        assert "set-cookie" not in target("GET", path).headers


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "//evil.example/..", "/%5cevil.example", "/health/", "/api", "/nope?x="],
)
def test_net_9_nothing_is_redirected(target: Target, path: str) -> None:
    reply = target("GET", path)
    assert reply.status == 404
    assert "location" not in reply.headers
    assert "evil" not in reply.text


def test_net_10_no_answer_is_shown_in_a_frame_or_taken_for_something_else(target: Target) -> None:
    for path in (GET, "/health", "/nothing", f"{PROXY}/mine/file", "/metrics"):
        headers = target("GET", path).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_net_11_old_tls_and_plain_http_are_not_answered_where_https_is(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    place = tmp_path / "served"
    place.mkdir()
    with serving(place, "--tls-cert", str(cert), "--tls-key", str(key)) as url:
        target = Target(url, place)
        assert url.startswith("https://")
        assert b"200" not in target.all(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        assert _version(target, old) == "TLSv1.3"
        with pytest.warns(DeprecationWarning):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _version(target, old)


def _version(target: Target, context: ssl.SSLContext) -> str | None:
    with (
        socket.create_connection(target.address, SECONDS) as plain,
        context.wrap_socket(plain) as connection,
    ):
        return connection.version()


def test_net_12_half_a_set_up_of_https_does_not_become_http(tmp_path: Path) -> None:
    command = str(Path(sys.executable).with_name("pegboard"))
    words = ["server", "--store", f"sqlite:{tmp_path}/s.db", "--port", "0"]
    done = subprocess.run(
        [command, *words, "--tls-cert", "cert.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert "--tls-key" in done.stderr
