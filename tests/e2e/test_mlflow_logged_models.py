"""Logged models of MLflow's own client package, unchanged, against our server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from served import run_script, serving

SCRIPT = """
from mlflow.entities import LoggedModelInput, LoggedModelOutput, Metric
from mlflow.exceptions import MlflowException

experiment_id = mlflow.set_experiment("models").experiment_id
client = mlflow.MlflowClient()
answer = {}

with mlflow.start_run() as run:
    model = mlflow.initialize_logged_model(
        "net", params={"lr": "0.1"}, tags={"team": "blue"}, model_type="agent"
    )
    mlflow.log_metric("acc", 0.5, step=3, model_id=model.model_id)
    mlflow.log_metrics({"a": 1.0, "b": 2.0}, model_id=model.model_id)
    mlflow.log_outputs([LoggedModelOutput(model.model_id, step=3)])
client.log_batch(
    run.info.run_id,
    metrics=[Metric("acc", 0.9, 5, 4, model.model_id, "iris", "d1")],
)
of_run = model.source_run_id == run.info.run_id
answer["made"] = [model.name, str(model.status), model.params, of_run]
answer["place"] = model.artifact_location.endswith(f"/models/{model.model_id}/artifacts")
mlflow.finalize_logged_model(model.model_id, "READY")
mlflow.log_model_params({"depth": "3"}, model_id=model.model_id)
mlflow.set_logged_model_tags(model.model_id, {"a/b": "c", "gone": "x"})
mlflow.delete_logged_model_tag(model.model_id, "gone")
again = mlflow.get_logged_model(model.model_id)
tags = {key: value for key, value in again.tags.items() if not key.startswith("mlflow.")}
answer["read"] = [str(again.status), again.params, tags, again.model_type]
answer["metrics"] = sorted(
    [m.key, m.value, m.step, m.dataset_name, m.run_id == run.info.run_id] for m in again.metrics
)
whole = client.get_run(run.info.run_id)
answer["run"] = [
    [[o.model_id == model.model_id, o.step] for o in whole.outputs.model_outputs],
    whole.data.metrics,
]

others = [client.create_logged_model(experiment_id, name=f"n{n}") for n in range(3)]
client.log_inputs(whole.info.run_id, models=[LoggedModelInput(others[0].model_id)])
answer["inputs"] = len(client.get_run(run.info.run_id).inputs.model_inputs)

def names(**more):
    found = mlflow.search_logged_models(output_format="list", **more)
    return [m.name for m in found]

answer["found"] = [
    names(filter_string="metrics.acc > 0.8"),
    names(filter_string="metrics.acc > 0.8", datasets=[{"dataset_name": "iris"}]),
    names(filter_string="metrics.acc < 0.6", datasets=[{"dataset_name": "iris"}]),
    names(filter_string="params.lr = '0.1' AND tags.team = 'blue'"),
    sorted(names(filter_string="name LIKE 'n_'")),
    names(order_by=[{"field_name": "metrics.acc", "ascending": False}])[0],
    names(order_by=[{"field_name": "name"}], max_results=2),
]
page = client.search_logged_models([experiment_id], max_results=3)
rest = client.search_logged_models([experiment_id], max_results=3, page_token=page.token)
answer["pages"] = [len(page), len(rest), rest.token]

client.delete_logged_model(others[0].model_id)
answer["errors"] = []
for call in (
    lambda: mlflow.get_logged_model(others[0].model_id),
    lambda: mlflow.delete_logged_model_tag(model.model_id, "never"),
    lambda: client.create_logged_model(experiment_id, name="a/b"),
    lambda: client.create_logged_model("4040"),
    lambda: names(filter_string="nothing = 1"),
):
    try:
        call()
    except MlflowException as error:
        answer["errors"].append(error.error_code)
"""

EXPECTED = {
    "made": ["net", "PENDING", {"lr": "0.1"}, True],
    "place": True,
    "read": [
        "READY",
        {"lr": "0.1", "depth": "3"},
        {"team": "blue", "a/b": "c"},
        "agent",
    ],
    "metrics": [
        ["a", 1.0, 0, None, True],
        ["acc", 0.5, 3, None, True],
        ["acc", 0.9, 4, "iris", True],
        ["b", 2.0, 0, None, True],
    ],
    "run": [[[True, 3]], {"acc": 0.9, "a": 1.0, "b": 2.0}],
    "inputs": 2,
    "found": [["net"], ["net"], [], ["net"], ["n0", "n1", "n2"], "net", ["n0", "n1"]],
    "pages": [3, 1, None],
    "errors": [
        "RESOURCE_DOES_NOT_EXIST",
        "RESOURCE_DOES_NOT_EXIST",
        "INVALID_PARAMETER_VALUE",
        "RESOURCE_DOES_NOT_EXIST",
        "INVALID_PARAMETER_VALUE",
    ],
}


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory, mlflow_python: Path) -> Any:
    place = tmp_path_factory.mktemp("models")
    with serving(place) as url:
        return run_script(mlflow_python, url, place, SCRIPT)


@pytest.mark.parametrize("topic", list(EXPECTED))
def test_models_are_made_measured_found_and_deleted(answer: Any, topic: str) -> None:
    assert answer[topic] == EXPECTED[topic]


LATER = """
import math

mlflow.set_experiment("later")
client = mlflow.MlflowClient()

class Doubling(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input

with mlflow.start_run() as run:
    mlflow.log_metric("acc", 0.5)
    mlflow.log_metrics({"loss": 0.25, "nan": math.nan})
    for step in range(3):
        mlflow.log_metric("curve", step / 2, step=step)
    info = mlflow.pyfunc.log_model(
        name="doubling", python_model=Doubling(), pip_requirements=["mlflow"]
    )
keys = ("acc", "loss", "nan", "curve")
answer = {
    "history": {key: len(client.get_metric_history(run.info.run_id, key)) for key in keys},
    "model": sorted([m.key, m.step] for m in mlflow.get_logged_model(info.model_id).metrics),
    "latest": client.get_run(run.info.run_id).data.metrics["curve"],
}
"""


def test_a_model_logged_after_the_metrics_gets_them_and_the_run_keeps_them_once(
    tmp_path: Path, mlflow_python: Path
) -> None:
    with serving(tmp_path) as url:
        answer = run_script(mlflow_python, url, tmp_path, LATER)
    assert answer == {
        "history": {"acc": 1, "loss": 1, "nan": 1, "curve": 3},
        "model": [["acc", 0], ["curve", 0], ["loss", 0], ["nan", 0]],
        "latest": 1.0,
    }
