"""The flavor keeps the contract with boosters and estimators, and does what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pegboard
import pytest
from pegboard.contracts.models import ModelFlavor
from pegboard_lightgbm.flavor import LightGBMFlavor
from pegboard_testing import FlavorContract
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

CELLS, MALIGNANT = load_breast_cancer(return_X_y=True, as_frame=True)
PATIENTS, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)
IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)


class TestBoosters(FlavorContract):
    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        return LightGBMFlavor()

    @pytest.fixture
    def model(self) -> Any:
        data = lightgbm.Dataset(CELLS, MALIGNANT)
        return lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 5)

    @pytest.fixture
    def sample(self) -> Any:
        return CELLS.head(20)

    @pytest.fixture
    def library(self) -> str:
        return "lightgbm"

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        return {"data", "model_class", "lgb_version"}


class TestEstimators(TestBoosters):
    @pytest.fixture
    def model(self) -> Any:
        model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)
        return model.fit(CELLS, MALIGNANT)

    @pytest.fixture
    def unsafe_options(self) -> Mapping[str, Any]:
        return {"serialization_format": "cloudpickle"}

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        return {"data", "model_class", "serialization_format", "skops_trusted_types"}


def test_estimators_of_every_kind_come_back_with_their_parameters(tmp_path: Path) -> None:
    common = {"n_estimators": 4, "verbose": -1, "n_jobs": 1}
    regressor = lightgbm.LGBMRegressor(**common).fit(PATIENTS, PROGRESS)
    ranker = lightgbm.LGBMRanker(**common).fit(IRIS, SPECIES, group=[75, 75])
    classifier = lightgbm.LGBMClassifier(**common).fit(IRIS, SPECIES.map({0: "a", 1: "b", 2: "c"}))
    for model, data in ((regressor, PATIENTS), (ranker, IRIS), (classifier, IRIS)):
        place = tmp_path / type(model).__name__
        pegboard.lightgbm.save_model(model, place)
        loaded = pegboard.lightgbm.load_model(place)
        assert type(loaded) is type(model)
        assert loaded.get_params() == model.get_params()
        np.testing.assert_array_equal(loaded.predict(data), model.predict(data))


def test_the_best_iteration_of_a_booster_is_kept(tmp_path: Path) -> None:
    train = lightgbm.Dataset(CELLS[::2], MALIGNANT[::2])
    model = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1, "learning_rate": 0.5},
        train,
        60,
        valid_sets=[lightgbm.Dataset(CELLS[1::2], MALIGNANT[1::2], reference=train)],
        callbacks=[lightgbm.early_stopping(2, verbose=False)],
    )
    pegboard.lightgbm.save_model(model, tmp_path / "m")
    loaded = pegboard.lightgbm.load_model(tmp_path / "m")
    assert loaded.best_iteration == model.best_iteration > 0
    np.testing.assert_allclose(loaded.predict(CELLS), model.predict(CELLS))


def test_categories_are_predicted_of_tables(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": pd.Categorical(["x", "y", "z"] * 40), "b": range(120)})
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1)
    model.fit(table, table["b"] % 3)
    pegboard.lightgbm.save_model(model, tmp_path / "m")
    loaded = pegboard.pyfunc.load_model(tmp_path / "m")
    np.testing.assert_allclose(loaded.predict(table), model.predict(table))
