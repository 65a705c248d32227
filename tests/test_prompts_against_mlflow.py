"""Prompts: the real MLflow's client and ours see the same in one registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pegboard
import pytest
import requests
from pegboard_prompts import cache
from pegboard_testing.isolation import separate_tracking
from served import scripts, serving

SHOWN = """
def shown(p):
    return [p.name, p.version, p.template, sorted(p.variables), p.commit_message or None, p.tags,
            p.response_format, p.model_config, sorted(p.aliases), p.is_text_prompt, p.uri,
            p.to_single_brace_format()]
"""
REGISTER = """
load, register = mlflow.genai.load_prompt, mlflow.genai.register_prompt
register("greet", "Hello {{ name }}, {{a.b}} {{c-d}}", commit_message="first", tags={"t": "1"})
register("greet", [{"role": "system", "content": "{{x}}"}, {"role": "user", "content": "ü"}],
         response_format={"type": "object"}, model_config={"model_name": "m", "top_p": 0.5})
mlflow.genai.set_prompt_alias("greet", alias="live", version=1)
mlflow.genai.set_prompt_tag("greet", "team", "a")
mlflow.genai.set_prompt_version_tag("greet", 2, "by", "me")
"""
READ = """
answer = [shown(mlflow.genai.load_prompt(uri, cache_ttl_seconds=0)) for uri in URIS]
"""
URIS = ["prompts:/greet/1", "prompts:/greet/2", "prompts:/greet@live", "greet"]


@pytest.fixture(scope="module")
def run(
    mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Any]]:
    """Run code with MLflow's client, and track to the same server with ours."""
    place = tmp_path_factory.mktemp("prompts")
    cache.clear()
    with serving(place) as url, scripts(mlflow_python, url, place) as run, separate_tracking(place):
        pegboard.set_tracking_uri(url)
        yield run
    cache.clear()


def ours(code: str, **names: Any) -> Any:
    """Run the same code with our client."""
    given = {"mlflow": pegboard, **names}
    exec(code, given)
    return given.get("answer")


def test_both_clients_see_what_either_registers(run: Callable[[str], Any]) -> None:
    uris = f"URIS = {URIS!r}\n"
    run(REGISTER + "answer = 0")
    theirs = run(SHOWN + uris + READ)
    assert ours(SHOWN + uris + READ) == theirs
    assert theirs[1][6:8] == [{"type": "object"}, {"model_name": "m", "top_p": 0.5}]
    other = "[each.replace('greet', 'ours') for each in URIS]"
    ours(REGISTER.replace("greet", "ours"))
    code = SHOWN + uris + READ.replace("in URIS", f"in {other}")
    again = run(code)
    assert again == ours(code)
    assert [each[2:10] for each in again] == [each[2:10] for each in theirs]
    found = "[(p.name, p.tags['team']) for p in mlflow.genai.search_prompts(\"name LIKE '%r%'\")]"
    both = [["greet", "a"], ["ours", "a"]]
    assert run(f"answer = {found}") == both == [list(each) for each in ours(f"answer = {found}")]


def test_extensions_are_whole_prompts_to_mlflow(run: Callable[[str], Any]) -> None:
    pegboard.register_prompt("footer", "Bye, {{name}}")
    pegboard.set_prompt_alias("footer", "live", 1)
    count = {"n": {"type": "integer", "default": 3}}
    pegboard.register_prompt("letter", "{{n}} x. {{> footer@live }}", variables=count)
    pegboard.set_prompt_alias("letter", "live", 1)
    pegboard.set_prompt_traffic("letter", {1: 1}, "live")
    code = """
        prompt = mlflow.genai.load_prompt("prompts:/letter@live")
        with mlflow.start_run() as run, mlflow.start_span("s") as span:
            mlflow.genai.load_prompt("letter")
        mlflow.flush_trace_async_logging()
        answer = [prompt.format(n=4, name="Ann"), run.info.run_id, span.trace_id]
    """
    text, run_id, trace_id = run(code)
    assert text == "4 x. Bye, Ann"
    client = pegboard.Client()
    assert [each.uri for each in client.list_linked_prompts(run_id)] == ["prompts:/letter/1"]
    found = pegboard.search_traces(filter_string="prompt = 'letter/1'", return_type="list")
    assert [each.info.trace_id for each in found] == [trace_id]


def test_mlflow_loads_the_model_of_a_prompt_that_was_tried(run: Callable[[str], Any]) -> None:
    asked: Any = {
        "experiment_id": "0",
        "prompt_template": "Say {{word}}",
        "prompt_parameters": [{"key": "word", "value": "hi"}],
        "model_route": "chat",
        "model_parameters": [{"key": "temperature", "value": 0.5}],
        "model_input": "Say hi",
        "model_output": "hi",
        "mlflow_version": "2.9.0",
        "tags": [{"key": "team", "value": "a"}],
    }
    url = f"{pegboard.get_tracking_uri()}/ajax-api/2.0/mlflow/runs/create-promptlab-run"
    answer = requests.post(url, json=asked, timeout=60)
    assert answer.status_code == 200, answer.text
    run_id = answer.json()["run"]["info"]["run_id"]
    loaded = run(f"""
        model = mlflow.pyfunc.load_model("runs:/{run_id}/model")
        inner = model._model_impl
        table = mlflow.load_table("eval_results_table.json", run_ids=["{run_id}"])
        answer = [inner.prompt_template, inner.model_route,
                  [[p.key, p.value] for p in inner.model_parameters],
                  model.metadata.get_input_schema().input_names(), table.to_dict("list")]
    """)
    row = {"word": ["hi"], "prompt": ["Say hi"], "output": ["hi"]}
    assert loaded == ["Say {{word}}", "chat", [["temperature", "0.5"]], ["word"], row]
    refused = requests.post(url, json={**asked, "model_route": ""}, timeout=60)
    assert refused.status_code == 400
    assert refused.json()["message"] == "CreatePromptlabRun request must specify model_route."
