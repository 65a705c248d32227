"""Runs of MLflow 2.x's Prompt Engineering, and the models that they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pegboard
import pytest
import yaml
from pegboard import host
from pegboard.errors import InvalidValue, PegboardError
from pegboard_prompts.promptlab.endpoint import create
from pegboard_testing.llm_server import KEY, FakeOpenAI
from pegboard_wire.http import Call, Identity, Permission

ASKED: dict[str, Any] = {
    "experiment_id": "0",
    "prompt_template": "Say {{ word }} {{times}} times",
    "prompt_parameters": [{"key": "word", "value": "hi"}, {"key": "times", "value": 3}],
    "model_route": "openai:/gpt-4o-mini",
    "model_input": "Say hi 3 times",
    "mlflow_version": "2.9.0",
}
MORE: dict[str, Any] = {
    "run_name": "tried",
    "tags": [{"key": "team", "value": "a"}],
    "model_parameters": [
        {"key": "temperature", "value": 0.5},
        {"key": "stop_sequences", "value": ["x"]},
    ],
    "model_output": "hi hi hi",
    "model_output_parameters": [{"key": "latency", "value": "17"}],
    "start_time": 5,
}


def made(given: dict[str, Any]) -> Any:
    uri = pegboard.get_tracking_uri()
    caller = Identity("me", frozenset(Permission))
    result: Any = create(Call(host.current(), caller, given, {}, tracking_uri=uri))
    return result["run"]


def test_a_run_holds_what_mlflows_page_reads(place: Path) -> None:
    run = made(ASKED | MORE)
    info, data = run["info"], run["data"]
    assert (info["status"], info["run_name"], info["start_time"]) == ("FINISHED", "tried", 5)
    assert {each["key"]: each["value"] for each in data["params"]} == {
        "temperature": "0.5",
        "stop_sequences": "['x']",
        "model_route": "openai:/gpt-4o-mini",
        "prompt_template": "Say {{ word }} {{times}} times",
    }
    tags = {each["key"]: each["value"] for each in data["tags"]}
    assert (tags["team"], tags["mlflow.runSourceType"]) == ("a", "PROMPT_ENGINEERING")
    assert json.loads(tags["mlflow.loggedArtifacts"]) == [
        {"path": "eval_results_table.json", "type": "table"}
    ]
    uri = f"runs:/{info['run_id']}"
    table = json.loads(pegboard.artifacts.load_text(f"{uri}/eval_results_table.json"))
    assert table == {
        "columns": ["word", "times", "prompt", "output", "latency"],
        "data": [["hi", "3", "Say hi 3 times", "hi hi hi", "17"]],
    }
    shown = pegboard.Client().list_artifacts(info["run_id"], "model")
    assert {Path(each.path).name for each in shown} >= {
        *("MLmodel", "conda.yaml", "input_example.json", "parameters.yaml", "python_env.yaml"),
        "requirements.txt",
    }
    parameters = yaml.safe_load(pegboard.artifacts.load_text(f"{uri}/model/parameters.yaml"))
    assert parameters == {
        "prompt_template": "Say {{ word }} {{times}} times",
        "prompt_parameters": {"word": "hi", "times": "3"},
        "model_parameters": {"temperature": "0.5", "stop_sequences": "['x']"},
        "model_route": "openai:/gpt-4o-mini",
    }
    mlmodel = yaml.safe_load(pegboard.artifacts.load_text(f"{uri}/model/MLmodel"))
    generic = mlmodel["flavors"]["python_function"]
    assert generic["loader_module"] == "mlflow.prompt.promptlab_model"
    assert generic["parameters_path"] == "parameters.yaml"


def test_its_model_asks_the_model_for_each_row(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = made(ASKED | MORE)["info"]["run_id"]
    version = pegboard.register_model(f"runs:/{run_id}/model", "lab")
    with FakeOpenAI() as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        model = pegboard.pyfunc.load_model(version.model_uri)
        rows = pd.DataFrame({"word": ["a", "{{times}}"], "times": ["1", "2"]})
        assert model.predict(rows) == ["Say a 1 times", "Say {{times}} 2 times"]
        with pytest.raises(PegboardError, match="times"):
            model.predict(pd.DataFrame({"word": ["a"]}))


@pytest.mark.parametrize("name", list(ASKED))
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named_and_leaves_no_run(place: Path, name: str, value: Any) -> None:
    given = {**ASKED, name: [] if isinstance(ASKED[name], list) and value == "" else value}
    with pytest.raises(InvalidValue, match=f"CreatePromptlabRun request must specify {name}."):
        made(given)
    assert pegboard.search_runs(output_format="list") == []


def test_a_failure_is_answered_and_its_run_failed(place: Path) -> None:
    elsewhere = pegboard.create_experiment("elsewhere", str(place / "other"))
    with pytest.raises(PegboardError, match="place that this server"):
        made(ASKED | {"experiment_id": elsewhere})
    [run] = pegboard.search_runs([elsewhere], output_format="list")
    assert run.info.status == "FAILED"
    assert run.info.end_time
