"""A traced agent that is killed, gone on with, compared with another, and becomes the champion.

The agent is of LangChain and openai; it and its judges ask the embedded model, through a gateway.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from gateway import serving

TOML = """
[[gateway.endpoints]]
name = "small"
provider = "llamacpp"
model = "smollm2"
price = { input = 0.1, output = 0.2 }

[[gateway.endpoints]]
name = "capital"
prompt = "capital@production"
provider = "llamacpp"
model = "smollm2"

[registry.gates]
production = ["prompt-tests"]
"""
FORM = """
models: [{model: gateway:/small, params: {temperature: 0, max_tokens: 8}}]
cases: [{vars: {country: France}, assert: [contains: Paris]}]
"""
AGENT = """
import os, sys
from pathlib import Path
import openai
import pegboard
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

name, prompt, run_id = sys.argv[1:]
genai = pegboard.genai
pegboard.openai.autolog()
pegboard.langchain.autolog()
pegboard.set_experiment("capitals")
server = os.environ["PEGBOARD_TRACKING_URI"]
client = openai.OpenAI(base_url=f"{server}/gateway/mlflow/v1", api_key="-")


def complete(prompt):
    system = {"role": "system", "content": "You are a helpful assistant."}
    user = {"role": "user", "content": prompt.messages[0].content}
    answer = client.chat.completions.create(
        model="small", messages=[system, user], max_tokens=8, temperature=0
    )
    return answer.choices[0].message.content


chain = ChatPromptTemplate([("user", prompt)]) | RunnableLambda(complete)


def agent(question):
    with Path(f"{name}.asked").open("a") as file:
        file.write(f"{question}\\n")
    if question == os.environ.get("DIE_AT"):
        os.kill(os.getpid(), 9)
    return chain.invoke({"question": question})


@genai.scorer
def names_it(outputs, expectations):
    return expectations["answer"] in outputs


def judge(name, instructions):
    return genai.make_judge(
        name=name, instructions=instructions, model="endpoints:/small", feedback_value_type=bool,
        inference_params={"max_tokens": 50, "temperature": 0},
    )


judges = [
    judge("polite", "Is {{ outputs }} polite?"),
    judge("relevant", "Is {{ outputs }} about {{ inputs }}?"),
]
rows = [
    {"inputs": {"question": question}, "expectations": {"answer": "Paris"}}
    for question in ("What is the capital of France?", "Name the capital of France.")
]
model = pegboard.set_active_model(name=name)
with pegboard.start_run(run_id=run_id or None, run_name=name) as run:
    print(run.info.run_id, model.model_id, flush=True)
    genai.evaluate(rows, [names_it, *judges], agent, resume=run_id or None)
"""


CLASSIFIER = """
import os, sys, time
from pathlib import Path
import pandas as pd
import pegboard
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

name, iterations, run_id = sys.argv[1:]
pegboard.set_experiment("tumours")
data = load_breast_cancer(as_frame=True)
model = LogisticRegression(max_iter=int(iterations)).fit(data.data[::2], data.target[::2])
table = data.data[1:200:2].assign(target=data.target)


def predict(frame):
    for row in frame.index:
        with Path(f"{name}.asked").open("a") as file:
            file.write(f"{frame.at[row, 'mean radius']} {frame.at[row, 'mean area']}\\n")
        time.sleep(0.03)
        if row == int(os.environ.get("DIE_AT", -1)):
            os.kill(os.getpid(), 9)
    return model.predict(frame)


with pegboard.start_run(run_id=run_id or None, run_name=name) as run:
    logged = pegboard.sklearn.log_model(model, name="model", pip_requirements=[])
    print(run.info.run_id, logged.model_id, flush=True)
    pegboard.evaluate(
        predict, table, targets="target", model_type="classifier", model_id=logged.model_id,
        evaluator_config={"plots": False, "log_model_explainability": False},
        resume=run_id or None,
    )
