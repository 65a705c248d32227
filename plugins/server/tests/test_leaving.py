"""Coroutines that are given up with their client, and errors in an endpoint's own form."""

from __future__ import annotations

from collections import deque
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pegboard_server.exchange import Fixed, Whole
from pegboard_server.protocol import Protocol

from .conftest import SECONDS, Server
from .test_dispatch import wait_for


def ask(server: Server, note: Path, more: str = "") -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    connection.request("GET", f"/api/probe/leave?note={note}{more}")
    return connection


def test_a_call_is_given_up_when_its_client_goes(server: Server, tmp_path: Path) -> None:
    connection = ask(server, tmp_path / "note")
    wait_for(tmp_path / "note.begun")
    connection.close()
    wait_for(tmp_path / "note.ended")
    assert server("GET", "/health").status == 200


def test_a_stream_is_given_up_while_nothing_comes(server: Server, tmp_path: Path) -> None:
    connection = ask(server, tmp_path / "note", "&streams=1")
    response = connection.getresponse()
    assert response.read(5) == b"begun"
    assert not (tmp_path / "note").exists()
    response.close()
    connection.close()
    wait_for(tmp_path / "note.ended")
    wait_for(tmp_path / "note")


def test_such_streams_leave_room_for_others(server: Server, tmp_path: Path) -> None:
    opened = [ask(server, tmp_path / str(number), "&streams=1") for number in range(6)]
    for connection in opened:
        assert connection.getresponse().read(5) == b"begun"
    # Four streams may be open at a time.
    assert server("GET", "/api/probe/stream?count=1").status == 200
    for connection in opened:
        connection.close()


def test_an_endpoint_may_tell_errors_in_its_own_form(server: Server) -> None:
    found = server("GET", "/api/probe/told?kind=missing")
    assert found.status == 404
    assert found.json["wrong"][:2] == [404, "RESOURCE_DOES_NOT_EXIST"]
    assert found.json["wrong"][2].startswith("It is not there.")
    assert server("POST", "/api/probe/told", {}).json["wrong"][0] == 403
    body = b"{"
    found = server("POST", "/api/probe/told", body=body)
    assert found.json["wrong"][:2] == [403, "PERMISSION_DENIED"]


class Closed:
    """A transport as uvloop has it between the end of a connection and the word of that."""

    def is_closing(self) -> bool:
        return True

    def write(self, data: bytes) -> None:
        raise RuntimeError("the handler is closed")


def test_an_answer_to_a_connection_that_closes_is_dropped() -> None:
    connection: Any = object.__new__(Protocol)
    connection.transport = Closed()
    connection.cycle = SimpleNamespace(disconnected=False, response_started=False)
    # Whether or not there is more to do: neither we nor uvicorn may write.
    for more in ([], [None]):
        connection.pipeline = deque(more)
        connection.flow = SimpleNamespace(write_paused=bool(more))
        assert connection._write(Whole(200, Fixed(), [], b"{}"))
