"""Webhooks outlive the server: what could not be delivered is delivered after a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from served import serving

SECONDS = 60.0
API = "/api/2.0/mlflow"
CREATED = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]


class Receiver:
    """Refuses what comes for a while, and then takes it."""

    def __init__(self) -> None:
        self.open = False
        self.refused = 0
        self.taken: list[Any] = []
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if ours.open:
                    ours.taken.append(json.loads(body)["data"]["name"])
                else:
                    ours.refused += 1
                self.send_response(200 if ours.open else 503)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)
    return found


def pegboard(url: str, place: Path, *arguments: str) -> Any:
    """Return what a command on the registry of a server prints as JSON."""
    command = str(Path(sys.executable).with_name("pegboard"))
    done = subprocess.run(
        [command, "registry", "webhooks", *arguments, "--json"],
        cwd=place,
        env={**os.environ, "PEGBOARD_TRACKING_URI": url},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_a_server_could_not_deliver_is_delivered_by_the_next(
    receiver: Receiver, tmp_path: Path
) -> None:
    settings = f'webhook_allow = ["{receiver.place}"]\nwebhook_pause_seconds = 0.2\n'
    (tmp_path / "pegboard.toml").write_text(f"[plugins.registry]\n{settings}")
    hook = {"name": "ci", "url": f"http://{receiver.place}/", "events": CREATED}
    with serving(tmp_path) as url:
        requests.post(f"{url}{API}/webhooks", json=hook, timeout=30).raise_for_status()
        model = {"name": "iris"}
        create = f"{url}{API}/registered-models/create"
        requests.post(create, json=model, timeout=30).raise_for_status()
        until(lambda: receiver.refused)
    receiver.open = True
    with serving(tmp_path) as url:
        assert until(lambda: receiver.taken) == ["iris"]
        (webhook,) = pegboard(url, tmp_path, "list")
        (delivery,) = until(
            lambda: [
                each
                for each in pegboard(url, tmp_path, "deliveries", webhook["webhook_id"])
                if each["state"] == "delivered"
            ]
        )
        assert delivery["attempts"] >= 2
        assert pegboard(url, tmp_path, "test", webhook["webhook_id"])["response_status"] == 200
        other = pegboard(
            *(url, tmp_path, "create", "cd", f"http://{receiver.place}/"),
            *("--event", "model_version.created"),
        )
        assert [each["name"] for each in pegboard(url, tmp_path, "list")] == ["cd", "ci"]
        assert other["events"] == ["model_version.created"]
