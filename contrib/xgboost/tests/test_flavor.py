"""The flavor keeps the contract with boosters and estimators, and does what is its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
import xgboost
from pegboard.contracts.models import ModelFlavor, Trust
from pegboard.errors import InvalidValue, Refused
from pegboard_testing import FlavorContract
from pegboard_xgboost.flavor import XGBoostFlavor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

CELLS, MALIGNANT = load_breast_cancer(return_X_y=True, as_frame=True)
PATIENTS, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)
IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)


def booster() -> Any:
    data = xgboost.DMatrix(CELLS, MALIGNANT)
    return xgboost.train({"objective": "binary:logistic", "max_depth": 2}, data, 5)


class TestBoosters(FlavorContract):
    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        return XGBoostFlavor()

    @pytest.fixture
    def model(self) -> Any:
        return booster()

    @pytest.fixture
    def sample(self) -> Any:
        return CELLS.head(20)

    @pytest.fixture
    def library(self) -> str:
        return "xgboost"

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        return {"data", "model_class", "model_format", "xgb_version"}

    def predict(self, model: Any, sample: Any) -> Any:
        return model.predict(xgboost.DMatrix(sample))


class TestEstimators(TestBoosters):
    @pytest.fixture
    def model(self) -> Any:
        return xgboost.XGBClassifier(n_estimators=5, max_depth=2).fit(CELLS, MALIGNANT)

    @pytest.fixture(params=["ubj", "json"])
    def options(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"model_format": request.param}

    def predict(self, model: Any, sample: Any) -> Any:
        return model.predict(sample)


@pytest.mark.parametrize(
    "model",
    [
        xgboost.XGBRegressor(n_estimators=4, learning_rate=0.5, random_state=3),
        xgboost.XGBRFRegressor(n_estimators=4),
        xgboost.XGBRegressor(n_estimators=4, booster="gblinear"),
    ],
    ids=repr,
)
def test_estimators_come_back_with_their_parameters(model: Any, tmp_path: Path) -> None:
    model.fit(PATIENTS, PROGRESS)
    pegboard.xgboost.save_model(model, tmp_path / "m")
    loaded = pegboard.xgboost.load_model(tmp_path / "m")
    assert type(loaded) is type(model)
    assert str(loaded.get_params()) == str(model.get_params())
    np.testing.assert_allclose(loaded.predict(PATIENTS), model.predict(PATIENTS))


def test_a_loaded_estimator_learns_as_the_saved_one_did(tmp_path: Path) -> None:
    model = xgboost.XGBRegressor(n_estimators=3, max_depth=2, n_jobs=1).fit(PATIENTS, PROGRESS)
    before = model.predict(PATIENTS)
    pegboard.xgboost.save_model(model, tmp_path / "m")
    again = pegboard.xgboost.load_model(tmp_path / "m").fit(PATIENTS, PROGRESS)
    np.testing.assert_allclose(again.predict(PATIENTS), before, rtol=1e-3)


def test_several_outputs_and_early_stopping_are_kept(tmp_path: Path) -> None:
    model = xgboost.XGBClassifier(n_estimators=40, early_stopping_rounds=2)
    model.fit(IRIS[::2], SPECIES[::2], eval_set=[(IRIS, SPECIES)], verbose=False)
    pegboard.xgboost.save_model(model, tmp_path / "m")
    loaded = pegboard.xgboost.load_model(tmp_path / "m")
    assert loaded.best_iteration == model.best_iteration
    np.testing.assert_allclose(loaded.predict_proba(IRIS), model.predict_proba(IRIS))


def test_categories_are_predicted_of_tables(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": pd.Categorical(["x", "y", "z"] * 20), "b": range(60)})
    data = xgboost.DMatrix(table, table["b"] % 3, enable_categorical=True)
    model = xgboost.train({}, data, 3)
    pegboard.xgboost.save_model(model, tmp_path / "m")
    loaded = pegboard.pyfunc.load_model(tmp_path / "m")
    np.testing.assert_allclose(loaded.predict(table), model.predict(data))


class Own(xgboost.XGBRegressor):  # type: ignore[misc]
    """An estimator of the user's."""


def test_a_class_of_the_users_is_made_only_if_trusted(tmp_path: Path) -> None:
    flavor, name = XGBoostFlavor(), f"{Own.__module__}.Own"
    saved = flavor.save(Own(n_estimators=2).fit(PATIENTS, PROGRESS), tmp_path, {})
    with pytest.raises(Refused, match=name):
        flavor.load(tmp_path, saved.config, Trust())
    assert isinstance(flavor.load(tmp_path, saved.config, Trust(types=[name])), Own)
    with pytest.raises(InvalidValue, match="no_such"):
        flavor.load(tmp_path, {**saved.config, "model_class": "no_such.Thing"}, Trust(pickle=True))


def test_a_function_as_objective_is_left_out(tmp_path: Path) -> None:
    def objective(truth: Any, predicted: Any) -> Any:
        return predicted - truth, np.ones_like(truth)

    model = xgboost.XGBRegressor(n_estimators=2, objective=objective).fit(PATIENTS, PROGRESS)
    saved = XGBoostFlavor().save(model, tmp_path, {})
    assert "objective" not in saved.config["wrapper_params"]
    loaded = XGBoostFlavor().load(tmp_path, saved.config, Trust())
    np.testing.assert_allclose(loaded.predict(PATIENTS), model.predict(PATIENTS), rtol=1e-5)
