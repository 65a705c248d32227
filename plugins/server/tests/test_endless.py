"""Answers that go on for as long as their client listens."""

from __future__ import annotations

import contextlib
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from .conftest import SECONDS, Server, Start
from .test_dispatch import wait_for


def listen(server: Server, note: Path) -> tuple[HTTPConnection, HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    connection.request("GET", f"/api/probe/endless?note={note}")
    return connection, connection.getresponse()


def test_they_end_with_their_client(server: Server, tmp_path: Path) -> None:
    connection, response = listen(server, tmp_path / "note")
    assert response.read(5) == b"begun"
    assert not (tmp_path / "note").exists()
    connection.close()
    response.close()
    wait_for(tmp_path / "note")
    wait_for(tmp_path / "note.ended")


def test_they_end_with_the_server(start: Start, tmp_path: Path) -> None:
    server = start()
    connection, response = listen(server, tmp_path / "note")
    with contextlib.closing(connection):
        assert response.read(5) == b"begun"
        assert server.stop() == 0
        assert response.read() == b""
    assert "late" not in server.errors
    assert (tmp_path / "note.ended").exists()


def test_they_leave_room_for_streams(server: Server, tmp_path: Path) -> None:
    open_ones = [listen(server, tmp_path / str(i)) for i in range(6)]
    for _, response in open_ones:
        assert response.read(5) == b"begun"
    # Four streams may be open at a time.
    assert server("GET", "/api/probe/stream?count=1").status == 200
    for connection, response in open_ones:
        connection.close()
        response.close()


def test_of_one_that_is_only_asked_about_nothing_is_left(server: Server, tmp_path: Path) -> None:
    reply = server("HEAD", f"/api/probe/endless?note={tmp_path / 'note'}")
    assert (reply.status, reply.body) == (200, b"")
    wait_for(tmp_path / "note")