"""


class Place:
    """Where the script and the commands run, against one server."""

    def __init__(self, place: Path, url: str) -> None:
        self.place = place
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "PEGBOARD_TRACKING_URI": url,
            # One row after the other, so that it is known what is there when it is killed.
            "PEGBOARD_GENAI_EVAL_MAX_WORKERS": "1",
        }
        (place / "agent.py").write_text(AGENT)
        (place / "classifier.py").write_text(CLASSIFIER)

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.place, env=self.env | env, capture_output=True, text=True
        )

    def agent(self, name: str, prompt: str, run_id: str = "", **env: str) -> tuple[int, str, str]:
        """Return the exit code, and the ids of the run and the logged model."""
        return self.script("agent.py", name, prompt, run_id, **env)

    def script(self, *words: str, **env: str) -> tuple[int, str, str]:
        done = self.run(sys.executable, *words, **env)
        assert done.stdout, done.stderr
        identity, model_id = done.stdout.split()[:2]
        return done.returncode, identity, model_id

    def pegboard(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(Path(sys.executable).with_name("pegboard")), *words)

    def told(self, *words: str) -> Any:
        done = self.pegboard(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("gate")
    with serving(folder, pegboard_toml=TOML) as served:
        yield Place(folder, served.url)


def test_an_agent_that_was_killed_and_a_changed_one_are_compared_and_the_better_is_champion(
    place: Place,
) -> None:
    prompt = "{question}"
    code, good, good_model = place.agent("good", prompt, DIE_AT="Name the capital of France.")
    assert code == -9
    assert place.agent("good", prompt, good)[0] == 0
    # The second answer was not there yet when the process was killed.
    asked = (place.place / "good.asked").read_text().splitlines()
    assert [each.split()[0] for each in asked] == ["What", "Name", "Name"]

    shown = place.told("eval", "show", good)
    [right] = [each for each in shown["figures"] if each["name"] == "names_it/mean"]
    assert (right["value"], right["count"], right["failed"]) == (1, 2, 0)
    judges = {each["name"]: each["count"] + each["failed"] for each in shown["figures"]}
    assert {"polite", "relevant"} <= set(shown["costs"])
    assert set(judges.values()) == {2}
    code, bad, bad_model = place.agent("bad", "Count to three.")
    assert code == 0
    for trace in place.told("traces", "list"):
        assert json.loads(trace["trace_metadata"]["mlflow.trace.tokenUsage"])["total_tokens"] > 20
    champion_is_the_better(place, "agent", "names_it", (good, good_model), (bad, bad_model))


def champion_is_the_better(
    place: Place, name: str, metric: str, good: tuple[str, str], bad: tuple[str, str]
) -> None:
    """Register both models (runs and logged models), and let comparisons move the alias."""
    for _, model_id in (good, bad):
        registered = place.pegboard("models", "register", f"models:/{model_id}", name)
        assert registered.returncode == 0, registered.stderr
    gate = ("eval", "compare", "--metric", metric, "--fail-on", "worse")
    for before, after, version in ((good, bad, 2), (bad, good, 1)):
        compared = place.pegboard(*gate, before[0], after[0])
        assert compared.returncode == int(after == bad), compared.stdout + compared.stderr
        if compared.returncode == 0:
            place.told("models", "alias", f"{name}/{version}", "champion")
    assert place.told("models", "show", f"{name}@champion")["version"] == "1"


def test_a_classifier_that_was_killed_goes_the_same_way(place: Place) -> None:
    code, good, good_model = place.script("classifier.py", "fitted", "3000", "", DIE_AT="60")
    assert code == -9
    assert place.script("classifier.py", "fitted", "3000", good)[0] == 0
    asked = (place.place / "fitted.asked").read_text().splitlines()
    # A hundred rows; a second of work was under way.
    assert 100 < len(asked) <= 100 + 70
    assert len({*asked[:30]} & {*asked[62:]}) == 0, "what was kept is not asked again"
    code, bad, bad_model = place.script("classifier.py", "hasty", "1", "")
    assert code == 0
    [accuracy] = [
        each
        for each in place.told("eval", "show", good)["figures"]
        if each["name"] == "accuracy_score"
    ]
    assert accuracy["count"] == 100
    champion_is_the_better(place, "tumours", "correct", (good, good_model), (bad, bad_model))


def test_a_prompt_that_passes_its_tests_answers_clients_at_once_and_another_does_not(
    place: Place,
) -> None:
    def done(*words: str) -> int:
        made = place.pegboard("prompts", *words)
        assert made.returncode in (0, 1), made.stdout + made.stderr
        return made.returncode

    def ask() -> requests.Response:
        body = {"model": "capital", "variables": {"country": "France"}, "max_tokens": 8}
        url = f"{place.env['PEGBOARD_TRACKING_URI']}/v1/chat/completions"
        return requests.post(url, json={**body, "temperature": 0}, timeout=60)

    for name, text in (
        ("good.md", "What is the capital of {{country}}?"),
        ("bad.md", "Count to three in {{country}}."),
        ("capital.eval.yaml", FORM),
    ):
        (place.place / name).write_text(text)
    assert done("register", "capital", "good.md") == 0
    assert done("test", "capital", "--bind", "capital.eval.yaml") == 0
    assert ask().status_code == 404
    assert done("test", "capital/1") == 0
    assert done("alias", "capital/1", "production") == 0
    end = time.monotonic() + 60
    while (answer := ask()).status_code == 404:
        assert time.monotonic() < end
    assert "Paris" in answer.json()["choices"][0]["message"]["content"], answer.text

    assert done("register", "capital", "bad.md") == 0
    assert done("test", "capital") == 1
    refused = place.pegboard("prompts", "alias", "capital/2", "production")
    assert (refused.returncode, "0 of 1 cases pass" in refused.stderr) == (1, True), refused.stderr
    # Who shares callers between versions deploys them, whichever client does it.
    url = f"{place.env['PEGBOARD_TRACKING_URI']}/api/2.0/mlflow/registered-models"
    tag = {"key": "pegboard.prompt.traffic.production", "value": '{"2": 50}'}
    shared = requests.post(f"{url}/set-tag", json={"name": "capital", **tag}, timeout=60)
    assert (shared.status_code >= 400, "0 of 1 cases pass" in shared.text) == (True, True)
    later = requests.post(f"{url}/create", json={"name": "new", "tags": [tag]}, timeout=60)
    assert (later.status_code, "no versions to share" in later.text) == (400, True)
    tag["value"] = '{"1": 50, "3": 50}'
    none = requests.post(f"{url}/set-tag", json={"name": "capital", **tag}, timeout=60)
    assert none.status_code == 404


def test_a_prompt_that_was_tried_is_a_model_that_is_registered_served_and_asks_the_gateway(
    place: Place,
) -> None:
    server = place.env["PEGBOARD_TRACKING_URI"]
    tried = {
        "experiment_id": "0",
        "prompt_template": "What is the capital of {{ country }}?",
        "prompt_parameters": [{"key": "country", "value": "France"}],
        "model_route": "small",
        "model_parameters": [{"key": "temperature", "value": 0}, {"key": "max_tokens", "value": 8}],
        "model_input": "What is the capital of France?",
        "model_output": "Paris",
        "mlflow_version": "2.9.0",
    }
    url = f"{server}/ajax-api/2.0/mlflow/runs/create-promptlab-run"
    run = requests.post(url, json=tried, timeout=60).json()["run"]["info"]["run_id"]
    registered = place.pegboard("models", "register", f"runs:/{run}/model", "capitals")
    assert registered.returncode == 0, registered.stderr
    command = str(Path(sys.executable).with_name("pegboard"))
    words = [command, "models", "serve", "-m", "models:/capitals/1", "--port", "0"]
    serving_model = subprocess.Popen(
        words, cwd=place.place, env=place.env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert serving_model.stdout is not None
        first = serving_model.stdout.readline()
        rows = {"dataframe_records": [{"country": "France"}, {"country": "Italy"}]}
        url = f"{first[first.index('http') :].strip()}/invocations"
        answer = requests.post(url, json=rows, timeout=120)
        assert answer.status_code == 200, answer.text
        france, italy = answer.json()["predictions"]
        assert ("Paris" in france, bool(italy), italy != france) == (True, True, True), answer.text
        lacking = requests.post(url, json={"dataframe_records": [{"town": "x"}]}, timeout=60)
        assert (lacking.status_code, "country" in lacking.text) == (400, True), lacking.text
    finally:
        serving_model.terminate()
        serving_model.wait(30)
