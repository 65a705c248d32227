"""The example: how a training script tracks what it does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pegboard

from pegboard_demo import figures, texts
from pegboard_demo.models import (
    CANDIDATES,
    SWEEP,
    TARGET,
    Candidate,
    Data,
    Stage,
    boost,
    load_data,
)

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard.entities.registry import ModelVersion

EXPERIMENT = "diabetes-demo"
MODEL = "model"
ALIAS = "champion"
PICTURED = (1, 2, 3, 5, 8, 13, 25, 50, 100, 200, 500)
"""After how many steps of a training a picture is logged."""
NOTE = "mlflow.note.content"


def compare_models(trained: Callable[[str, float], None] = lambda *_: None) -> str:
    """Train all models, each in a run of its own; return what their tag ``round`` says.

    ``trained`` is called with the name of each model that is done, and how good it is (r2).
    """
    data, this = load_data(), uuid.uuid4().hex[:8]
    pegboard.set_experiment(EXPERIMENT)
    pegboard.set_experiment_tag(NOTE, texts.OF_EXPERIMENT)
    for candidate in CANDIDATES:
        trained(candidate.name, train(candidate, data, this))
    return this


def train(candidate: Candidate, data: Data, this: str) -> float:
    """Train one model in a run, log all there is to know about it, and return its r2."""
    truth = {part: data.split(part)[1].to_numpy() for part in ("train", "test")}
    steps, train_errors, test_errors = [], [], []
    with pegboard.start_run(run_name=candidate.name, tags={"purpose": "demo", "round": this}):
        pegboard.set_tag("family", candidate.family)
        for part, context in (("train", "training"), ("test", "testing")):
            dataset = pegboard.data.from_pandas(
                getattr(data, part),
                source="sklearn.datasets.load_diabetes",
                targets=TARGET,
                name=f"diabetes-{part}",
            )
            pegboard.log_input(dataset, context=context)
        pegboard.log_param("model", candidate.name)
        pegboard.log_params(candidate.params)

        for count, stage in enumerate(candidate.fit(candidate.params, data), start=1):
            scores = log_scores(stage, truth)
            steps.append(stage.step)
            train_errors.append(scores["train_rmse"])
            test_errors.append(scores["rmse"])
            if count in PICTURED:
                picture = figures.density(truth["test"], stage.on_test)
                pegboard.log_image(picture, key="predictions", step=stage.step)

        pegboard.log_figure(
            figures.predicted_vs_true(truth["test"], stage.on_test, candidate.name),
            "predicted_vs_true.png",
        )
        pegboard.log_figure(
            figures.learning_curve(steps, train_errors, test_errors, candidate.name),
            "learning_curve.png",
        )
        pegboard.log_table(predictions(data, stage), "predictions.json")
        example = data.split("test")[0].head(2)
        pegboard.sklearn.log_model(stage.model, name=MODEL, input_example=example)
        if candidate.name == "gradient-boosting":
            sweep(data, truth)
    return scores["r2"]


def sweep(data: Data, truth: Mapping[str, np.ndarray]) -> None:
    """Try other settings of gradient boosting, each in a run below the open one."""
    for number, params in enumerate(SWEEP, start=1):
        with pegboard.start_run(run_name=f"setting-{number}", nested=True):
            pegboard.set_tag("family", "trees")
            pegboard.log_params({"model": "gradient-boosting", **params})
            for stage in boost(params, data):
                log_scores(stage, truth)


def log_scores(stage: Stage, truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Log how good a model is after a step, and return it."""
    # scikit-learn's functions check their arguments for longer than most steps train.
    error = stage.on_test - truth["test"]
    scores = {
        "r2": float(1 - np.mean(error**2) / np.var(truth["test"])),
        "mae": float(np.mean(np.abs(error))),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "train_rmse": float(np.sqrt(np.mean((stage.on_train - truth["train"]) ** 2))),
    }
    pegboard.log_metrics(scores, step=stage.step)
    return scores


def predictions(data: Data, stage: Stage) -> pd.DataFrame:
    """Return a row for each patient that was tested on, the worst predicted first."""
    features, truth = data.split("test")
    table = pd.DataFrame(
        {
            "patient": features.index,
            "measured": truth.round(1),
            "predicted": stage.on_test.round(1),
            "error": (stage.on_test - truth).round(1),
            "bmi": features["bmi"].round(4),
            "blood_pressure": features["bp"].round(4),
        }
    )
    return table.sort_values("error", key=abs, ascending=False, ignore_index=True)


def register(runs: Sequence[Run]) -> ModelVersion:
    """Register the second best model and then the best, which takes over the alias ``champion``.

    Return the version of the best, whose run gets a note.
    """
    client = pegboard.Client()
    reason, before = "the first that is good enough", None
    client.set_tag(runs[0].info.run_id, NOTE, texts.of_best(runs))
    for run in runs[1::-1]:
        uri = f"runs:/{run.info.run_id}/{MODEL}"
        version: ModelVersion = pegboard.register_model(uri, EXPERIMENT)
        r2 = run.data.metrics["r2"]
        if before is not None:
            reason = f"r2 {r2:.3f} instead of {before:.3f}"
        client.set_registered_model_alias(EXPERIMENT, ALIAS, version.version, reason=reason)
        before = r2
    return version
