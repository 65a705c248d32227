"""What is logged of trainings by ``lightgbm.train`` and by estimators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np
import pegboard
import pytest
from pegboard.entities import Run, RunStatus
from sklearn.datasets import load_breast_cancer

CELLS, MALIGNANT = load_breast_cancer(return_X_y=True, as_frame=True)
PARAMS = {"objective": "binary", "verbose": -1, "num_threads": 1}


@pytest.fixture(autouse=True)
def switched_off() -> Iterator[None]:
    yield
    pegboard.autolog(disable=True)


def only_run() -> Run:
    (run,) = pegboard.search_runs(["0"], output_format="list")
    return run


def history(metric: str) -> list[int]:
    points = pegboard.MlflowClient().get_metric_history(only_run().info.run_id, metric)
    return [point.step for point in points]


def test_each_round_is_logged_and_the_best_once_more() -> None:
    pegboard.lightgbm.autolog()
    train = lightgbm.Dataset(CELLS[::2], MALIGNANT[::2])
    test = lightgbm.Dataset(CELLS[1::2], MALIGNANT[1::2], reference=train)
    stop = lightgbm.early_stopping(2, verbose=False)
    model = lightgbm.train(
        {**PARAMS, "learning_rate": 0.5}, train, 50, valid_sets=[test], callbacks=[stop]
    )
    metrics = only_run().data.metrics
    assert metrics["best_iteration"] == model.best_iteration < 50
    rounds = int(metrics["stopped_iteration"])
    assert history("valid_0-binary_logloss") == list(range(rounds + 1))
    (output,) = only_run().outputs.model_outputs
    generic = pegboard.pyfunc.load_model(f"models:/{output.model_id}")
    np.testing.assert_allclose(generic.predict(CELLS), model.predict(CELLS))
    assert generic.metadata.signature.inputs.input_names() == list(CELLS.columns)
    files = {item.path for item in pegboard.MlflowClient().list_artifacts(only_run().info.run_id)}
    assert files >= {"feature_importance_gain.json", "feature_importance_split.json"}


def test_an_estimator_is_logged_as_what_it_is() -> None:
    pegboard.autolog()
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(CELLS, MALIGNANT)
    held_out = CELLS[::2]
    model.score(held_out, MALIGNANT[::2])
    assert "LGBMClassifier_score_held_out" in only_run().data.metrics
    (output,) = only_run().outputs.model_outputs
    loaded = pegboard.lightgbm.load_model(f"models:/{output.model_id}")
    assert isinstance(loaded, lightgbm.LGBMClassifier)


def test_an_exception_of_the_training_is_the_users() -> None:
    def metric(predicted: Any, data: Any) -> Any:
        raise LookupError("the user's own")

    pegboard.lightgbm.autolog()
    train = lightgbm.Dataset(CELLS, MALIGNANT)
    with pytest.raises(LookupError, match="the user's own"):
        lightgbm.train(PARAMS, train, 3, valid_sets=[train], feval=metric)
    assert only_run().info.status == RunStatus.FAILED


def test_switched_off_nothing_is_left() -> None:
    before = lightgbm.train, lightgbm.sklearn.train, lightgbm.LGBMModel.fit
    pegboard.lightgbm.autolog()
    pegboard.lightgbm.autolog(disable=True)
    assert before == (lightgbm.train, lightgbm.sklearn.train, lightgbm.LGBMModel.fit)
