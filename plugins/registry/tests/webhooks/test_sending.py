from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
import time

import pytest
import trustme
from pegboard_registry.webhooks.guard import Guard
from pegboard_registry.webhooks.sending import MAX_ANSWER, Sender, signature


@pytest.fixture
def sender() -> Sender:
    return Sender(Guard(["127.0.0.1", "localhost"]), 30.0)


def test_a_call_is_signed_as_mlflow_signs_it(sender, receiver) -> None:
    assert sender.send(receiver.url("/hook?a=b"), "geheim", "delivery-1", '{"a": "ü"}').success
    (request,) = receiver.received
    assert request.path == "/hook?a=b"
    assert request.json == {"a": "ü"}
    timestamp = request.headers["X-MLflow-Timestamp"]
    assert abs(int(timestamp) - time.time()) < 120
    assert request.headers["X-MLflow-Delivery-Id"] == "delivery-1"
    signed = f"delivery-1.{timestamp}.".encode() + request.body
    digest = hmac.new(b"geheim", signed, hashlib.sha256).digest()
    assert request.headers["X-MLflow-Signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert request.headers["Content-Type"] == "application/json"


def test_a_signature_does_not_change() -> None:
    assert signature("s", "id", "1700000000", "{}") == (
        "v1,1h8grNN1ZzkstguJpaWXysIg7NGlkPOOV8aNd4M1LCw="
    )


def test_without_a_secret_nothing_is_signed(sender, receiver) -> None:
    assert sender.send(receiver.url(), None, "id", "{}").success
    assert "X-MLflow-Signature" not in receiver.received[0].headers


def test_a_redirect_is_not_followed(sender, receiver) -> None:
    receiver.answers = [(302, {"Location": receiver.url("/elsewhere")}, b"")]
    outcome = sender.send(receiver.url(), None, "id", "{}")
    assert (outcome.success, outcome.passing, outcome.status) == (False, False, 302)
    assert len(receiver.received) == 1


def test_no_proxy_of_the_environment_is_used(sender, receiver, monkeypatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert sender.send(receiver.url(), None, "id", "{}").success


@pytest.mark.parametrize(
    ("status", "passing"), [(400, False), (404, False), (408, True), (429, True), (503, True)]
)
def test_only_some_statuses_are_worth_another_try(sender, receiver, status, passing) -> None:
    receiver.answers = [(status, {}, b"no")]
    outcome = sender.send(receiver.url(), None, "id", "{}")
    assert (outcome.success, outcome.passing, outcome.body) == (False, passing, "no")


def test_the_receiver_can_ask_to_wait_but_not_for_ever(sender, receiver) -> None:
    receiver.answers = [(429, {"Retry-After": text}, b"") for text in ("7", "99999999", "soon")]
    waits = [sender.send(receiver.url(), None, "id", "{}").wait for _ in range(3)]
    assert waits == [7.0, 3600.0, 0.0]


def test_of_a_long_answer_only_the_beginning_is_read(sender, receiver) -> None:
    receiver.answers = [(200, {}, b"x" * 1_000_000)]
    outcome = sender.send(receiver.url(), None, "id", "{}")
    assert outcome.success
    assert len(outcome.body or "") == MAX_ANSWER


def test_an_answer_that_comes_byte_by_byte_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        sender = Sender(Guard(["127.0.0.1"]), 1.0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        outcome = sender.send(url, None, "id", "{}")
        stop.set()
        thread.join(60)
    assert outcome.passing
    assert "longer than 1 s" in (outcome.error or "")


def test_nobody_who_listens_is_worth_another_try(sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = sender.send(f"http://127.0.0.1:{port}/", None, "id", "{}")
    assert outcome.passing
    assert "Connection" in (outcome.error or "")


def test_a_certificate_is_checked_against_the_name_of_the_url(monkeypatch, tmp_path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    sender = Sender(Guard(["localhost", "127.0.0.1"]), 30.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                plain, _ = listener.accept()
                try:
                    with context.wrap_socket(plain, server_side=True) as secure:
                        asked = b""
                        while not asked.endswith(b"{}"):
                            asked += secure.recv(65536)
                        secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        # The name may lead to ::1 as well.
        monkeypatch.setattr(Guard, "addresses", lambda guard, target: ["127.0.0.1"])
        good = sender.send(f"https://localhost:{port}/", None, "id", "{}")
        bad = sender.send(f"https://127.0.0.1:{port}/", None, "id", "{}")
        thread.join(60)
    assert good.success, good.error
    assert not bad.success
    assert not bad.passing
    assert "certificate" in (bad.error or "")
