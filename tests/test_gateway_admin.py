"""The gateway's own admin API, and changes of its files, on a server with two workers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest
import requests
from gateway import UPSTREAM_KEY, Served, serving
from target import token_of

SECRET = "sk-marker-of-an-administrator-0123456789"
TOML = """
[gateway]
upstream_allow = ["127.0.0.1"]

[plugins.registry]
webhook_allow = ["127.0.0.1"]

[[gateway.endpoints]]
name = "NAME"
provider = "openai"
model = "small"
api_key = "KEY"
base_url = "UPSTREAM"
"""
BASE = "/api/pegboard/1.0/gateway"
SECONDS = 30.0


@pytest.fixture(scope="module")
def tokens() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tokens: dict[str, str]) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("gateway")
    tokens["admin"] = token_of(place / "users", "root", "admin")
    tokens["delete"] = token_of(place / "users", "other", "delete")
    with serving(
        place, "--users", "users", "--workers", "2", pegboard_toml=TOML.replace("NAME", "file")
    ) as running:
        yield running


Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(served: Served, tokens: Mapping[str, str]) -> Ask:
    """Return what asks the server as an administrator, or as ``level``."""

    def call(method: str, path: str, body: Any = None, level: str = "admin") -> requests.Response:
        headers = {"authorization": f"Bearer {tokens[level]}"}
        return requests.request(method, served.url + path, json=body, headers=headers, timeout=30)

    return call


def table(served: Served, called: str, **more: Any) -> Mapping[str, Any]:
    own = {"name": called, "provider": "openai", "model": "small", "api_key": SECRET}
    return {"endpoint": {**own, "base_url": served.upstream.url, **more}}


def answers(ask: Ask, name: str) -> bool:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    return ask("POST", f"/gateway/{name}/invocations", body, "delete").status_code == 200


def wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def always(holds: Callable[[], bool], times: int = 20) -> bool:
    """Whether something holds whichever of the workers answers; each call connects anew."""
    return all(holds() for _ in range(times))


def test_an_endpoint_is_made_used_limited_and_removed(ask: Ask, served: Served) -> None:
    limit = {"calls": 1000, "per": "minute"}
    made = ask("POST", f"{BASE}/endpoints", table(served, "made", limit=limit, tags={"a": "b"}))
    assert made.status_code == 200, made.text
    shown = made.json()["endpoint"]
    assert (shown["name"], shown["source"], shown["tags"]) == ("made", "database", {"a": "b"})
    assert shown["limits"][0]["calls"] == 1000
    wait(lambda: always(lambda: answers(ask, "made")))
    assert served.upstream.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    new = {"route": "made", "limits": [{"calls": 2000, "renewal_period": "hour", "key": "user"}]}
    assert ask("POST", "/api/2.0/endpoints/limits/", new).json()["limits"] == new["limits"]

    def known() -> Any:
        [limit] = ask("GET", f"{BASE}/endpoints/made").json()["endpoint"]["limits"]
        return limit["calls"], limit["per"], limit["by"]

    wait(lambda: always(lambda: known() == (2000, "hour", "user")))
    refused = ask("POST", "/api/2.0/endpoints/limits/", {**new, "route": "file"})
    assert refused.status_code == 501
    assert ask("DELETE", f"{BASE}/endpoints/made").status_code == 200
    wait(lambda: always(lambda: ask("GET", f"{BASE}/endpoints/made").status_code == 404))
    assert not answers(ask, "made")


def test_an_endpoint_with_fallback_and_price_is_kept_in_full(ask: Ask, served: Served) -> None:
    own = {"provider": "openai", "api_key": SECRET, "base_url": served.upstream.url}
    first = {**own, "model": "a", "weight": 3, "price": {"input": 1, "output": 2}}
    second = {**own, "model": "b", "fallback": 1, "max_parallel": 2, "max_output_tokens": 99}
    body = {"name": "full", "targets": [first, second], "routing": {"fallback_attempts": 2}}
    made = ask("POST", f"{BASE}/endpoints", {"endpoint": body})
    assert made.status_code == 200, made.text
    targets = made.json()["endpoint"]["targets"]
    assert [(t["model"], t["weight"], t["fallback"], t["max_parallel"]) for t in targets] == [
        ("a", 3, 0, None),
        ("b", 1, 1, 2),
    ]
    assert [t["max_output_tokens"] for t in targets] == [None, 99]
    assert targets[0]["price"] == {"input": 1, "output": 2, "cached_input": None}
    assert made.json()["endpoint"]["routing"]["fallback_attempts"] == 2


class _Hook(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    received: Queue[Any] = Queue()

    def do_POST(self) -> None:
        self.received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_a_budget_that_is_spent_calls_a_webhook_once(ask: Ask, served: Served) -> None:
    price = {"input": 1_000_000, "output": 1_000_000}
    assert ask("POST", f"{BASE}/endpoints", table(served, "dear", price=price)).status_code == 200
    known = ask("GET", "/api/3.0/mlflow/gateway/endpoints/list").json()["endpoints"]
    [endpoint_id] = [each["endpoint_id"] for each in known if each["name"] == "dear"]
    policy = {
        "budget_unit": "USD",
        "budget_amount": 5,
        "duration": {"unit": "MONTHS", "value": 1},
        "target_scope": "ENDPOINT",
        "target_value": endpoint_id,
        "budget_action": "ALERT",
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hook) as receiver:
        threading.Thread(target=receiver.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_port}/"
        events = [{"entity": "BUDGET_POLICY", "action": "EXCEEDED"}]
        hook = {"name": "money", "url": url, "events": events}
        made = ask("POST", "/api/2.0/mlflow/webhooks", hook)
        assert made.status_code == 200, made.text
        budget = ask("POST", "/api/3.0/mlflow/gateway/budgets/create", policy)
        assert budget.status_code == 200, budget.text
        policy_id = budget.json()["budget_policy"]["budget_policy_id"]

        def in_force() -> bool:
            return policy_id in ask("GET", f"{BASE}/budgets").text

        wait(lambda: always(in_force))
        # Both workers spend; each call costs 13 dollars.
        assert always(lambda: answers(ask, "dear"), 10)
        told = _Hook.received.get(timeout=60)
        assert (told["entity"], told["action"]) == ("budget_policy", "exceeded")
        data = told["data"]
        spent, began = data.pop("current_spend"), data.pop("window_start")
        assert spent >= 13 and began <= time.time() * 1000
        assert data == {
            "budget_policy_id": policy_id,
            "budget_unit": "USD",
            "budget_amount": 5.0,
            "duration_unit": "MONTHS",
            "duration_value": 1,
            "target_scope": "ENDPOINT",
            "workspace": "default",
            "target_value": endpoint_id,
        }
        # Whatever came meanwhile came before this.
        webhook = made.json()["webhook"]["webhook_id"]
        assert ask("POST", f"/api/2.0/mlflow/webhooks/{webhook}/test", {}).status_code == 200
        assert _Hook.received.get(timeout=60)["data"]["budget_policy_id"] == "bp-abc123"
        receiver.shutdown()


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"name": "file"}, 400, "already exists"),
        ({"name": "a b"}, 400, "cannot be a name"),
        ({"provider": "opeai"}, 400, "No installed plugin provides"),
        ({"api_kye": "x"}, 400, "did you mean 'api_key'?"),
        ({"base_url": "https://169.254.169.254"}, 403, "not on the public internet"),
        ({"base_url": "https://user:hunter2@example.org"}, 400, "cannot be the address"),
        ({"base_url": "http://example.org"}, 403, "is not encrypted"),
        # A client does not read this process's environment.
        ({"api_key": {"env": "HOME"}}, 400, "must be text"),
        ({"headers": {"x": {"env": "HOME"}}}, 400, "must be text"),
        ({"limit": {"calls": 0}}, 400, "must be >= 1"),
    ],
)
def test_a_wrong_endpoint_is_refused_and_not_kept(
    change: Mapping[str, Any], status: int, said: str, ask: Ask, served: Served
) -> None:
    answer = ask("POST", f"{BASE}/endpoints", table(served, "wrong", **change))
    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text
    assert SECRET not in answer.text and "hunter2" not in answer.text
    listed = ask("GET", "/api/3.0/mlflow/gateway/secrets/list").json()["secrets"]
    assert [each["secret_name"] for each in listed if "wrong" in each["secret_name"]] == []


def test_a_file_that_changes_is_served_by_all_workers(ask: Ask, served: Served) -> None:
    file = served.place / "pegboard.toml"
    before = file.read_text()
    try:
        file.write_text(before.replace('"file"', '"renamed"'))
        wait(lambda: always(lambda: answers(ask, "renamed")))
        file.write_text(before.replace('provider = "openai"', 'provider = "opnai"'))
        wait(lambda: always(lambda: not ask("GET", f"{BASE}/health").json()["ok"], 5))
        health = ask("GET", f"{BASE}/health").json()
        assert "No installed plugin provides" in health["fault"]
        # What was served before is.
        assert always(lambda: answers(ask, "renamed"))
        assert "keeps its endpoints" in served.log
    finally:
        file.write_text(before)
    wait(lambda: always(lambda: answers(ask, "file")))
    wait(lambda: always(lambda: ask("GET", f"{BASE}/health").json()["ok"], 5))


def test_no_answer_of_the_admin_api_holds_a_key(ask: Ask, served: Served) -> None:
    ask("POST", f"{BASE}/endpoints", table(served, "shown"))
    paths = [f"{BASE}/endpoints", f"{BASE}/endpoints/file", f"{BASE}/endpoints/shown"]
    lists = ("endpoints", "secrets", "model-definitions")
    paths += [f"/api/3.0/mlflow/gateway/{each}/list" for each in lists]
    paths += ["/api/2.0/endpoints/", "/v1/models", f"{BASE}/health", "/metrics", "/openapi.json"]
    wait(lambda: always(lambda: ask("GET", paths[2]).status_code == 200))
    for path in paths:
        answer = ask("GET", path)
        assert answer.status_code == 200, path
        assert SECRET not in answer.text and UPSTREAM_KEY not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{BASE}/endpoints"),
        ("GET", f"{BASE}/endpoints/file"),
        ("POST", f"{BASE}/endpoints"),
        ("DELETE", f"{BASE}/endpoints/file"),
        ("GET", f"{BASE}/health"),
        ("POST", f"{BASE}/reload"),
        ("POST", "/api/2.0/endpoints/limits/"),
        ("POST", "/api/2.0/gateway/limits/"),
    ],
)
def test_b8_configuration_is_for_administrators(
    method: str, path: str, ask: Ask, served: Served
) -> None:
    assert ask(method, path, {}, "delete").status_code == 403
    assert requests.request(method, served.url + path, json={}, timeout=30).status_code == 401


def test_nothing_of_a_secret_is_in_files_or_the_log(served: Served) -> None:
    for file in served.place.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert SECRET.encode() not in content, file
            assert UPSTREAM_KEY.encode() not in content or file.name == "pegboard.toml"
