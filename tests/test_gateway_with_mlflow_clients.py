"""The gateway as MLflow's own clients see it: those of 2.x and those of 3.x."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
from gateway import UPSTREAM_KEY, Served, fake, files, serving
from peers import interpreter
from served import scripts

YAML = files.DOCUMENTED.replace("$OPENAI_API_KEY", "KEY\n        openai_api_base: UPSTREAM")
TOML = """
[gateway]
mlflow_config = "config.yaml"

[[gateway.endpoints]]
name = "split"
provider = "openai"
model = "small"
api_key = "KEY"
base_url = "UPSTREAM"
"""
MESSAGES = [{"role": "user", "content": "Hello"}]
WORDS = "".join(fake.WORDS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("gateway")
    with serving(place, pegboard_toml=TOML, config_yaml=YAML) as running:
        yield running


@pytest.fixture
def upstream(served: Served) -> Iterator[Any]:
    served.upstream.requests.clear()
    yield served.upstream


@pytest.fixture(scope="module")
def newer(served: Served) -> Iterator[Callable[[str], Any]]:
    """Return what runs code with MLflow 3."""
    with scripts(interpreter("mlflow"), served.url, served.place) as run:
        yield run


@pytest.fixture(scope="module")
def older(served: Served) -> Iterator[Callable[[str], Any]]:
    """Return what runs code with MLflow 2."""
    with scripts(interpreter("mlflow-2"), served.url, served.place) as run:
        yield run


@pytest.mark.parametrize("peer", ["older", "newer"])
def test_the_deployments_client_lists_describes_and_predicts(
    peer: str, request: pytest.FixtureRequest, served: Served, upstream: Any
) -> None:
    found = request.getfixturevalue(peer)(
        f"""
        from mlflow.deployments import get_deploy_client

        client = get_deploy_client({served.url!r})
        listed = client.list_endpoints()
        one = client.get_endpoint("completions")
        answer = {{
            "names": [each.name for each in listed],
            "one": one.dict(),
            "chat": client.predict(endpoint="chat", inputs={{"messages": {MESSAGES!r}}}),
            "completions": client.predict(
                endpoint="completions", inputs={{"prompt": "Hello", "max_tokens": 5}}
            ),
            "embeddings": client.predict(endpoint="embeddings", inputs={{"input": ["a"]}}),
        }}
        """,
    )
    assert found["names"] == ["split", "completions", "chat", "embeddings"]
    one = found["one"]
    assert one["endpoint_type"] == "llm/v1/completions"
    assert one["model"] == {"name": "gpt-4o-mini", "provider": "openai"}
    assert one["limit"] == {"calls": 10, "key": None, "renewal_period": "minute"}
    assert one["endpoint_url"].endswith("/gateway/completions/invocations")
    assert found["chat"]["choices"][0]["message"]["content"] == WORDS
    assert found["chat"]["usage"]["total_tokens"] == fake.USAGE["total_tokens"]
    assert found["completions"]["object"] == "text_completion"
    assert found["completions"]["choices"][0]["text"] == WORDS
    assert found["embeddings"]["data"][0]["embedding"] == list(fake.EMBEDDING)
    sent = [(each.path.rpartition("/v1/")[2], each.json) for each in upstream.requests]
    # OpenAI's small models complete no more: MLflow lets them chat, and so do we.
    assert sent[1] == (
        "chat/completions",
        {"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": 5},
    )
    assert [path for path, _ in sent] == ["chat/completions", "chat/completions", "embeddings"]
    for each in upstream.requests:
        assert each.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    # The client shows no headers: what its calls cost is in their records, by the known prices.
    costs = spent(served, "chat", "completions", "embeddings")
    assert costs["chat"] == costs["completions"] == pytest.approx((7 * 0.15 + 6 * 0.6) / 1e6)
    assert costs["embeddings"] == pytest.approx(7 * 0.1 / 1e6)


def spent(served: Served, *endpoints: str) -> dict[str, float]:
    """Return what the last call of each endpoint cost, in dollars, once it is recorded."""
    database = served.place / "pegruns" / "gateway" / "usage.db"
    sql = "SELECT cost FROM gateway_call WHERE endpoint = ? ORDER BY rowid DESC LIMIT 1"
    until = time.monotonic() + 30
    while True:
        with closing(sqlite3.connect(database)) as connection:
            found = {name: connection.execute(sql, (name,)).fetchone() for name in endpoints}
        if None not in found.values():
            return {name: row[0] / 1e9 for name, row in found.items()}
        assert time.monotonic() < until
        time.sleep(0.05)


def test_errors_reach_the_deployments_client_with_their_status(
    newer: Callable[[str], Any], served: Served, upstream: Any
) -> None:
    found = newer(
        f"""
        import requests
        from mlflow.deployments import get_deploy_client

        client = get_deploy_client({served.url!r})
        answer = {{}}
        def ask(name, endpoint, **inputs):
            try:
                client.predict(endpoint=endpoint, inputs=inputs)
            except requests.HTTPError as error:
                answer[name] = [error.response.status_code, str(error)]
        ask("none", "other", messages={MESSAGES!r})
        ask("model", "chat", messages={MESSAGES!r}, model="gpt-4o")
        ask("hot", "chat", messages={MESSAGES!r}, temperature=3)
        try:
            client.get_endpoint("other")
        except requests.HTTPError as error:
            answer["described"] = [error.response.status_code, str(error)]
        """,
    )
    assert found["none"][0] == found["described"][0] == 404
    assert "is not present or active on the server" in found["described"][1]
    assert found["model"][0] == found["hot"][0] == 422
    assert "The parameter 'model' is not permitted to be passed" in found["model"][1]
    assert upstream.requests == []


def test_the_gateway_client_of_2_x_searches_describes_and_queries(
    older: Callable[[str], Any], served: Served
) -> None:
    found = older(
        f"""
        import warnings
        warnings.simplefilter("ignore")
        from mlflow import gateway

        gateway.set_gateway_uri({served.url!r})
        route = gateway.get_route("chat")
        answer = {{
            "names": [each.name for each in gateway.search_routes()],
            "route": route.dict(),
            "asked": gateway.query("chat", {{"messages": {MESSAGES!r}, "temperature": 0.5}}),
            "completed": gateway.query("completions", {{"prompt": "Hello"}}),
        }}
        """,
    )
    assert found["names"] == ["split", "completions", "chat", "embeddings"]
    assert found["route"]["route_type"] == "llm/v1/chat"
    assert found["asked"]["choices"][0]["message"]["content"] == WORDS
    assert found["completed"]["choices"][0]["text"] == WORDS


def test_a_judge_of_mlflow_3_asks_the_gateway(newer: Callable[[str], Any], upstream: Any) -> None:
    verdict = json.dumps({"result": "yes", "rationale": "It greets."})
    message = {"role": "assistant", "content": verdict}
    answer = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "small",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": fake.USAGE,
    }
    upstream.next(fake.reply(200, answer))
    found = newer(
        """
        from mlflow.genai.judges import make_judge

        judge = make_judge(
            name="greeting", model="gateway:/chat",
            instructions="Say yes if {{ outputs }} is a greeting, else no.",
        )
        made = judge(outputs={"text": "Hello there"})
        answer = {"value": made.value, "why": made.rationale, "error": str(made.error)}
        """,
    )
    assert found == {"value": "yes", "why": "It greets.", "error": "None"}
    assert "Hello there" in json.dumps(upstream.requests[0].json)


@pytest.mark.parametrize(
    "path", ["/endpoints/chat", "/gateway/chat", "/gateway/chat/mlflow", "/endpoints/completions"]
)
def test_streams_are_server_sent_events(path: str, served: Served) -> None:
    body: dict[str, Any] = {"messages": MESSAGES, "stream": True}
    if "completions" in path:
        body = {"prompt": "Hello", "stream": True}
    with requests.post(f"{served.url}{path}/invocations", json=body, stream=True) as answer:
        lines = [line for line in answer.iter_lines(decode_unicode=True) if line]
    assert answer.headers["content-type"] == "text/event-stream"
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    choices = [choice for event in events for choice in event["choices"]]
    texts = [
        choice["text"] if "text" in choice else choice["delta"].get("content") or ""
        for choice in choices
    ]
    assert "".join(texts) == WORDS
    # Tokens are always told.
    assert events[-1]["usage"]["total_tokens"] == fake.USAGE["total_tokens"]
