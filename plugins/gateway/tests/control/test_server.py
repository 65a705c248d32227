"""Keys, limits and budgets of a gateway in a real server, as clients meet them."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
import served
from pegboard_gateway.control.key_store import KeyStore

from ..upstream_fake import Exchange, events_of

MARKER = "sk-marker-of-the-upstream-0123456789"
CONFIG = """
[[gateway.endpoints]]
name = "chat"
provider = "openai"
model = "small"
api_key = "{marker}"
base_url = "{url}"
price = {{ input = 1.0, output = 2.0 }}
{more}

[[gateway.endpoints]]
name = "other"
task = "llm/v1/chat"
provider = "openai"
model = "small"
api_key = "{marker}"
base_url = "{url}"
"""


class Served:
    """A server with a gateway."""

    def __init__(self, url: str, place: Path) -> None:
        self.url, self.place = url, place

    def client(self, key: str = "none") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def ask(self, key: str = "none", model: str = "chat", **more: Any) -> Any:
        messages = [{"role": "user", "content": "Hello"}]
        return self.client(key).chat.completions.create(model=model, messages=messages, **more)

    def post(self, headers: dict[str, str], model: str = "chat") -> requests.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        url = f"{self.url}/v1/chat/completions"
        return requests.post(url, json=body, headers=headers, timeout=30)

    def keys(self) -> KeyStore:
        return KeyStore(self.place / "pegruns" / "gateway.db")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.place / "pegruns" / "gateway" / "usage.db")
        found = connection.execute(query).fetchall()
        connection.close()
        return found


@pytest.fixture
def serve(upstream: Any, tmp_path: Path) -> Callable[..., Any]:
    @contextmanager
    def serve(more: str = "", *options: str, head: str = "") -> Iterator[Served]:
        text = CONFIG.format(marker=MARKER, url=upstream.url, more=more)
        (tmp_path / "pegboard.toml").write_text(head + text)
        (tmp_path / "pegruns").mkdir(exist_ok=True)
        words = ("server", "--store", f"sqlite:{tmp_path}/s.db", *options)
        with served.started(tmp_path, *words) as url:
            yield Served(url, tmp_path)

    return serve


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether something holds within a time that is a promise, not a guess."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def test_without_keys_and_users_anybody_may_call(serve: Any) -> None:
    with serve() as gateway:
        assert gateway.ask().choices
    assert not (gateway.place / "pegruns" / "gateway.db").exists()


def test_with_a_key_calls_need_one(serve: Any) -> None:
    with serve() as gateway:
        made, key = gateway.keys().create(endpoints=["chat"], user="ann")
        assert eventually(lambda: gateway.post({}).status_code == 401, 1.0)
        with pytest.raises(openai.AuthenticationError, match=r"not known|who calls"):
            gateway.ask(key[:-1] + ("A" if key[-1] != "A" else "B"))
        assert gateway.ask(key).choices
        assert gateway.post({"x-api-key": key}).status_code == 200
        with pytest.raises(openai.NotFoundError, match="no endpoint"):
            gateway.ask(key, model="other")
        assert [each.id for each in gateway.client(key).models.list()] == ["chat"]
        gateway.keys().revoke(made.id)
        assert eventually(lambda: gateway.post({"x-api-key": key}).status_code == 401, 1.0)
        error = gateway.post({"authorization": f"Bearer {key}"}).json()["error"]
    assert error["code"] == "invalid_api_key"
    log = (gateway.place / "log").read_text()
    assert key not in log
    assert MARKER not in log
    rows = gateway.rows("SELECT key_id, user, status FROM gateway_call WHERE outcome = 'done'")
    assert len(rows) >= 2
    assert set(rows) == {(made.id, "ann", 200)}


async def ticking(exchange: Exchange) -> None:
    """Send a word now and then, until the client goes away."""
    await exchange.stream_head()
    while not exchange.request.gone.is_set():
        await exchange.chunk(next(events_of(exchange.request)))
        await asyncio.sleep(0.05)


def test_a_stream_ends_within_a_second_when_its_key_is_revoked(serve: Any, upstream: Any) -> None:
    upstream.always(ticking)
    with serve() as gateway:
        mine, key = gateway.keys().create()
        _, other = gateway.keys().create()
        assert eventually(lambda: gateway.post({}).status_code == 401, 1.0)
        streams = [gateway.ask(each, stream=True) for each in (key, other)]
        for stream in streams:
            next(stream)
        gateway.keys().revoke(mine.id)
        revoked = time.monotonic()
        with pytest.raises(openai.APIError, match="revoked") as refused:
            for _ in streams[0]:
                assert time.monotonic() < revoked + 1.5
        assert refused.value.code == "invalid_api_key"
        upstream.wait(upstream.requests[0].gone.is_set)
        assert next(streams[1]).choices
        assert not upstream.requests[1].gone.is_set()
        streams[1].close()
        found = "SELECT status, tokens_out > 1, cost > 0 FROM gateway_call WHERE outcome = 'failed'"
        assert eventually(lambda: gateway.rows(found) == [(200, 1, 1)], 5.0)


def test_what_a_key_is_not_for_is_as_if_it_were_not_there(serve: Any) -> None:
    with serve() as gateway:
        _, key = gateway.keys().create(endpoints=["chat"])
        assert eventually(lambda: gateway.post({"x-api-key": key}).status_code == 200, 1.0)

        def told(name: str) -> list[tuple[int, str]]:
            def send(path: str, **more: Any) -> tuple[int, str]:
                method = "POST" if more else "GET"
                found = requests.request(
                    method, f"{gateway.url}{path}", headers={"x-api-key": key}, timeout=30, **more
                )
                return found.status_code, found.text.replace(name, "NAME")

            said = [{"role": "user", "content": "Hi"}]
            chat = {"model": name, "messages": said}
            contents = {"contents": [{"parts": [{"text": "Hi"}]}]}
            return [
                send(f"/v1/models/{name}"),
                send("/v1/chat/completions", json=chat),
                send("/v1/embeddings", json={"model": name, "input": "x"}),
                send("/anthropic/v1/messages", json={**chat, "max_tokens": 5}),
                send("/anthropic/v1/messages/count_tokens", json=chat),
                send(f"/gemini/v1beta/models/{name}:generateContent", json=contents),
                send(f"/gateway/{name}/mlflow/invocations", json={"messages": said}),
                send(f"/api/2.0/endpoints/{name}"),
            ]

        hidden, missing = told("other"), told("absent")
    assert hidden == missing
    assert {status for status, _ in hidden} <= {400, 404}


def test_a_key_lets_in_to_models_and_to_nothing_else(serve: Any, tmp_path: Path) -> None:
    users = tmp_path / "users"
    for name, level in (("ann", "write"), ("bob", "read")):
        command = [str(Path(sys.executable).with_name("pegboard")), "server", "user", "add", name]
        options = ["--level", level, "--users", str(users), "--password-stdin"]
        subprocess.run([*command, *options], input="long enough\n", text=True, check=True)
    with serve("", head=f'[server]\nusers_file = "{users}"\n') as gateway:
        _, key = gateway.keys().create()
        assert eventually(lambda: gateway.post({"x-api-key": key}).status_code == 200, 1.0)
        bearer = {"authorization": f"Bearer {key}"}
        assert gateway.post(bearer).status_code == 200
        search = f"{gateway.url}/api/2.0/mlflow/experiments/search?max_results=1"
        assert requests.get(search, headers=bearer, timeout=30).status_code in (401, 403)
        created = f"{gateway.url}/api/2.0/mlflow/experiments/create"
        answer = requests.post(created, json={"name": "a"}, headers=bearer, timeout=30)
        assert answer.status_code in (401, 403)
        assert gateway.post({}).status_code == 401
        url = gateway.url.replace("://", "://ann:long%20enough@") + "/v1/chat/completions"
        body = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}
        assert requests.post(url, json=body, timeout=30).status_code == 200
        refused = requests.post(url.replace("ann", "bob"), json=body, timeout=30)
        assert refused.status_code == 403
    assert ("", "ann") in gateway.rows("SELECT key_id, user FROM gateway_call")


def test_odd_credentials_are_refused(serve: Any) -> None:
    odd = [
        b"Bearer pgk_' OR 1=1--",
        b"Bearer pgk_\xff\xfe",
        b"Bearer pgk_" + b"A" * 20_000,
        b"Bearer pgk_aaaaaaaaaaaa_" + b"A" * 43,
        b"Basic !!!",
        b"Bearer",
    ]
    with serve() as gateway:
        gateway.keys().create()
        assert eventually(lambda: gateway.post({}).status_code == 401, 1.0)
        for value in odd:
            answer = gateway.post({"authorization": value})  # type: ignore[dict-item]
            assert answer.status_code in (400, 401, 431), value


def test_a_limit_tells_when_to_come_again(serve: Any) -> None:
    with serve('limit = { calls = 2, per = "year", by = "address" }') as gateway:
        gateway.ask()
        gateway.ask()
        with pytest.raises(openai.RateLimitError, match="2 calls per year") as caught:
            gateway.ask()
        year = time.gmtime().tm_year
        from datetime import UTC, datetime

        left = datetime(year + 1, 1, 1, tzinfo=UTC).timestamp() - time.time()
        told = int(caught.value.response.headers["retry-after"])
        # It was asked for a moment before, and is told in whole seconds.
        assert 0 <= told - left <= 30
        assert gateway.ask(model="other").choices
    assert gateway.rows("SELECT outcome, count(*) FROM gateway_call GROUP BY 1 ORDER BY 1") == [
        ("done", 3),
        ("refused", 1),
    ]


def test_a_budget_ends_and_does_so_after_a_restart(serve: Any) -> None:
    budget = 'budget = { usd = 0.00001, per = "year" }'
    with serve(budget) as gateway:
        gateway.ask(max_tokens=5)
        with pytest.raises(openai.RateLimitError, match="spent") as caught:
            for _ in range(100):
                gateway.ask(max_tokens=5)
        assert caught.value.code == "insufficient_quota"
    spent = gateway.rows("SELECT sum(cost) FROM gateway_call")
    with serve(budget) as gateway, pytest.raises(openai.RateLimitError, match="spent"):
        gateway.ask(max_tokens=5)
    assert gateway.rows("SELECT sum(cost) FROM gateway_call") == spent


def test_workers_share_their_counters(serve: Any) -> None:
    limit = 'limit = { calls = 7, per = "year" }'
    with serve(limit, "--workers", "2") as gateway:
        found = [gateway.post({}).status_code for _ in range(20)]
    assert found.count(200) == 7
    assert found.count(429) == 13
    assert gateway.rows("SELECT sum(admitted) FROM gateway_call") == [(7,)]


def test_an_answer_is_kept_for_the_caller_who_asked(serve: Any, upstream: Any) -> None:
    with serve("cache = {}\nbudget = { usd = 1, per = 'year' }") as gateway:
        keys = [gateway.keys().create()[1] for _ in range(2)]
        assert eventually(lambda: gateway.post({}).status_code == 401, 1.0)
        first, again = gateway.ask(keys[0]), gateway.ask(keys[0])
        assert first == again
        assert len(upstream.requests) == 1
        gateway.ask(keys[1])
        gateway.ask(keys[0], temperature=0.5)
        gateway.ask(keys[0], extra_headers={"x-pegboard-repeat": "2"})
        assert len(upstream.requests) == 4
        streamed = [list(gateway.ask(keys[0], stream=True)) for _ in range(2)]
        assert streamed[0] == streamed[1]
        assert len(streamed[0]) > 2
        assert len(upstream.requests) == 5
    cached = gateway.rows("SELECT cost, admitted FROM gateway_call WHERE outcome = 'cached'")
    assert cached == [(0, 0), (0, 0)]


def test_no_header_of_a_client_switches_a_guardrail_off(serve: Any, upstream: Any) -> None:
    guard = 'guardrails = [{ use = "pii", stage = "before", action = "rewrite" }]'
    with serve(guard) as gateway:
        for name in ("X-MLflow-Guardrail-Bypass", "X-Pegboard-Internal", "X-Role", "X-User"):
            headers = {name: "guardrail"}
            gateway.client().chat.completions.create(
                model="chat",
                messages=[{"role": "user", "content": "I am ann@example.org"}],
                extra_headers=headers,
            )
    assert len(upstream.requests) == 4
    for each in upstream.requests:
        assert b"ann@example.org" not in each.body
        assert b"I am [EMAIL]" in each.body


def test_an_administrator_makes_keys_and_sees_usage(serve: Any, tmp_path: Path) -> None:
    users = tmp_path / "users"
    command = [str(Path(sys.executable).with_name("pegboard")), "server", "user", "add", "root"]
    options = ["--level", "admin", "--users", str(users), "--password-stdin"]
    subprocess.run([*command, *options], input="long enough\n", text=True, check=True)
    budget = 'budget = { usd = 1, per = "year", by = "user" }'
    with serve(budget, head=f'[server]\nusers_file = "{users}"\n') as gateway:
        base, auth = f"{gateway.url}/api/pegboard/1.0/gateway", ("root", "long enough")
        wanted = {"name": "ci", "user": "ann", "endpoints": ["chat", "other"]}
        assert requests.post(f"{base}/keys", json=wanted, timeout=30).status_code == 401
        made = requests.post(f"{base}/keys", json=wanted, auth=auth, timeout=30).json()
        gateway.ask(made["key"])
        gateway.ask(made["key"], "other")
        bearer = {"authorization": f"Bearer {made['key']}"}
        for path in ("keys", "usage", "calls", "budgets"):
            refused = requests.get(f"{base}/{path}", headers=bearer, timeout=30)
            assert refused.status_code in (401, 403)

        def get(path: str) -> Any:
            answer = requests.get(f"{base}/{path}", auth=auth, timeout=30)
            assert answer.status_code == 200, answer.text
            return answer.json()

        assert [key["id"] for key in get("keys")["keys"]] == [made["info"]["id"]]
        assert eventually(lambda: len(get("calls")["calls"]) == 2, 5.0)
        unpriced, call = get("calls?key_id=" + made["info"]["id"])["calls"]
        assert (call["caller"]["user"], call["outcome"], call["status"]) == ("ann", "done", 200)
        group, other = get("usage?by=endpoint&by=model")["groups"]
        assert (group["endpoint"], group["calls"], group["unpriced"]) == ("chat", 1, 0)
        assert group["cost"] == call["cost"] == call["attempts"][0]["cost"] > 0
        (standing,) = get("budgets")["standing"]
        assert (standing["subject"], standing["used"]) == ("ann", group["cost"])
        metrics = requests.get(f"{gateway.url}/metrics", auth=auth, timeout=30).text
        assert 'pegboard_gateway_calls_total{endpoint="chat",' in metrics
        # Nobody knows what the calls of the other endpoint cost, and nothing says that it is 0.
        assert (unpriced["endpoint"], unpriced["cost"]) == ("other", None)
        assert unpriced["attempts"][0]["cost"] is None
        assert (other["endpoint"], other["cost"], other["unpriced"]) == ("other", 0, 1)
        assert get("summary")["totals"]["unpriced"] == 1
        assert [each["usd"] for each in get("tail")["calls"]] == [None, call["cost"] / 1e9]
        assert re.search(r'unpriced_calls_total\{endpoint="other",[^}]*\} 1\.0', metrics)
        (warning,) = get("health")["warnings"]
        assert "The price of openai/small, at the endpoint 'other', is not known" in warning
        gone = requests.delete(f"{base}/keys/{made['info']['id']}", auth=auth, timeout=30)
        assert gone.status_code == 200
        everything = f"{get('keys')}{get('calls')}{metrics}"
    assert made["key"].split("_", 2)[2] not in everything
    assert MARKER not in everything


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_traced_without_what_is_personal(serve: Any, stream: bool) -> None:
    with serve('trace = { experiment = "calls" }\ntags = { team = "search" }') as gateway:
        messages = [{"role": "user", "content": "I am ann@example.org"}]
        found = gateway.client().chat.completions.create(
            model="chat", messages=messages, stream=stream
        )
        if stream:
            list(found)

        def search() -> list[Any]:
            named = f"{gateway.url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=calls"
            answer = requests.get(named, timeout=30)
            if answer.status_code != 200:
                return []
            where = {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {
                    "experiment_id": answer.json()["experiment"]["experiment_id"]
                },
            }
            url = f"{gateway.url}/api/3.0/mlflow/traces/search"
            body = {"locations": [where], "max_results": 10}
            traces: list[Any] = requests.post(url, json=body, timeout=30).json().get("traces", [])
            return traces

        assert eventually(lambda: bool(search()), 10.0)
        (trace,) = search()
    assert trace["state"] == "OK"
    assert "I am [EMAIL]" in trace["request_preview"]
    assert "Hello from the fake model" in trace["response_preview"]
    assert trace["tags"]["team"] == "search"
    assert '"total_tokens": 13' in trace["trace_metadata"]["mlflow.trace.tokenUsage"]
    assert "ann@example.org" not in str(trace)
