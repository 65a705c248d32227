"""Where requests come from: Host and Origin."""

from __future__ import annotations

import pytest

from .conftest import Reply, Server, Start


def with_host(server: Server, host: str, path: str = "/api/probe/quick") -> Reply:
    return server("GET", path, headers={"Host": host})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:1", "[::1]:5000"])
def test_names_of_this_machine_are_answered(server: Server, host: str) -> None:
    assert with_host(server, host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebinding.example",
        "localhost.example",
        "127.0.0.1.example:5000",
        "192.168.1.1",
        "[::2]",
        "user@localhost",
        "localhost/",
    ],
)
def test_another_host_is_refused(server: Server, host: str) -> None:
    answer = with_host(server, host)
    assert (answer.status, answer.code) == (403, "PERMISSION_DENIED")


def test_health_is_answered_under_any_name(server: Server) -> None:
    assert with_host(server, "10.1.2.3:5000", "/health").status == 200


def test_a_missing_host_is_refused(server: Server) -> None:
    answer = server.raw(b"GET /api/probe/quick HTTP/1.1\r\n\r\n")
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


def test_allowed_hosts_are_answered_too(start: Start) -> None:
    server = start("--allowed-host", "*.example.org", "--allowed-hosts", "peg.test,other.test")
    for host in ("a.example.org", "peg.test:443", "other.test"):
        assert with_host(server, host).status == 200
    for host in ("example.org", "peg.test.example"):
        assert with_host(server, host).status == 403


# -- Origin --------------------------------------------------------------------------------------


def post(server: Server, headers: dict[str, str]) -> Reply:
    return server("POST", "/api/probe/quick", {"name": "a"}, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_change_nothing(server: Server, headers: dict[str, str]) -> None:
    answer = post(server, headers)
    assert (answer.status, answer.code) == (403, "PERMISSION_DENIED")


def test_pages_of_the_server_itself_may_change_things(server: Server) -> None:
    own = f"http://127.0.0.1:{server.port}"
    assert post(server, {"Origin": own, "Sec-Fetch-Site": "same-origin"}).status == 200
    assert post(server, {"Sec-Fetch-Site": "none"}).status == 200


def test_no_page_of_another_site_can_read_an_answer(server: Server) -> None:
    answer = server("GET", "/api/probe/quick", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def preflight(server: Server, origin: str) -> Reply:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    return server("OPTIONS", "/api/probe/quick", headers=asked)


def test_a_preflight_of_another_site_is_refused(server: Server) -> None:
    answer = preflight(server, "https://evil.example")
    assert (answer.status, answer.code) == (403, "PERMISSION_DENIED")
    assert "access-control-allow-origin" not in answer.headers


def test_pages_of_allowed_origins_may_call(start: Start) -> None:
    server = start("--cors-origin", "https://ui.example")
    answer = preflight(server, "https://ui.example")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://ui.example"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type"
    answer = post(server, {"Origin": "https://ui.example"})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://ui.example"
    assert answer.headers["vary"] == "origin"
    assert post(server, {"Origin": "https://ui.example.evil"}).status == 403


# -- proxies -------------------------------------------------------------------------------------

FORWARDED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


def client_of(server: Server) -> str:
    server("GET", "/api/probe/quick", headers=FORWARDED)
    server.stop()
    return str(next(line["client"] for line in server.log if line["kind"] == "access"))


def test_forwarded_addresses_are_not_believed(start: Start) -> None:
    assert client_of(start()) == "127.0.0.1"


def test_forwarded_addresses_of_a_trusted_proxy_are_believed(start: Start) -> None:
    assert client_of(start("--trusted-proxy", "127.0.0.1")) == "203.0.113.9"


def test_the_root_path_may_be_removed_by_the_proxy_or_not(start: Start) -> None:
    server = start("--root-path", "/peg/board/")
    for path in ("/peg/board/api/probe/quick", "/api/probe/quick"):
        assert server("GET", path).status == 200
    for path in ("/peg/boardapi/probe/quick", "/peg/board/nope"):
        assert server("GET", path).status == 404
    assert server("GET", "/openapi.json").json["servers"] == [{"url": "/peg/board"}]
