"""The example: how a training script tracks what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pegboard
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from pegboard_demo import figures
from pegboard_demo.models import CANDIDATES, TARGET, Candidate, Data, load_data

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard.entities.registry import ModelVersion

EXPERIMENT = "diabetes-demo"
MODEL = "model"


def compare_models(trained: Callable[[str, float], None] = lambda *_: None) -> str:
    """Train all models, each in a run of its own below one parent; return the parent's id.

    ``trained`` is called with the name of each model that is done, and how good it is (r2).
    """
    data = load_data()
    pegboard.set_experiment(EXPERIMENT)
    with pegboard.start_run(run_name="model-comparison", tags={"purpose": "demo"}) as parent:
        for part, context in (("train", "training"), ("test", "testing")):
            dataset = pegboard.data.from_pandas(
                getattr(data, part),
                source="sklearn.datasets.load_diabetes",
                targets=TARGET,
                name=f"diabetes-{part}",
            )
            pegboard.log_input(dataset, context=context)
        for candidate in CANDIDATES:
            trained(candidate.name, train(candidate, data))
    return parent.info.run_id


def train(candidate: Candidate, data: Data) -> float:
    """Train one model in a nested run, log all there is to know about it, and return its r2."""
    truth = {part: data.split(part)[1].to_numpy() for part in ("train", "test")}
    steps, train_errors, test_errors = [], [], []
    with pegboard.start_run(run_name=candidate.name, nested=True):
        pegboard.set_tag("family", candidate.family)
        pegboard.log_param("model", candidate.name)
        pegboard.log_params(candidate.params)

        for stage in candidate.fit(candidate.params, data):
            scores = {
                "r2": r2_score(truth["test"], stage.on_test),
                "mae": mean_absolute_error(truth["test"], stage.on_test),
                "rmse": root_mean_squared_error(truth["test"], stage.on_test),
                "train_rmse": root_mean_squared_error(truth["train"], stage.on_train),
            }
            pegboard.log_metrics(scores, step=stage.step)
            steps.append(stage.step)
            train_errors.append(scores["train_rmse"])
            test_errors.append(scores["rmse"])

        pegboard.log_figure(
            figures.predicted_vs_true(truth["test"], stage.on_test, candidate.name),
            "predicted_vs_true.png",
        )
        pegboard.log_figure(
            figures.learning_curve(steps, train_errors, test_errors, candidate.name),
            "learning_curve.png",
        )
        example = data.split("test")[0].head(2)
        pegboard.sklearn.log_model(stage.model, name=MODEL, input_example=example)
    return float(scores["r2"])


def register(run: Run) -> ModelVersion:
    """Make the model of a run a version of the demo's registered model."""
    version: ModelVersion = pegboard.register_model(f"runs:/{run.info.run_id}/{MODEL}", EXPERIMENT)
    return version
