"""Pipelines that we save load in the real MLflow, and pipelines that it saves load here."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pegboard
import pytest
import torch

PEERS = Path(__file__).resolve().parents[3] / "tests" / "peers"
TEXTS = ["the cat sat", "a dog ran fast on the mat"]
CLASSIFICATION, GENERATION = "text-classification", "text-generation"
TASKS = [CLASSIFICATION, GENERATION]
OPTIONS: dict[str, dict[str, Any]] = {
    CLASSIFICATION: {},
    GENERATION: {"max_new_tokens": 3, "do_sample": False},
}

# Loads what we saved, and saves the checkpoints; says what all of them predict.
SCRIPT = """
import json
import mlflow
import torch
import transformers

torch.set_num_threads(1)
with open("given.json") as file:
    given = json.load(file)
texts = given["texts"]

def predictions(place, options):
    predicted = mlflow.pyfunc.load_model(place).predict(texts)
    return {
        "native": mlflow.transformers.load_model(place)(texts, **options),
        "pyfunc": predicted if isinstance(predicted, list) else predicted.to_dict("records"),
    }

said = {"mlflow": mlflow.__version__}
for task, options in given["options"].items():
    mlflow.transformers.save_model(
        transformers.pipeline(task, model=f"checkpoint-{task}"),
        f"theirs-{task}",
        input_example=texts,
        model_config=options,
        pip_requirements=["torch", "transformers"],
    )
    said[task] = {
        side: predictions(f"{side}-{task}", options) for side in ("ours", "theirs")
    }
with open("said.json", "w") as file:
    json.dump(said, file)
"""


@pytest.fixture(scope="module")
def pipelines(make: Callable[[str], Any]) -> dict[str, Any]:
    """Return pipelines whose weights are so large that no two texts are alike to them."""
    made = {task: make(task) for task in TASKS}
    torch.manual_seed(11)
    for pipeline in made.values():
        for parameter in pipeline.model.parameters():
            torch.nn.init.normal_(parameter)
    return made


@pytest.fixture(scope="module")
def place(pipelines: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory where we and MLflow saved pipelines, and MLflow loaded ours."""
    place = tmp_path_factory.mktemp("mlflow")
    packages = place / "packages"
    runpy.run_path(str(PEERS / "__init__.py"))["uv"](
        *("pip", "install", "--quiet", "--no-deps", "--python", sys.executable),
        *("--target", str(packages), "--requirement", str(PEERS / "mlflow-skinny.txt")),
    )
    for task, pipeline in pipelines.items():
        pegboard.transformers.save_model(
            pipeline, place / f"ours-{task}", input_example=TEXTS, model_config=OPTIONS[task]
        )
        pipeline.save_pretrained(place / f"checkpoint-{task}")
    (place / "given.json").write_text(json.dumps({"texts": TEXTS, "options": OPTIONS}))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        "DO_NOT_TRACK": "true",
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_DEFAULT_PREDICTION_DEVICE": "cpu",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db",
        # PyTorch stays that of this environment: MLflow's client does not come with one.
        "PYTHONPATH": str(packages),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def said(place: Path) -> Any:
    """Return what MLflow loaded and predicted."""
    return json.loads((place / "said.json").read_text())


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def expected(pipelines: dict[str, Any], task: str) -> list[Any]:
    """Return what the pipeline of a task says of each text before it is saved."""
    return plain(pipelines[task](TEXTS, **OPTIONS[task]))


def plain(predicted: Any) -> list[Any]:
    """Return one text, or one label and score, for each text that was given."""
    rows = predicted if isinstance(predicted, list) else predicted.to_dict("records")
    rows = [row[0] if isinstance(row, list) else row for row in rows]
    return [row.get("generated_text", row) if isinstance(row, dict) else row for row in rows]


def assert_same(predicted: Any, expected: list[Any]) -> None:
    found = plain(predicted)
    assert len(found) == len(expected) == len(TEXTS)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, dict):
            other = {**other, "score": pytest.approx(other["score"], rel=1e-4)}
        assert one == other


def test_it_was_the_mlflow_of_the_pins(said: Any) -> None:
    assert f"mlflow-skinny=={said['mlflow']}" == (PEERS / "mlflow-skinny.in").read_text().strip()


def test_the_predictions_tell_the_texts_apart(expected: list[Any]) -> None:
    one, other = expected
    if isinstance(one, dict):
        assert one["score"] != pytest.approx(other["score"], rel=1e-2)
    else:
        assert one.removeprefix(TEXTS[0]) != other.removeprefix(TEXTS[1])


def test_mlflow_predicts_with_ours_what_we_predict(
    said: Any, task: str, expected: list[Any]
) -> None:
    assert_same(said[task]["ours"]["native"], expected)
    assert_same(said[task]["ours"]["pyfunc"], expected)


def test_we_predict_with_mlflows_what_it_predicts(
    place: Path, said: Any, task: str, expected: list[Any]
) -> None:
    saved = place / f"theirs-{task}"
    assert_same(said[task]["theirs"]["native"], expected)
    assert_same(pegboard.transformers.load_model(saved)(TEXTS, **OPTIONS[task]), expected)
    # The arguments of every prediction are among its files.
    ours = pegboard.pyfunc.load_model(saved).predict(TEXTS)
    assert_same(ours, expected)
    assert_same(ours, plain(said[task]["theirs"]["pyfunc"]))
