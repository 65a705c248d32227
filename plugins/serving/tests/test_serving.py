"""The life of a scoring server: options, trust, workers, and how it stops."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import ECHO_ROW, SECONDS, Server, run

Start = Callable[..., Server]
BODY = {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [2, 2, -1]]}}
ECHO = {"dataframe_records": [ECHO_ROW]}


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_model_that_is_pickled_is_not_loaded_without_trust(models: Path, tmp_path: Path) -> None:
    done = run("serve", "-m", str(models / "echo"), "--port", "0", place=tmp_path)
    assert done.returncode == 1
    assert "--trust pickle" in done.stderr
    assert "Traceback" not in done.stderr and not done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "--insecure"),
        (("--env-manager", "conda"), "uv"),
        (("--timeout", "0"), "timeout"),
        (("-m", "nowhere/at/all"), "nowhere/at"),
        (("-m", "."), "MLmodel"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(
    models: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = run("serve", "-m", str(models / "table"), "--port", "0", *options, place=tmp_path)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr and not done.stdout


def test_beyond_this_machine_it_asks_who_comes(models: Path, start: Start, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("")
    users.chmod(0o600)
    # In MLflow's words.
    options = ("-h", "0.0.0.0", "-t", "30", "-w", "1", "--no-conda")
    server = start(models / "table", *options, "--users", str(users))
    assert server.invoke(BODY).status == 401
    assert server("GET", "/ping").status == 200


def test_several_workers_answer_and_one_that_dies_is_replaced(models: Path, start: Start) -> None:
    server = start(models / "table", "--workers", "2")
    assert server.invoke(BODY).predictions == [0, 1]
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    first = set(children.read_text().split())
    assert len(first) == 2
    os.kill(int(min(first)), signal.SIGKILL)
    wait_for(lambda: len(set(children.read_text().split()) - first) == 1)
    for _ in range(20):
        assert server.invoke(BODY).predictions == [0, 1]
    assert server.stop() == 0


def test_a_prediction_in_flight_is_answered_before_the_end(
    models: Path, start: Start, tmp_path: Path
) -> None:
    server = start(models / "echo", "--trust", "pickle")
    replies: list[Any] = []
    slow = {**ECHO, "params": {"until": str(tmp_path / "go")}}
    asking = threading.Thread(target=lambda: replies.append(server.invoke(slow)))
    asking.start()
    wait_for(lambda: b"requests_in_flight 2.0" in server("GET", "/metrics").body)
    server.process.terminate()
    wait_for(lambda: not is_listening(server))
    assert server.process.poll() is None
    (tmp_path / "go").touch()
    asking.join(SECONDS)
    assert replies[0].status == 200
    assert server.stop() == 0


def test_a_model_that_is_stuck_does_not_keep_the_server(
    models: Path, start: Start, tmp_path: Path
) -> None:
    config = "[plugins.server]\nstop_timeout_seconds = 1.0\n"
    server = start(models / "echo", "--trust", "pickle", config=config)

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            server.invoke({**ECHO, "params": {"until": str(tmp_path / "never")}})

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: b"requests_in_flight 2.0" in server("GET", "/metrics").body)
    assert server.stop() == 0
    asking.join(SECONDS)
    assert "1 s after the server was asked to stop" in server.log


def is_listening(server: Server) -> bool:
    try:
        return server("GET", "/ping").status == 200
    except OSError:
        return False


def test_slow_predictions_are_a_504_and_errors_of_the_model_are_in_the_log(
    models: Path, start: Start, tmp_path: Path
) -> None:
    server = start(models / "echo", "--trust", "pickle", "--timeout", "0.5")
    reply = server.invoke({**ECHO, "params": {"until": str(tmp_path / "go")}})
    assert "0.5 s" in reply.error
    assert reply.status == 504
    (tmp_path / "go").touch()
    failing = {**ECHO, "params": {"fail": "error"}}
    wait_for(lambda: server.invoke(failing).status == 400)
    assert server.stop() == 0
    assert "/secret/path" in server.log and "Traceback" in server.log
    assert '"path":"/invocations"' in server.log
