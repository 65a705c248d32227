"""What is logged of trainings by ``xgboost.train`` and by estimators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pegboard
import pytest
import xgboost
from pegboard.entities import Run, RunStatus
from pegboard.errors import InvalidValue
from pegboard_xgboost.training import Training
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV

CELLS, MALIGNANT = load_breast_cancer(return_X_y=True, as_frame=True)


@pytest.fixture(autouse=True)
def switched_off() -> Iterator[None]:
    yield
    pegboard.autolog(disable=True)


def runs() -> list[Run]:
    return pegboard.search_runs(["0"], output_format="list")


def only_run() -> Run:
    (run,) = runs()
    return run


def history(metric: str) -> list[int]:
    points = pegboard.MlflowClient().get_metric_history(only_run().info.run_id, metric)
    return [point.step for point in points]


def matrix() -> Any:
    return xgboost.DMatrix(CELLS, MALIGNANT)


def test_each_round_is_logged_once_and_the_model_has_the_metrics_too() -> None:
    pegboard.xgboost.autolog(log_input_examples=True)
    data, mine = matrix(), []
    params = {"objective": "binary:logistic", "eval_metric": "map@2"}
    given = [xgboost.callback.EvaluationMonitor(logger=mine.append)]
    xgboost.train(params, data, 4, evals=[(data, "train")], callbacks=given, verbose_eval=False)
    assert history("train-map_at_2") == [0, 1, 2, 3]
    assert len(mine) == 4
    assert len(given) == 1
    (output,) = only_run().outputs.model_outputs
    logged = pegboard.get_logged_model(output.model_id)
    assert "train-map_at_2" in {metric.key for metric in logged.metrics}
    assert pegboard.pyfunc.load_model(logged.model_uri).predict(CELLS).shape == (len(CELLS),)


def test_an_estimator_is_logged_as_what_it_is() -> None:
    pegboard.autolog(silent=False)
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2)
    model.fit(CELLS, MALIGNANT, eval_set=[(CELLS, MALIGNANT)], verbose=False)
    held_out = CELLS[::2]
    model.score(held_out, MALIGNANT[::2])
    assert history("validation_0-logloss") == [0, 1, 2]
    assert "XGBClassifier_score_held_out" in only_run().data.metrics
    assert only_run().data.tags["mlflow.autologging"] == "xgboost"
    (output,) = only_run().outputs.model_outputs
    loaded = pegboard.xgboost.load_model(f"models:/{output.model_id}")
    assert isinstance(loaded, xgboost.XGBClassifier)


def test_estimators_in_a_search_are_part_of_it() -> None:
    pegboard.autolog(log_models=False)
    pegboard.sklearn.autolog(log_models=False, max_tuning_runs=0)
    model = xgboost.XGBClassifier(n_estimators=2)
    GridSearchCV(model, {"max_depth": [1, 2]}, cv=2).fit(CELLS, MALIGNANT)
    assert only_run().data.tags["estimator_name"] == "GridSearchCV"


def test_a_training_that_fails_leaves_no_model_behind() -> None:
    pegboard.xgboost.autolog()
    with pytest.raises(xgboost.core.XGBoostError):
        xgboost.train({"objective": "no such"}, matrix(), 2)
    assert only_run().info.status == RunStatus.FAILED
    (model,) = pegboard.search_logged_models(["0"], output_format="list")
    assert str(model.status) == "FAILED"


def test_a_fault_in_a_round_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise AttributeError("a bug")

    monkeypatch.setattr(Training, "record", broken)
    pegboard.xgboost.autolog(log_models=False)
    data = matrix()
    booster = xgboost.train(
        {"objective": "binary:logistic"}, data, 5, evals=[(data, "d")], verbose_eval=False
    )
    assert booster.num_boosted_rounds() == 5
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_importances_are_those_asked_for() -> None:
    pegboard.xgboost.autolog(importance_types=["gain", "no such kind"], log_models=False)
    xgboost.train({"objective": "binary:logistic"}, matrix(), 2)
    files = {item.path for item in pegboard.MlflowClient().list_artifacts(only_run().info.run_id)}
    assert "feature_importance_gain.json" in files
    assert "feature_importance_weight.json" not in files


def test_switched_off_nothing_is_left() -> None:
    before = xgboost.train, xgboost.sklearn.train, xgboost.DMatrix.__init__
    pegboard.xgboost.autolog()
    pegboard.xgboost.autolog(disable=True)
    assert before == (xgboost.train, xgboost.sklearn.train, xgboost.DMatrix.__init__)
    with pytest.raises(InvalidValue, match="model_format"):
        pegboard.xgboost.autolog(model_format="pickle")
