"""What the page of the gateway is told, by a real server, and what it is not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import served

from . import upstream_fake as fakes
from .upstream_fake import FakeUpstream

MARKER = "sk-marker-of-the-upstream-0123456789"
BASE = "/api/pegboard/1.0/gateway"
CONFIG = """
[gateway]
budgets = [{{ usd = 600, per = "month", by = "global" }}, {{ usd = 5, per = "day" }}]

[[gateway.endpoints]]
name = "chat"
budget = {{ usd = 2, per = "day", by = "user" }}
retries = {{ attempts = 1 }}
breaker = {{ failures = 1, seconds = 300 }}

[[gateway.endpoints.targets]]
provider = "openai"
model = "first"
weight = 3
api_key = "{marker}"
base_url = "{url}"
price = {{ input = 1000, output = 2000 }}

[[gateway.endpoints.targets]]
provider = "openai"
model = "second"
fallback = 1
api_key = "{marker}"
base_url = "{url}"
price = {{ input = 1000, output = 2000 }}

[[gateway.endpoints]]
name = "vectors"
task = "llm/v1/embeddings"
provider = "openai"
model = "third"
api_key = "{marker}"
base_url = "{url}"
price = {{ input = 1 }}
"""
USD = (7 * 1000 + 6 * 2000) / 1e6
PEOPLE = {"root": "admin", "ann": "write", "bob": "read"}


def eventually(look: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Return what is seen once something holds for it; records are written a moment later."""
    end = time.monotonic() + fakes.SECONDS
    while not holds(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def users(place: Path) -> str:
    for name, level in PEOPLE.items():
        command = [str(Path(sys.executable).with_name("pegboard")), "server", "user", "add", name]
        options = ["--level", level, "--users", str(place / "users"), "--password-stdin"]
        subprocess.run([*command, *options], input="long enough\n", text=True, check=True)
    return f'[server]\nusers_file = "{place}/users"\n'


class Asking:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, user: str, **params: Any) -> Any:
        url = f"{self.url}{BASE}/{path}"
        found = requests.get(url, params=params, auth=(user, "long enough"), timeout=30)
        return found.json() if found.ok else found.status_code

    def call(self, user: str, path: str = "chat/completions", **body: Any) -> requests.Response:
        url = f"{self.url}/v1/{path}"
        return requests.post(url, json=body, auth=(user, "long enough"), timeout=30)

    def chat(self, user: str, **more: Any) -> requests.Response:
        messages = [{"role": "user", "content": "Hello"}]
        return self.call(user, model="chat", messages=messages, max_tokens=6, **more)


def test_a_span_is_summed_up_and_calls_are_listed(tmp_path: Path, upstream: FakeUpstream) -> None:
    text = CONFIG.format(marker=MARKER, url=upstream.url)
    (tmp_path / "pegboard.toml").write_text(users(tmp_path) + text)
    upstream.always(fakes.failing(500), model="first")
    (tmp_path / "pegruns").mkdir()
    with served.started(tmp_path, "server", "--store", f"sqlite:{tmp_path}/s.db") as url:
        asking = Asking(url)
        empty = asking.get("summary", "bob")
        first = asking.chat("ann")
        assert asking.chat("root").status_code == 200
        assert asking.call("ann", "embeddings", model="vectors", input="a").status_code == 200
        assert asking.chat("bob").status_code == 403
        found = eventually(
            lambda: asking.get("summary", "bob"), lambda found: found["totals"]["calls"] == 3
        )
        calls = asking.get("tail", "bob")
        of_root = asking.get("tail", "root")
        of_id = asking.get("tail", "bob", id=first.headers["x-request-id"])
        after = asking.get("tail", "bob", after=calls["after"])
        keys = [asking.get("keys", user) for user in ("bob", "ann", "root")]
        wrong = [asking.get("summary", "bob", span="1y"), asking.get("tail", "bob", limit=0)]
        nobody = requests.get(f"{url}{BASE}/summary", timeout=30).status_code
    told = json.dumps([found, calls, of_root])
    assert MARKER not in told

    assert [each["name"] for each in empty["endpoints"]] == ["chat", "vectors"]
    assert empty["totals"]["calls"] == 0 and empty["totals"]["p50"] is None
    assert (empty["ok"], empty["embedded"], empty["needs_key"]) == (True, False, False)

    chat, vectors = found["endpoints"]
    assert (chat["calls"], chat["fell_back"], chat["failed"]) == (2, 2, 0)
    assert chat["chats"] and not vectors["chats"]
    assert sum(chat["counts"]) == 2 and len(chat["counts"]) == 96
    assert 0 < chat["p50"] <= chat["p95"]
    assert chat["usd"] == 2 * USD
    assert found["totals"]["instead"] == "second"
    shown = [(t["model"], t["weight"], t["fallback"], t["state"]) for t in chat["targets"]]
    tried = [(t["attempts"], t["attempts_failed"]) for t in chat["targets"]]
    assert tried == [(1, 1), (2, 0)]
    assert found["found_by"]["workers"] == 1
    assert shown == [("first", 3.0, 0, "open"), ("second", 1.0, 1, "closed")]
    assert 0 < chat["targets"][0]["seconds"] <= 300
    assert chat["targets"][0]["reason"] == "upstream_error"

    budgets = {(b["by"], b["usd"]): b for b in chat["budgets"]}
    assert set(budgets) == {("user", 2.0), ("endpoint", 5.0)}
    # Of what each user may spend it is the fullest that is told, not whose it is.
    assert budgets["user", 2.0]["used_usd"] == USD
    assert budgets["endpoint", 5.0]["used_usd"] == 2 * USD
    assert "ann" not in json.dumps(found)
    assert found["spend"]["budget"]["usd"] == 600
    assert found["spend"]["window"] == "month"
    assert sum(found["spend"]["usd"]) >= 2 * USD

    assert [each["endpoint"] for each in calls["calls"]] == ["vectors", "chat", "chat"]
    last = calls["calls"][-1]
    assert (last["outcome"], last["model"], last["fell_back"]) == ("done", "second", True)
    assert [(a["model"], a["trouble"]) for a in last["attempts"]] == [
        ("first", "upstream_error"),
        ("second", ""),
    ]
    assert (last["tokens_in"], last["tokens_out"], last["usd"]) == (7, 6, USD)
    assert of_id["calls"] == [last]
    assert after == {"calls": [], "after": calls["after"]}
    assert "user" not in last and [c["user"] for c in of_root["calls"]] == ["ann", "root", "ann"]
    assert keys == [403, 403, {"keys": []}]
    assert wrong == [400, 400]
    assert nobody == 401


def test_what_is_wrong_is_told_to_administrators(tmp_path: Path, upstream: FakeUpstream) -> None:
    text = CONFIG.format(marker=MARKER, url=upstream.url)
    (tmp_path / "pegboard.toml").write_text(users(tmp_path) + text)
    (tmp_path / "pegruns").mkdir()
    with served.started(tmp_path, "server", "--store", f"sqlite:{tmp_path}/s.db") as url:
        asking = Asking(url)
        broken = text.replace('model = "third"', 'model = "third"\nprovider = "nobody"')
        (tmp_path / "pegboard.toml").write_text(users(tmp_path) + broken)
        found = eventually(lambda: asking.get("summary", "root"), lambda found: not found["ok"])
        read = asking.get("summary", "bob")
    assert found["faults"]
    assert (read["ok"], read["faults"]) == (False, [])
    assert len(read["endpoints"]) == 2
