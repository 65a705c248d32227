"""Small things that clients notice in answers: the same from MLflow's server and from ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import guardrails
import pytest
import requests
from gateway import Served, fake, serving
from mlflow_server import MlflowServer
from pegboard_server_process import PegboardServer
from target import token_of
from wording.world import World

TRACE = "0102030405060708090a0b0c0d0e0f10"
SPAN = {
    "traceId": TRACE,
    "spanId": "0102030405060708",
    "name": "root",
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "5",
}


@pytest.fixture(scope="module")
def worlds(
    mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[World]]:
    ours = PegboardServer(tmp_path_factory.mktemp("pegboard"))
    yield [World(server.url) for server in (mlflow_server, ours)]
    ours.stop()


def test_a_logged_model_holds_its_versions_as_numbers(worlds: list[World]) -> None:
    for world in worlds:
        info = world.send("GET", "logged-models/{model}", {}).json()["model"]["info"]
        tags = {tag["key"]: tag["value"] for tag in info["tags"]}
        assert json.loads(tags["mlflow.modelVersions"]) == [{"name": "m-x1", "version": 1}]


def test_the_spans_of_a_trace_are_saved_under_a_name(worlds: list[World]) -> None:
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
    for world in worlds:
        headers = {"x-mlflow-experiment-id": world.names["exp"]}
        requests.post(f"{world.url}/v1/traces", json=spans, headers=headers, timeout=30)
        place = f"{world.url}/ajax-api/2.0/mlflow/get-trace-artifact"
        answer = requests.get(place, params={"request_id": f"tr-{TRACE}"}, timeout=30)
        assert answer.json()["spans"][0]["name"] == "root"
        disposition = answer.headers["content-disposition"].replace('"', "")
        assert disposition == "attachment; filename=traces.json"


@pytest.mark.parametrize(
    ("status", "given", "kept"),
    [("SCHEDULED", {}, 77), ("SCHEDULED", {"end_time": 99}, 99), ("RUNNING", {"end_time": 99}, 99)],
)
def test_a_run_keeps_its_end(
    worlds: list[World], status: str, given: dict[str, Any], kept: int
) -> None:
    for world in worlds:
        ended = {"run_id": "{run}", "status": "FINISHED", "end_time": 77}
        assert world.send("POST", "runs/update", ended).ok
        changed = {"run_id": "{run}", "status": status, **given}
        info = world.send("POST", "runs/update", changed).json()["run_info"]
        assert (info["status"], info["end_time"]) == (status, kept)


def test_a_history_of_no_points_is_empty(worlds: list[World]) -> None:
    for world in worlds:
        point = {"run_id": "{run}", "key": "loss", "value": 1.0, "timestamp": 1}
        assert world.send("POST", "runs/log-metric", point).ok
        wanted = {"run_id": "{run}", "metric_key": "loss", "max_results": "0"}
        place = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
        answer = world.send("GET", place, wanted)
        assert (answer.status_code, answer.json()) == (200, {"metrics": []})


# -- guardrails of the gateway -------------------------------------------------------------------

TOML = """
[gateway]
upstream_allow = ["127.0.0.1"]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, guardrails.Server]]:
    place = tmp_path_factory.mktemp("pegboard")
    token = token_of(place / "users", "root", "admin")
    with serving(place, "--users", "users", pegboard_toml=TOML) as running:
        server = guardrails.Server(running.url, token)
        server.prepare(running.upstream.url)
        yield running, server


def test_guardrails_are_those_of_mlflow(
    worlds: list[World], served: tuple[Served, guardrails.Server]
) -> None:
    servers = [guardrails.Server(worlds[0].url), served[1]]
    servers[0].prepare("")
    for method, path, fields, name in guardrails.CALLS:
        found = []
        for server in servers:
            status, answer = server.ask(method, path, fields)
            if name:
                server.ids[name] = answer["guardrail"]["guardrail_id"]
            found.append((status, guardrails.plain(answer)))
        assert found[1] == found[0], (method, path, fields)


def chat(running: Served, server: guardrails.Server, text: str) -> requests.Response:
    return requests.post(
        f"{running.url}/gateway/chat/mlflow/invocations",
        json={"messages": [{"role": "user", "content": text}]},
        headers={"authorization": f"Bearer {server.token}"},
        timeout=30,
    )


def saying(text: str) -> Any:
    async def behave(exchange: Any) -> None:
        body = fake.answer_of(exchange.request)
        body["choices"][0]["message"]["content"] = text
        await exchange.whole(body)

    return behave


def test_a_guardrail_of_the_api_guards(served: tuple[Served, guardrails.Server]) -> None:
    running, server = served
    upstream = running.upstream
    _, known = server.ask("GET", "gateway/guardrails/list", {})
    for each in known.get("guardrails", ()):
        server.ask("DELETE", "gateway/guardrails/delete", {"guardrail_id": each["guardrail_id"]})

    def made(**more: Any) -> str:
        _, answer = server.ask(
            "POST", "gateway/guardrails/create", {**guardrails.GUARDRAIL, **more}
        )
        found: str = answer["guardrail"]["guardrail_id"]
        added = {"endpoint_id": server.ids["chat"], "guardrail_id": found}
        status, answer = server.ask("POST", "gateway/guardrails/add-to-endpoint", added)
        assert status == 200, answer
        return found

    first = made()
    upstream.requests.clear()
    upstream.always(saying("BLOCK"), model="judge")
    refused = chat(running, server, "You fool")
    assert refused.status_code == 400 and "refuses" in refused.text
    # What is wrong never came to the model; the judge saw the rule and the text.
    [asked] = upstream.requests
    prompt = asked.json["messages"][0]["content"]
    assert "the text is kind" in prompt and "You fool" in prompt
    upstream.always(saying("ALLOW"), model="judge")
    assert chat(running, server, "Hello").ok
    server.ask("DELETE", "gateway/guardrails/delete", {"guardrail_id": first})
    made(stage="AFTER", action="SANITIZATION", action_endpoint_id=server.ids["judge"])
    upstream.always(saying("Softer."), model="judge")
    answer = chat(running, server, "Hello").json()
    assert answer["choices"][0]["message"]["content"] == "Softer."
    # It guards on without its scorer; one that would ask the endpoint itself is refused.
    server.ask("DELETE", "scorers/delete", {"experiment_id": "0", "name": "kind"})
    assert chat(running, server, "Hello").json()["choices"][0]["message"]["content"] == "Softer."
    for change, words in (
        ({"model": "gateway:/chat"}, "the endpoint that it guards"),
        ({"model": "openai:/gpt-4o"}, "not an endpoint of this gateway"),
        ({"instructions": None}, "says in no words"),
    ):
        judge = {**guardrails.KIND["instructions_judge_pydantic_data"], **change}
        scorer = json.dumps({**guardrails.KIND, "instructions_judge_pydantic_data": judge})
        fields = {"experiment_id": "0", "name": "odd", "serialized_scorer": scorer}
        _, registered = server.ask("POST", "scorers/register", fields)
        odd = {"scorer_id": registered["scorer_id"], "scorer_version": registered["version"]}
        _, answer = server.ask("POST", "gateway/guardrails/create", {**guardrails.GUARDRAIL, **odd})
        added = {
            "endpoint_id": server.ids["chat"],
            "guardrail_id": answer["guardrail"]["guardrail_id"],
        }
        status, answer = server.ask("POST", "gateway/guardrails/add-to-endpoint", added)
        assert status == 400 and words in answer["message"]
