"""A gateway that is served alone calls the webhooks of its store when a budget is spent."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import requests
from gateway import UPSTREAM_KEY, fake
from pegboard_registry.webhooks.sending import signature
from served import started

SECRET = "a secret of the receiver"
CONFIG = """
[plugins.registry]
webhook_allow = ["127.0.0.1:PORT"]
webhook_pause_seconds = 0.1

[[gateway.endpoints]]
name = "chat"
provider = "openai"
model = "small"
base_url = "UPSTREAM"
api_key = "KEY"
price = { input = 1_000_000, output = 1_000_000 }
budget = { usd = 5, per = "month", action = "alert" }
"""


class _Hook(BaseHTTPRequestHandler):
    """Fails the first time, and keeps what it is sent."""

    received: Queue[Any] = Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_first = self.received.empty() and not hasattr(type(self), "was_asked")
        type(self).was_asked = True  # type: ignore[attr-defined]
        if not is_first:
            self.received.put((dict(self.headers), body))
        self.send_response(503 if is_first else 200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def pegboard(place: Path, *words: str) -> None:
    program = Path(sys.executable).with_name("pegboard")
    environment = {"PEGBOARD_WEBHOOK_SECRET": SECRET, "PATH": "/usr/bin:/bin", "HOME": str(place)}
    command = [str(program), "registry", "webhooks", "create", *words]
    subprocess.run(command, cwd=place, env=environment, check=True, capture_output=True)


def test_webhooks_are_called_without_a_tracking_server(tmp_path: Path) -> None:
    event = ("--event", "budget_policy.exceeded")
    with fake.FakeUpstream() as upstream, ThreadingHTTPServer(("127.0.0.1", 0), _Hook) as receiver:
        threading.Thread(target=receiver.serve_forever, args=(0.01,), daemon=True).start()
        config = CONFIG.replace("PORT", str(receiver.server_port))
        config = config.replace("UPSTREAM", upstream.url).replace("KEY", UPSTREAM_KEY)
        (tmp_path / "pegboard.toml").write_text(config)
        with started(tmp_path, "gateway", "start") as url:
            assert requests.get(f"{url}/v1/models", timeout=30).status_code == 200
        assert not (tmp_path / "pegruns" / "pegboard.db").exists(), "it makes no store"
        there = f"http://127.0.0.1:{receiver.server_port}/"
        pegboard(tmp_path, "money", there, *event, "--signed")
        with started(tmp_path, "gateway", "start") as url:
            body = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]}
            for _ in range(2):
                asked = requests.post(f"{url}/v1/chat/completions", json=body, timeout=30)
                assert asked.status_code == 200, asked.text
            headers, text = _Hook.received.get(timeout=60)
        told = json.loads(text)
        assert (told["entity"], told["action"]) == ("budget_policy", "exceeded")
        assert told["data"]["budget_amount"] == 5.0 and told["data"]["current_spend"] >= 13
        given = {name.lower(): value for name, value in headers.items()}
        delivery, timestamp = given["x-mlflow-delivery-id"], given["x-mlflow-timestamp"]
        assert given["x-mlflow-signature"] == signature(SECRET, delivery, timestamp, text)
        assert _Hook.received.empty(), "it is told once in a window"
        receiver.shutdown()
