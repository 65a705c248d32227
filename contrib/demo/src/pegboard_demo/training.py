"""The example: how a training script tracks what it does."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import joblib
import pegboard
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from pegboard_demo import figures
from pegboard_demo.models import CANDIDATES, TARGET, Candidate, Data, Stage, load_data

EXPERIMENT = "diabetes-demo"


def compare_models(trained: Callable[[str], None] = lambda _: None) -> str:
    """Train all models, each in a run of its own below one parent; return the parent's id.

    ``trained`` is called with the name of each model that is done.
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
            train(candidate, data)
            trained(candidate.name)
    return parent.info.run_id


def train(candidate: Candidate, data: Data) -> None:
    """Train one model in a nested run, and log all there is to know about it."""
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
        log_model(stage)


def log_model(stage: Stage) -> None:
    """Keep the trained model as a file of the run."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "model.joblib"
        joblib.dump(stage.model, file)
        pegboard.log_artifact(str(file), "model")
