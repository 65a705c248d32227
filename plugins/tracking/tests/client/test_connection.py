"""How the client talks to a server: who it says it is, what it retries, how it reads answers."""

from __future__ import annotations

import base64
import json
import traceback
from pathlib import Path

import pytest
from attrs import evolve
from pegboard.config import HttpConfig
from pegboard.errors import (
    AlreadyExists,
    ConfigError,
    InvalidState,
    InvalidValue,
    NotFound,
    StoreError,
    StoreFull,
)
from pegboard_tracking.client.artifacts import HttpArtifactStore
from pegboard_wire.client.connection import connect, connect_to_found
from pegboard_wire.client.errors import AccessDenied, ServerFault, Unreachable
from pegboard_wire.client.options import options_for, server_of

QUICK = HttpConfig(backoff_seconds=0.01, retries=2)


def call(url: str, method: str = "GET", name: str = "runs/get", **settings: object):
    return connect(url, evolve(QUICK, **settings)).call(method, name, {"run_id": "x"})


def ignore_errors(url: str, **settings: object) -> None:
    with pytest.raises((NotFound, StoreError)):
        call(url, **settings)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# -- who calls -------------------------------------------------------------------------------------


def test_without_credentials_none_are_sent_not_even_those_of_netrc(server, home, monkeypatch):
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    ignore_errors(server.url)
    assert "authorization" not in server.seen[0].headers


@pytest.mark.parametrize("prefix", ["MLFLOW", "PEGBOARD"])
def test_a_token_of_the_environment_is_sent(server, monkeypatch, prefix):
    monkeypatch.setenv(f"{prefix}_TRACKING_TOKEN", "abc")
    ignore_errors(server.url)
    assert server.seen[0].headers["authorization"] == "Bearer abc"


