"""Errors of the server itself have the form of the route, whatever is wrong and whoever notices."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
import requests
from pegboard_wire import lazy

from .plain_provider import endpoint
from .running import Running, running
from .upstream_fake import SECONDS, FakeUpstream

OPENAI = {"error": {"message", "type", "param", "code"}}
ANTHROPIC = {"type": None, "error": {"type", "message"}}
GEMINI = {"error": {"code", "message", "status"}}
MLFLOW = {"detail": None}
PROXY = {"error_code": None, "message": None}
FORMS = {
    "/v1/chat/completions": OPENAI,
    "/v1/completions": OPENAI,
    "/v1/embeddings": OPENAI,
    "/v1/responses": OPENAI,
    "/anthropic/v1/messages": ANTHROPIC,
    "/gemini/v1/models/chat:generateContent": GEMINI,
    "/gemini/v1beta/models/chat:generateContent": GEMINI,
    "/gemini/v1beta/models/chat:streamGenerateContent?alt=sse": GEMINI,
    "/endpoints/chat/invocations": MLFLOW,
    "/gateway/chat/invocations": MLFLOW,
    "/gateway/chat/mlflow/invocations": MLFLOW,
    "/gateway/mlflow/v1/chat/completions": OPENAI,
    "/gateway/openai/v1/chat/completions": OPENAI,
    "/gateway/anthropic/v1/messages": ANTHROPIC,
    "/gateway/gemini/v1beta/models/chat:generateContent": GEMINI,
    "/gateway/proxy/chat/moderations": OPENAI,
    "/ajax-api/2.0/mlflow/gateway-proxy": PROXY,
}


def form(told: Any) -> Any:
    return {k: set(v) if isinstance(v, dict) else None for k, v in told.items()}


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Running]:
    # Each begins with nothing imported, as a server does.
    lazy.endpoints_in.cache_clear()
    with running(tmp_path, endpoint("chat", upstream.url)) as started:
        yield started


def too_long(gateway: Running, path: str) -> tuple[int, Any]:
    """Announce a body that is too long; return the status and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.putrequest("POST", path)
        connection.putheader("content-type", "application/json")
        connection.putheader("content-length", str(70 << 20))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.load(answer)


def test_what_is_refused_before_anybody_reads_it(gateway: Running) -> None:
    found: list[tuple[str, int, Any]] = []
    for path in FORMS:
        for headers in ({"Origin": "https://evil.example.org"}, {"Host": "evil.example.org"}):
            answer = requests.post(gateway.url + path, json={}, headers=headers, timeout=SECONDS)
            found.append((path, answer.status_code, answer.json()))
        answer = requests.delete(gateway.url + path, timeout=SECONDS)
        found.append((path, answer.status_code, answer.json()))
        found.append((path, *too_long(gateway, path)))
    for path, status, told in found:
        assert status in (403, 405, 413)
        if FORMS[path] is PROXY:
            assert told.keys() >= PROXY.keys()
        else:
            assert form(told) == FORMS[path], (path, status)
        if FORMS[path] is OPENAI and status != 403:
            assert told["error"]["type"] == "invalid_request_error"
    assert [status for _, status, _ in found].count(413) == len(FORMS)


NOWHERE = {
    "/v1/chat/completion": OPENAI,
    "/v1": OPENAI,
    "/gateway/openai/v1/files": OPENAI,
    "/anthropic/v1/models": ANTHROPIC,
    "/gateway/anthropic/messages": ANTHROPIC,
    "/gemini/v1beta/models/chat:embedContent": GEMINI,
    "/gateway/gemini/x": GEMINI,
    "/v10/chat": PROXY,
    "/elsewhere": PROXY,
}
TYPES = {"invalid_request_error", "not_found_error"}


def raw(gateway: Running, head: bytes) -> tuple[int, Any]:
    """Send the head of a request that goes beyond a limit; return the status and the answer."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=SECONDS) as connection:
        connection.sendall(head)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read())


def test_what_is_not_there_or_cannot_be_read(gateway: Running) -> None:
    many = b"x: y\r\n" * 101
    for path, expected in NOWHERE.items():
        place = path.encode()
        found = [
            raw(gateway, b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" % place),
            raw(gateway, b"POST %b?%b HTTP/1.1\r\nhost: x\r\n\r\n" % (place, b"x" * (70 << 10))),
            raw(gateway, b"POST %b HTTP/1.1\r\n%b\r\n" % (place, many)),
            raw(gateway, b"POST %b HTTP/1.1\r\nbad\r\n\r\n" % place),
        ]
        assert [status for status, _ in found] == [404, 414, 431, 400], path
        for status, told in found:
            assert form(told) == expected, (path, status)
            if expected in (OPENAI, ANTHROPIC):
                assert told["error"]["type"] in TYPES
            if expected is GEMINI:
                wanted = "NOT_FOUND" if status == 404 else "INVALID_ARGUMENT"
                assert told["error"]["status"] == wanted
    with pytest.raises(anthropic.NotFoundError, match="There is no such path"):
        gateway.anthropic().models.list()


def test_a_face_that_cannot_be_imported_fails_alone_and_in_its_form(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "pegboard_gateway.faces.anthropic"
    monkeypatch.setitem(sys.modules, name, None)
    answer = requests.post(f"{gateway.url}/anthropic/v1/messages", json={}, timeout=SECONDS)
    assert answer.status_code == 500
    assert form(answer.json()) == ANTHROPIC
    said = answer.json()["error"]
    assert said["type"] == "api_error" and "The server's log says more" in said["message"]
    assert name not in answer.text
    assert gateway.openai().models.list().data[0].id == "chat"
