"""The flavor keeps the contract with models of many kinds, and does what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from pegboard.contracts.models import ModelFlavor, Trust
from pegboard.errors import InvalidValue, Refused
from pegboard_sklearn import public_estimators, serialization
from pegboard_sklearn.flavor import SklearnFlavor
from pegboard_testing import FlavorContract
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris, load_linnerud
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)
NAMES = SPECIES.map(dict(enumerate(load_iris().target_names)))
PATIENTS, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)


def mixed() -> tuple[Any, pd.DataFrame]:
    """Return a pipeline for a table with numbers and text, and the table."""
    table = IRIS.assign(color=np.where(np.arange(len(IRIS)) % 3, "red", "blue"))
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), list(IRIS.columns)), ("text", OneHotEncoder(), ["color"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(table, NAMES), table


def fitted() -> dict[str, tuple[Any, Any]]:
    """Return models and their input, by what they are."""
    measures, exercises = load_linnerud(return_X_y=True)
    trees = StackingClassifier([("tree", DecisionTreeClassifier())], LogisticRegression())
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1]}, cv=2)
    search.set_params(scoring="accuracy")
    progress = [
        HistGradientBoostingRegressor(max_iter=5),
        GaussianProcessRegressor(),
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=5),
    ]
    species = [
        RandomForestClassifier(5),
        GradientBoostingClassifier(n_estimators=3),
        KNeighborsClassifier(),
        trees,
        search,
    ]
    models = {type(model).__name__: (model.fit(IRIS, NAMES), IRIS) for model in species}
    models |= {
        type(model).__name__: (model.fit(PATIENTS, PROGRESS), PATIENTS) for model in progress
    }
    several = MultiOutputRegressor(LinearRegression()).fit(measures, exercises)
    return {
        **models,
        "clusters": (KMeans(3, n_init=1).fit(IRIS), IRIS),
        "columns": mixed(),
        "several outputs": (several, measures),
        "made of functions": (
            make_pipeline(FunctionTransformer(np.log1p), LinearRegression()).fit(IRIS, SPECIES),
            IRIS,
        ),
    }


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[Any, Any]]:
    return fitted()


class TestSklearnFlavor(FlavorContract):
    @pytest.fixture
    def flavor(self) -> ModelFlavor:
        return SklearnFlavor()

    @pytest.fixture(params=["RandomForestClassifier", "columns"])
    def case(self, request: pytest.FixtureRequest, models: dict[str, Any]) -> tuple[Any, Any]:
        found: tuple[Any, Any] = models[request.param]
        return found

    @pytest.fixture
    def model(self, case: tuple[Any, Any]) -> Any:
        return case[0]

    @pytest.fixture
    def sample(self, case: tuple[Any, Any]) -> Any:
        return case[1].iloc[::10]

    @pytest.fixture
    def library(self) -> str:
        return "sklearn"

    @pytest.fixture
    def unsafe_options(self) -> Mapping[str, Any]:
        return {"serialization_format": "cloudpickle"}

    @pytest.fixture
    def mlflow_keys(self) -> set[str]:
        return {"pickled_model", "sklearn_version", "serialization_format"}

    def assert_same(self, one: Any, other: Any) -> None:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("name", fitted())
def test_models_of_every_kind_come_back_without_trust(
    name: str, models: dict[str, tuple[Any, Any]], tmp_path: Path
) -> None:
    model, data = models[name]
    flavor = SklearnFlavor()
    saved = flavor.save(model, tmp_path, {})
    assert saved.data == "model.skops"
    loaded = flavor.load(tmp_path, saved.config, Trust())
    np.testing.assert_array_equal(model.predict(data), loaded.predict(data))


@pytest.mark.parametrize("chosen", ["pickle", "cloudpickle", "joblib"])
def test_other_formats_are_read_only_if_trusted(
    chosen: str, models: dict[str, tuple[Any, Any]], tmp_path: Path
) -> None:
    model, data = models["columns"]
    flavor = SklearnFlavor()
    saved = flavor.save(model, tmp_path, {"serialization_format": chosen})
    with pytest.raises(Refused, match="trust=True"):
        flavor.load(tmp_path, saved.config, Trust())
    loaded = flavor.load(tmp_path, saved.config, Trust(pickle=True))
    np.testing.assert_array_equal(model.predict(data), loaded.predict(data))


class Own(LinearRegression):
    """An estimator that nobody knows."""


def test_a_type_of_the_users_needs_their_word_to_be_saved_and_to_be_loaded(tmp_path: Path) -> None:
    flavor, model = SklearnFlavor(), Own().fit(PATIENTS, PROGRESS)
    name = f"{Own.__module__}.Own"
    with pytest.raises(InvalidValue, match="skops_trusted_types"):
        flavor.save(model, tmp_path, {})
    assert not list(tmp_path.iterdir())
    saved = flavor.save(model, tmp_path, {"skops_trusted_types": [name]})
    with pytest.raises(Refused, match=name):
        flavor.load(tmp_path, saved.config, Trust())
    assert isinstance(flavor.load(tmp_path, saved.config, Trust(types=[name])), Own)


def test_what_skops_cannot_hold_says_which_option_can(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(lambda x: x + 1), LinearRegression())
    model.fit(PATIENTS, PROGRESS)
    with pytest.raises(InvalidValue, match="serialization_format='cloudpickle'"):
        SklearnFlavor().save(model, tmp_path, {})
    SklearnFlavor().save(model, tmp_path, {"serialization_format": "cloudpickle"})


def test_the_method_that_predicts_can_be_chosen(
    models: dict[str, tuple[Any, Any]], tmp_path: Path
) -> None:
    model, data = models["RandomForestClassifier"]
    pegboard.sklearn.save_model(model, tmp_path / "m", pyfunc_predict_fn="predict_proba")
    generic = pegboard.pyfunc.load_model(tmp_path / "m")
    np.testing.assert_allclose(generic.predict(data), model.predict_proba(data))
    with pytest.raises(InvalidValue, match="pyfunc_predict_fn"):
        pegboard.sklearn.save_model(model, tmp_path / "n", pyfunc_predict_fn="__class__")


def test_what_only_transforms_is_applied(tmp_path: Path) -> None:
    scaler = StandardScaler().fit(IRIS)
    pegboard.sklearn.save_model(scaler, tmp_path / "m")
    scaled = pegboard.pyfunc.load_model(tmp_path / "m").predict(IRIS)
    np.testing.assert_allclose(scaled, scaler.transform(IRIS))


def test_params_of_a_prediction_reach_the_methods_that_take_them(
    models: dict[str, tuple[Any, Any]],
) -> None:
    model, data = models["GaussianProcessRegressor"]
    predictor = SklearnFlavor().predictor(model, {})
    mean, deviation = predictor(data, {"return_std": True, "unknown": 1})
    assert len(mean) == len(deviation) == len(data)


def test_the_names_of_all_estimators_are_known() -> None:
    from sklearn.utils import all_estimators

    known = {
        f"{module}.{name}"
        for module, names in public_estimators.NAMES.items()
        for name in names.split()
    }
    there = {f"{kind.__module__}.{kind.__name__}" for _, kind in all_estimators()}
    assert {name for name in there if name.startswith("sklearn.")} == known


def test_an_unknown_format_names_those_that_are_known() -> None:
    with pytest.raises(InvalidValue, match="joblib"):
        serialization.checked_format("yaml")


def test_requirements_have_the_names_of_mlflow() -> None:
    packages = pegboard.sklearn.get_default_pip_requirements(include_skops=True)
    assert [package.partition("==")[0] for package in packages] == ["scikit-learn", "skops"]
