"""A server to attack, and requests that are sent as they are written."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from attrs import frozen

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts"
PROXY = f"{FILES}/artifacts"
SECRET = "the secret beside the store"
SECONDS = 60
"""No step of a test takes longer than this."""
HOST = b"Host: localhost\r\n"


@frozen
class Reply:
    """An answer; the names of its headers are in small letters."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.text)
        return answer


@frozen
class Target:
    """A server, and its directory, which lies beside a secret."""

    url: str
    place: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None and parts.port is not None
        return parts.hostname, parts.port

    def __call__(
        self,
        method: str,
        target: str,
        fields: Any = None,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send a request; a client that tidies paths up would hide the attack."""
        sent = dict(headers or {})
        if fields is not None:
            body = json.dumps(fields).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = HTTPConnection(*self.address, timeout=SECONDS)
        try:
            connection.request(method, target, body, sent)
            return _reply(connection.getresponse())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, SECONDS)

    def raw(self, data: bytes) -> Reply:
        """Send bytes and return the first answer to them."""
        with self.connect() as connection:
            connection.sendall(data)
            response = HTTPResponse(connection)
            response.begin()
            return _reply(response)

    def all(self, data: bytes) -> bytes:
        """Send bytes and return whatever comes until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(data)
            return rest(connection)

    def is_well(self) -> bool:
        return self("GET", "/health").text == "OK"

    def experiment(self, name: str, **fields: Any) -> Reply:
        return self("POST", f"{API}/experiments/create", {"name": name, **fields})

    def run(self, experiment_id: str = "0") -> str:
        fields = {"experiment_id": experiment_id, "start_time": 1}
        answer = self("POST", f"{API}/runs/create", fields)
        return str(answer.json["run"]["info"]["run_id"])

    def files_of(self, name: str, location: str) -> list[Reply]:
        """Ask in every way for the file ``secret`` of a run that is said to lie at a location."""
        made = self.experiment(name, artifact_location=location)
        if made.status != 200:
            return [made]
        run_id = self.run(made.json["experiment_id"])
        ask = f"run_id={run_id}&path=secret"
        upload = f"{API}/upload-artifact?run_id={run_id}&path=planted"
        return [
            self("GET", f"/get-artifact?{ask}"),
            self("GET", f"{API}/artifacts/list?{ask}"),
            self("POST", upload, body=b"planted"),
        ]

    def found(self, filter_string: str, **fields: Any) -> Reply:
        """Search the runs of the default experiment."""
        asked = {"experiment_ids": ["0"], "filter": filter_string, **fields}
        return self("POST", f"{API}/runs/search", asked)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The whole lines of the server's log so far."""
        lines = (self.place / "log").read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes the connection, or breaks it off."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def _reply(response: HTTPResponse) -> Reply:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read().decode("utf-8", "replace"))


def refused(*replies: Reply) -> None:
    """The answers tell of a mistake of the client's, in MLflow's form, and of nothing else."""
    for reply in replies:
        assert 400 <= reply.status < 500, reply
        assert set(reply.json) - {"pegboard"} == {"error_code", "message"}, reply
        for secret in (SECRET, "Traceback", ".py", "sqlite3"):
            assert secret not in reply.text


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(name: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def pegboard(*words: str, stdin: str = "", place: Path | None = None) -> str:
    """Return what a command prints."""
    command = Path(sys.executable).with_name("pegboard")
    done = subprocess.run(
        [str(command), *words],
        cwd=place,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def token_of(users: Path, name: str, level: str) -> str:
    """Add a user, and return the token that the command prints once."""
    words = ("server", "user", "add", name, "--level", level, "--token", "--users", str(users))
    return pegboard(*words).split()[-1]


def quoted(text: str) -> str:
    return quote(text, safe="")
