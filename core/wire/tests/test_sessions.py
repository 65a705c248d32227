"""The HTTP session: real requests to a server of this machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from pegboard_wire.client import sessions


class Server(ThreadingHTTPServer):
    """Answers with the statuses it was told, one after the other, then with 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.retry_after = ""
        self.location = ""
        self.delay = 0.0
        self.seen: list[tuple[str, float, dict[str, str]]] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        self.server.seen.append((self.command, time.monotonic(), dict(self.headers)))
        if length := int(self.headers.get("Content-Length") or 0):
            self.server.bodies.append(self.rfile.read(length))
        time.sleep(self.server.delay)
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        if self.server.retry_after and status != 200:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("status", sessions.RETRIED)
def test_a_passing_trouble_is_tried_again(server: Server, status: int) -> None:
    server.statuses = [status, status]
    assert sessions.session(backoff=0.01).get(server.url).status_code == 200
    assert len(server.seen) == 3


def test_the_last_answer_is_returned_when_trying_is_no_use(server: Server) -> None:
    server.statuses = [503] * 9
    assert sessions.session(backoff=0.001, retries=2).get(server.url).status_code == 503
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 404, 409, 501])
def test_other_errors_are_final(server: Server, status: int) -> None:
    server.statuses = [status]
    assert sessions.session(backoff=0.01).get(server.url).status_code == status
    assert len(server.seen) == 1


def test_what_must_not_happen_twice_is_sent_once(server: Server) -> None:
    server.statuses = [503]
    assert sessions.session(backoff=0.01).post(server.url).status_code == 503
    server.statuses = [503]
    assert sessions.session(backoff=0.01).put(server.url).status_code == 200
    assert [method for method, _, _ in server.seen] == ["POST", "PUT", "PUT"]


def test_the_server_says_how_long_to_wait(server: Server) -> None:
    server.statuses, server.retry_after = [429], "1"
    assert sessions.session(backoff=0).get(server.url).status_code == 200
    (_, first, _), (_, second, _) = server.seen
    assert second - first >= 0.99


def test_a_silent_server_is_given_up_on(server: Server) -> None:
    server.delay = 30
    with pytest.raises(requests.exceptions.Timeout):
        sessions.session(timeout=0.1, retries=1, backoff=0.01).get(server.url)
    assert len(server.seen) == 2


def test_what_may_happen_twice_is_sent_again_whatever_its_method(server: Server) -> None:
    server.statuses = [503, 500]
    session = sessions.session(backoff=0.01, repeatable=lambda request: request.url == server.url)
    assert session.post(server.url, data=b"x").status_code == 200
    server.statuses = [503]
    assert session.post(f"{server.url}once").status_code == 503
    assert len(server.seen) == 4


def test_a_server_that_says_when_to_come_again_has_done_nothing_yet(server: Server) -> None:
    server.statuses, server.retry_after = [503], "0"
    assert sessions.session(backoff=0.01).post(server.url).status_code == 200
    assert len(server.seen) == 2


def test_what_never_got_there_is_sent_again(server: Server) -> None:
    server.shutdown()
    server.server_close()
    started = time.monotonic()
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        sessions.session(backoff=0.1, retries=2).post(server.url)
    assert sessions.was_not_sent(caught.value)
    assert time.monotonic() - started >= 0.29


def test_an_answer_may_be_final_whatever_its_status(server: Server) -> None:
    server.statuses = [500, 503]
    session = sessions.session(backoff=0.01, passing=lambda answer: answer.status_code == 503)
    assert session.get(server.url).status_code == 500
    assert session.get(server.url).status_code == 200
    assert len(server.seen) == 3


def test_a_file_is_sent_from_its_start_again(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789" * 1000)
    server.statuses = [503]
    with file.open("rb") as stream:
        stream.seek(5)
        assert sessions.session(backoff=0.01).put(server.url, data=stream).status_code == 200
    assert server.bodies == [file.read_bytes()[5:]] * 2


def test_a_stream_that_cannot_go_back_is_sent_once(server: Server) -> None:
    server.statuses = [503]
    assert sessions.session(backoff=0.01).put(server.url, data=iter([b"x"])).status_code == 503
    assert len(server.seen) == 1


def test_a_time_out_of_one_request_goes_before_the_sessions(server: Server) -> None:
    server.delay = 0.3
    session = sessions.session(timeout=0.05, retries=0)
    assert session.get(server.url, timeout=20).status_code == 200


def test_headers_are_sent_with_each_request(server: Server) -> None:
    session = sessions.session(headers={"Authorization": "Bearer x"})
    session.get(server.url)
    assert server.seen[0][2]["Authorization"] == "Bearer x"


def test_certificates_are_checked_unless_told_otherwise() -> None:
    assert sessions.session().verify is True
    assert sessions.session(verify=False).verify is False


def test_the_wait_before_the_first_new_try_is_told_with_its_reason(server: Server) -> None:
    told: list[tuple[object, float]] = []
    made = sessions.session(
        retries=3, backoff=0.01, waiting=lambda trouble, seconds: told.append((trouble, seconds))
    )
    server.statuses = [503, 502, 500]
    assert made.get(server.url).status_code == 200
    [(trouble, seconds)] = told
    assert isinstance(trouble, requests.Response)
    assert trouble.status_code == 503
    # 1, 2 and 4 hundredths, and up to half of one at random.
    assert 0.07 <= seconds <= 0.075
    assert made.get(server.url).status_code == 200
    assert len(told) == 1


@pytest.fixture
def other() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_nothing_that_was_given_for_one_server_goes_to_another_it_redirects_to(
    server: Server, other: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session = sessions.session(backoff=0.01, headers={"X-Key": "secret"})
    session.auth = ("me", "secret")
    session.cookies.set("session", "secret", domain="127.0.0.1")
    server.statuses, server.location = [302], f"{other.url}a"
    other.statuses, other.location = [302, 302], f"{other.url}b"
    assert session.get(server.url).status_code == 200
    [(_, _, sent)] = server.seen
    assert {"Authorization", "X-Key", "Cookie"} <= set(sent)
    assert len(other.seen) == 3
    for _, _, headers in other.seen:
        assert "secret" not in str(headers)
        assert not {"Authorization", "X-Key", "Cookie"} & set(headers)


def test_what_was_given_for_a_server_stays_with_it_on_the_way(server: Server) -> None:
    session = sessions.session(backoff=0.01, headers={"X-Key": "secret"})
    server.statuses, server.location = [302], f"{server.url}a"
    session.get(server.url)
    assert [headers.get("X-Key") for _, _, headers in server.seen] == ["secret"] * 2


def test_nothing_is_taken_from_netrc(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sessions.session(backoff=0.01).get(server.url)
    [(_, _, headers)] = server.seen
    assert "Authorization" not in headers


def test_a_proxy_is_used_from_when_the_environment_names_one(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    session = sessions.session(retries=0)
    with pytest.raises(requests.ConnectionError):
        session.get("http://nowhere.invalid/")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert session.get("http://nowhere.invalid/").status_code == 200
    assert server.seen[0][2]["Host"] == "nowhere.invalid"
    monkeypatch.setenv("NO_PROXY", "nowhere.invalid")
    with pytest.raises(requests.ConnectionError):
        session.get("http://nowhere.invalid/")
