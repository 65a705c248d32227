"""What the pages of prompts show, and what saving one keeps."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

OURS, MLFLOW = "/api/pegboard/1.0/ui", "/api/2.0/mlflow"
IS_PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
CHAT = json.dumps([{"role": "user", "content": "{{q}}"}])
ROW = {"inputs": '{"q": "Why?"}', "prompt": "Why?", "output": "So.", "figures": '{"cost": 0.5}'}
RUN = {"model_route": "agents", "parameters": '{"temperature": 0.2}', "rows": [ROW]}


def save(site: Any, **fields: Any) -> Any:
    return site.send("POST", f"{OURS}/prompt-save", fields)


def asked(site: Any, path: str, **fields: Any) -> Any:
    answer = site.get(f"{path}?{urlencode(fields, doseq=True)}")
    assert answer.status == 200, answer.body
    return answer.json


def tags_of(site: Any, name: str, version: str = "1") -> dict[str, str]:
    found = asked(site, f"{MLFLOW}/model-versions/get", name=name, version=version)
    return {tag["key"]: tag["value"] for tag in found["model_version"]["tags"]}


def listed(site: Any, q: str, **more: Any) -> list[str]:
    return [each["name"] for each in asked(site, f"{OURS}/prompts", q=q, **more)["prompts"]]


def test_a_save_makes_what_mlflow_would_make(site: Any) -> None:
    told = save(
        site, name="made", template=CHAT, is_chat=True, message="first",
        response_format='{"type": "object"}', model_config='{"temperature": 0.2}',
        variables='{"q": {"default": "Why?"}}',
    )  # fmt: skip
    assert told.json == {"name": "made", "version": "1", "runs": []}
    assert tags_of(site, "made") == {
        "mlflow.prompt.is_prompt": "true",
        "mlflow.prompt.text": CHAT,
        "_mlflow_prompt_type": "chat",
        "_mlflow_prompt_response_format": '{"type": "object"}',
        "_mlflow_prompt_model_config": '{"temperature": 0.2}',
        "pegboard.prompt.variables": '{"q": {"default": "Why?"}}',
    }
    assert save(site, name="made", template="Hi {{q}}").json["version"] == "2"
    assert tags_of(site, "made", "2")["_mlflow_prompt_type"] == "text"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "a/b", "template": "x"}, "is not the name of a prompt"),
        ({"name": "bad", "template": " \n"}, "The prompt is empty."),
        ({"name": "bad", "template": "x" * 100_001}, "100,001 characters"),
        ({"name": "bad", "template": "[]", "is_chat": True}, "not a chat"),
        ({"name": "bad", "template": '[{"role": "user"}]', "is_chat": True}, "not a chat"),
        ({"name": "bad", "template": "x", "response_format": "{"}, "'response_format' is not JSON"),
        ({"name": "bad", "template": "x", "response_format": '{"type": "objekt"}'}, "'objekt'"),
        ({"name": "bad", "template": "x", "model_config": "[1]"}, "'model_config' is not a JSON"),
        ({"name": "bad", "template": "x", "runs": [{**RUN, "rows": []}]}, "has no rows"),
        ({"name": "bad", "template": "x", "runs": [{**RUN, "parameters": "x"}]}, "'parameters'"),
        ({"name": "bad", "template": "x", "runs": [RUN], "experiment_id": "99"}, "99"),
        ({"name": "bad", "version": "1"}, "There is nothing to save"),
        ({"name": "bad", "version": "1", "runs": [RUN]}, "bad"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_anything_is_kept(
    site: Any, fields: dict[str, Any], said: str
) -> None:
    refused = save(site, **fields)
    assert refused.status in (400, 404), refused.body
    assert said in refused.json["message"]
    assert listed(site, "bad") == []


def test_ratings_are_scores_of_the_run_and_of_its_rows(site: Any) -> None:
    rows = [{**ROW, "figures": json.dumps({"latency": 0.5, "rating": mark})} for mark in (5, 2)]
    rows.append({**ROW, "figures": '{"latency": 0.5}'})
    for name, given, values, mean in (
        ("rated", rows, [5, 2, None], 3.5), ("rated-one", rows[:1], [5], 5),
    ):  # fmt: skip
        saved = save(site, name=name, template="{{q}}", runs=[{**RUN, "rows": given}]).json
        [run_id] = saved["runs"]
        found = asked(site, "/api/pegboard/1.0/evaluations/rows", run_id=run_id)
        scores = {each["name"]: each["values"] for each in found["scores"]}
        assert scores == {"rating": values, "latency": [0.5] * len(given)}
        used = asked(site, f"{OURS}/prompt-uses", name=name, versions="1")["versions"]["1"]
        assert used["scores"]["rating"] == mean


def test_scores_are_in_the_table_the_metrics_and_the_traces_of_a_run(site: Any) -> None:
    judged = {
        "name": "kind", "value": "yes", "rationale": "<b>", "source_type": "LLM_JUDGE",
        "source_id": "gateway:/judge", "metadata": {"pegboard.scorerVersion": "3"},
    }  # fmt: skip
    failed = {"name": "kind", "error": "no verdict", "source_type": "LLM_JUDGE"}
    longer = {"name": "words", "value": 4, "source_type": "CODE"}
    rows = [
        {**ROW, "figures": '{"cost": 0.5, "rating": 4}', "scores": json.dumps([judged, longer])},
        {**ROW, "scores": json.dumps([{**judged, "value": "no"}])},
        {**ROW, "scores": json.dumps([failed])},
        ROW,
    ]
    saved = save(site, name="scored", template="{{q}}", runs=[{**RUN, "rows": rows}]).json
    [run_id] = saved["runs"]
    found = asked(site, "/api/pegboard/1.0/evaluations/rows", run_id=run_id)
    scores = {each["name"]: each for each in found["scores"]}
    assert scores["kind"]["values"] == ["yes", "no", "", ""]
    assert scores["kind"]["why"]["0"] == "<b>"
    assert scores["kind"]["errors"]["2"] == "no verdict"
    assert scores["words"]["values"] == [4, None, None, None]
    metrics = asked(site, f"{MLFLOW}/runs/get", run_id=run_id)["run"]["data"]["metrics"]
    means = {each["key"]: each["value"] for each in metrics if each["key"].endswith("/mean")}
    assert means == {"kind/mean": 0.5, "words/mean": 4}
    home = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
    wanted = {"locations": [home], "filter": "prompt = 'scored/1'"}
    traces = site.send("POST", "/api/3.0/mlflow/traces/search", wanted).json["traces"]
    assert len(traces) == 3
    assert {each["trace_metadata"]["mlflow.sourceRun"] for each in traces} == {run_id}
    told = [each for trace in traces for each in trace["assessments"]]
    assert {(each["assessment_name"], each["source"]["source_type"]) for each in told} == {
        ("kind", "LLM_JUDGE"), ("words", "CODE"), ("rating", "HUMAN"),
    }  # fmt: skip
    used = asked(site, f"{OURS}/prompt-uses", name="scored", versions="1")["versions"]["1"]
    assert used["scores"]["kind/mean"] == 0.5
    assert used["traces_total"] == 3
    assert "kind" not in used["scores"]
    for wrong in ("{}", '[{"name": ""}]', '[{"name": "x", "source_type": "GOD"}]', "["):
        refused = save(
            site, name="worse", template="x", runs=[{**RUN, "rows": [{**ROW, "scores": wrong}]}]
        )
        assert refused.status == 400
    assert listed(site, "worse") == []


def test_a_model_does_not_become_a_prompt(site: Any) -> None:
    site.send("POST", f"{MLFLOW}/registered-models/create", {"name": "net"})
    refused = save(site, name="net", template="x")
    assert refused.json["error_code"] == "RESOURCE_ALREADY_EXISTS"
    assert "is the name of a model" in refused.json["message"]
    found = asked(site, f"{MLFLOW}/registered-models/get", name="net")
    assert "latest_versions" not in found["registered_model"]


def test_what_fails_after_the_version_names_what_was_kept(site: Any) -> None:
    wrong = {**RUN, "model_route": "second", "parameters": json.dumps({"x" * 300: 1})}
    refused = save(site, name="half", template="{{q}}", runs=[RUN, wrong])
    assert refused.status == 400, refused.body
    message = refused.json["message"]
    assert "Version 1 of 'half' was registered. 1 of 2 runs were kept." in message
    assert "The run of 'second' was not:" in message
    assert listed(site, "half") == ["half"]
    uses = asked(site, f"{OURS}/prompt-uses", name="half", versions="1")["versions"]["1"]
    # What could not be kept whole is a run that failed.
    assert {run["name"]: run["status"] for run in uses["runs"]} == {
        "half-v1-agents": "FINISHED", "half-v1-second": "FAILED",
    }  # fmt: skip


def test_the_list_has_the_beginning_of_the_newest_text(site: Any) -> None:
    for name in ("list_a", "listXa", "list.b"):
        save(site, name=name, template=f"first of {name}", message="<b>")
    save(site, name="list_a", template="y" * 500)
    found = {each["name"]: each for each in asked(site, f"{OURS}/prompts", q="LIST")["prompts"]}
    assert set(found) == {"list_a", "listXa", "list.b"}
    newest = found["list_a"]["newest"]
    assert (newest["version"], newest["text"]) == ("2", "y" * 400 + "…")
    assert found["list.b"]["newest"]["note"] == "<b>"
    assert found["list.b"]["tags"] == {}
    # A word is a word, and what has an operator is a filter.
    assert listed(site, "list_") == ["list_a"]
    assert listed(site, "name = 'list.b'") == ["list.b"]
    first = asked(site, f"{OURS}/prompts", q="list", limit=2)
    rest = listed(site, "list", page_token=first["next_page_token"])
    assert len(first["prompts"]) == 2
    assert len(rest) == 1
    wrong = site.get(f"{OURS}/prompts?{urlencode({'q': 'nome = 1'})}")
    assert wrong.status == 400


def test_uses_are_those_of_the_version_and_no_other_prompt(site: Any) -> None:
    save(site, name="u_1", template="{{q}}")
    linked = [("u_1", "1", 0.5), ("u_1", "1", 0.7), ("uX1", "1", 9.0), ("u_1", "2", 9.0)]
    for name, version, score in linked:
        tag = json.dumps([{"name": name, "version": version}, {"name": name, "version": version}])
        fields = {"experiment_id": "0", "tags": [{"key": "mlflow.linkedPrompts", "value": tag}]}
        run = site.send("POST", f"{MLFLOW}/runs/create", fields).json["run"]["info"]["run_id"]
        for key, value in (("grounded", score), ("system/cpu", 1), ("nan", "NaN")):
            metric = {"run_id": run, "key": key, "value": value, "timestamp": 1, "step": 0}
            site.send("POST", f"{MLFLOW}/runs/log-metric", metric)
    info = {
        "trace_id": "tr-" + "1" * 32, "state": "OK", "request_time": "2026-01-01T00:00:00Z",
        "execution_duration": "1.5s",
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"},
        },
        "trace_metadata": {"mlflow.trace.cost": '{"total_cost": 0.25}'},
    }  # fmt: skip
    made = site.send("POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": info}})
    assert made.status == 200, made.body
    link = {"trace_id": info["trace_id"], "prompt_versions": [{"name": "u_1", "version": "1"}]}
    assert site.send("POST", f"{MLFLOW}/traces/link-prompts", link).status == 200
    found = asked(site, f"{OURS}/prompt-uses", name="u_1", versions=["1", "7"])["versions"]
    first = found["1"]
    assert (first["runs_total"], first["traces_total"]) == (2, 1)
    assert first["scores"] == {"grounded": pytest.approx(0.6)}
    assert (first["latency_ms"], first["cost"]) == (1500, 0.25)
    assert (found["7"]["runs"], found["7"]["scores"]) == ([], {})