def test_a_user_of_the_environment_goes_before_the_token(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pässword")
    ignore_errors(server.url)
    assert server.seen[0].headers["authorization"] == basic("ann", "pässword")


def test_the_user_of_the_uri_goes_before_the_environment(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    ignore_errors(server.url.replace("//", "//bob:p%40ss@"))
    assert server.seen[0].headers["authorization"] == basic("bob", "p@ss")
    assert server.seen[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_the_credentials_file_of_mlflow_is_read(server, home):
    (home / ".mlflow").mkdir()
    (home / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = 100%\n"
    )
    ignore_errors(server.url)
    assert server.seen[0].headers["authorization"] == basic("ann", "100%")


def test_headers_of_the_settings_and_the_environment_are_sent(server, monkeypatch):
    monkeypatch.setenv("PEGBOARD_TRACKING_HEADERS", "X-Team=blue,X-Odd=a%2Cb")
    ignore_errors(server.url, headers={"X-Gate": "open", "X-Team": "red"})
    sent = server.seen[0].headers
    assert (sent["x-gate"], sent["x-team"], sent["x-odd"]) == ("open", "blue", "a,b")
    assert sent["user-agent"].startswith("pegboard/")


def test_no_secret_is_shown(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "sesame")
    options = options_for("http://ann:sesame@localhost", QUICK)
    assert "sesame" not in repr(options)
    server.down()
    with pytest.raises(Unreachable) as caught:
        call(server.url.replace("//", "//ann:sesame@"))
    assert "sesame" not in str(caught.value)
    with pytest.raises(InvalidValue) as refused:
        server_of("http://ann:sesame@localhost?x=1")
    assert "sesame" not in str(refused.value)


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://", "http:/x", "http://host:abc", "http://host:99999", "http://h?q=1"]
)
def test_what_names_no_server_is_refused(url):
    with pytest.raises(InvalidValue):
        server_of(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://Host/", "http://host"),
        ("http://host:80", "http://host"),
        ("https://u:p@host:443/a/b/", "https://host/a/b"),
        ("https://host:8443", "https://host:8443"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_a_server_is_known_by_one_url(url, normal):
    assert server_of(url).url == normal


def test_numbers_of_the_environment_go_before_the_settings(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    monkeypatch.setenv("PEGBOARD_HTTP_REQUEST_BACKOFF_FACTOR", "0.5")
    options = options_for("http://host", QUICK)
    assert (options.timeout, options.retries, options.backoff) == (7.0, 3, 0.5)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon")
    with pytest.raises(ConfigError, match="soon"):
        options_for("http://host", QUICK)


def test_tls_is_checked_unless_told_otherwise(monkeypatch, tmp_path):
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    assert options_for("https://host", QUICK).verify is True
    assert options_for("https://host", evolve(QUICK, verify=False)).verify is False
    assert options_for("https://host", evolve(QUICK, ca_file=str(authority))).verify == str(
        authority
    )
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/client.pem")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority))
    options = options_for("https://host", QUICK)
    assert (options.verify, options.client_certificate) == (str(authority), "/client.pem")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with pytest.raises(ConfigError):
        options_for("https://host", QUICK)
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    assert options_for("https://host", QUICK).verify is False
    monkeypatch.delenv("MLFLOW_TRACKING_INSECURE_TLS")
    with pytest.raises(ConfigError, match="nowhere"):
        options_for("https://host", evolve(QUICK, ca_file="/nowhere.pem"))


# -- troubles --------------------------------------------------------------------------------------


def body(code: str, message: str = "it is so") -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "RESOURCE_DOES_NOT_EXIST", NotFound),
        (400, "RESOURCE_ALREADY_EXISTS", AlreadyExists),
        (400, "INVALID_PARAMETER_VALUE", InvalidValue),
        (400, "BAD_REQUEST", InvalidValue),
        (400, "INVALID_STATE", InvalidState),
        (500, "INVALID_STATE", InvalidState),
        (429, "RESOURCE_EXHAUSTED", Unreachable),
        (507, "", StoreFull),
        (503, "TEMPORARILY_UNAVAILABLE", Unreachable),
        (401, "UNAUTHENTICATED", AccessDenied),
        (403, "PERMISSION_DENIED", AccessDenied),
        (500, "INTERNAL_ERROR", ServerFault),
        (501, "NOT_IMPLEMENTED", ServerFault),
    ],
)
def test_an_error_of_the_server_is_raised_as_what_it_is(server, fault, status, code, kind):
    server.fault = lambda _: fault(status, body=body(code))
    with pytest.raises(kind, match="it is so") as caught:
        call(server.url)
    assert type(caught.value) is kind


def test_wrong_credentials_are_not_missing_ones(server, fault, monkeypatch):
    server.fault = lambda _: fault(401, body=body("UNAUTHENTICATED", "it is wrong"))
    with pytest.raises(AccessDenied, match="asks for a login: it is wrong"):
        call(server.url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    with pytest.raises(AccessDenied, match="does not accept your name, password or token: it is"):
        call(server.url)


def test_a_lasting_trouble_is_not_retried_though_its_status_is_500(server, fault):
    server.fault = lambda _: fault(500, body=body("INVALID_STATE"))
    with pytest.raises(InvalidState):
        call(server.url, "POST", "runs/log-batch")
    assert len(server.seen) == 1
    server.fault = lambda _: fault(500, body=body("INTERNAL_ERROR"))
    with pytest.raises(ServerFault):
        call(server.url, "POST", "runs/log-batch")
    assert len(server.seen) == 1 + 3


def test_a_deleted_run_of_mlflows_server_is_in_a_wrong_state(server, fault):
    said = "The run x must be in the 'active' state. Current state is deleted."
    server.fault = lambda _: fault(400, body=body("INVALID_PARAMETER_VALUE", said))
    with pytest.raises(InvalidState):
        call(server.url)


@pytest.mark.parametrize("content", [b"<html>welcome</html>", b"[]", b"\xff", b"{"])
def test_an_answer_that_is_not_of_a_tracking_server_is_said_to_be(server, fault, content):
    server.fault = lambda _: fault(200, body=content)
    with pytest.raises(ServerFault, match="not JSON"):
        call(server.url)


def test_an_unknown_path_points_to_the_uri(server):
    with pytest.raises(ServerFault, match="Check the tracking URI"):
        call(f"{server.url}/elsewhere")


def test_a_server_that_is_down_is_named_with_what_to_do(server):
    server.down()
    with pytest.raises(Unreachable) as caught:
        call(server.url)
    assert server.url in str(caught.value)
    assert "refused" in str(caught.value)
    assert caught.value.hint
    assert not caught.value.maybe_done


@pytest.mark.parametrize("status", [None, 503])
def test_an_outage_is_one_line_at_once_and_the_next_one_another(server, fault, caplog, status):
    """Each call is made with two retries; a line a retry, or a call, would be too much."""
    for _ in range(2):
        if status is None:
            server.down()
        else:
            server.fault = lambda _: fault(status=503)
        for _ in range(2):
            with pytest.raises(Unreachable):
                call(server.url)
        if status is None:
            server.up()
        server.fault = lambda _: None
        with pytest.raises(NotFound):
            call(server.url)
    lines = [record.getMessage() for record in caplog.records if record.name == "pegboard"]
    assert len(lines) == 2
    why = "Connection refused" if status is None else "status 503"
    for line in lines:
        assert line == f"The server {server.url} does not answer ({why}); trying again for 0 s."


def test_the_trace_of_an_outage_holds_no_others(server):
    server.down()
    with pytest.raises(Unreachable) as caught:
        call(server.url)
    text = "".join(traceback.format_exception(caught.value))
    assert text.count("Traceback") == 1
    assert "urllib3" not in text


def test_an_answer_that_was_lost_is_asked_for_again(server, fault):
    lost = [fault(drop=True, before=False)]
    server.fault = lambda _: lost.pop() if lost else None
    with pytest.raises(NotFound):
        call(server.url)
    assert len(server.seen) == 2


def test_what_cannot_be_done_twice_is_not_sent_twice(server, fault):
    server.fault = lambda _: fault(drop=True)
    with pytest.raises(Unreachable) as caught:
        call(server.url, "POST", "experiments/create")
    assert len(server.seen) == 1
    assert caught.value.maybe_done


def test_a_busy_server_says_when_to_come_again(server, fault):
    waits = [fault(503, {"Retry-After": "1"})]
    server.fault = lambda _: waits.pop() if waits else None
    with pytest.raises(InvalidValue):
        call(server.url, "POST", "experiments/create")
    first, second = server.seen
    assert second.at - first.at >= 0.99


# -- moved servers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_move_on_the_same_host_is_followed_with_all_that_was_sent(server, fault, status):
    move = fault(status, {"Location": "/api/2.0/mlflow/runs/delete"})
    server.fault = lambda seen: move if seen.path.endswith("log-batch") else None
    with pytest.raises(NotFound):
        call(server.url.replace("//", "//ann:secret@"), "POST", "runs/log-batch")
    first, second = server.seen
    assert (second.method, second.body) == ("POST", first.body)
    assert second.headers["authorization"] == basic("ann", "secret")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_sent_to_another_host(server, other, fault, method):
    server.fault = lambda _: fault(307, {"Location": f"{other.url}/steal"})
    with pytest.raises(StoreError, match="another host"):
        call(server.url.replace("//", "//ann:secret@"), method)
    assert other.seen == []


def test_a_server_that_moves_us_in_circles_is_given_up(server, fault):
    server.fault = lambda _: fault(302, {"Location": "/api/2.0/mlflow/runs/get"})
    with pytest.raises(ServerFault, match="circles"):
        call(server.url)


def test_files_may_be_read_elsewhere_but_without_credentials(server, other, fault, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    monkeypatch.setenv("PEGBOARD_TRACKING_HEADERS", "X-Key=secret")
    server.fault = lambda _: fault(307, {"Location": f"{other.url}/bucket/file"})
    other.fault = lambda _: fault(200, body=b"content")
    files = HttpArtifactStore(connect(server.url, QUICK), "")
    with files.read("file") as stream:
        assert stream.read() == b"content"
    assert server.seen[0].headers["authorization"] == "Bearer abc"
    assert not {"authorization", "x-key"} & set(other.seen[0].headers)


@pytest.mark.parametrize("status", [401, 403])
def test_a_place_that_refuses_a_file_is_said_to_have_got_no_credentials(
    server, other, fault, status, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    server.fault = lambda _: fault(307, {"Location": f"{other.url}/bucket/file"})
    other.fault = lambda _: fault(status)
    files = HttpArtifactStore(connect(server.url, QUICK), "")
    with pytest.raises(AccessDenied, match="not sent your credentials") as caught:
        files.read("file")
    assert other.url in caught.value.message


def test_a_server_that_was_only_found_gets_nothing_that_says_who_we_are(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    given = evolve(
        QUICK, client_certificate="/client.pem", verify=False, headers={"X-Key": "secret"}
    )
    found = connect_to_found(server.url, given).options
    assert (found.token, found.headers, found.client_certificate) == ("", {}, None)
    assert (found.verify, found.withheld) == (True, True)
    named = connect(server.url, given)
    assert connect_to_found(server.url, given) is named
    assert (named.options.client_certificate, named.options.withheld) == ("/client.pem", False)


@pytest.fixture
def other(server, tmp_path: Path):
    place = tmp_path / "other"
    place.mkdir()
    made = type(server)(place, packs=True)
    yield made
    made.down()
    made.host.close()
