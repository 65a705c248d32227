"""The data and the models of the demo: plain scikit-learn, nothing of pegboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "target"
SEED = 42


@frozen
class Data:
    """The patients to learn from and those to test on, as tables with the target as a column."""

    train: pd.DataFrame
    test: pd.DataFrame

    def split(self, part: str) -> tuple[pd.DataFrame, pd.Series]:
        """Return the features and the target of ``train`` or ``test``."""
        table: pd.DataFrame = getattr(self, part)
        return table.drop(columns=TARGET), table[TARGET]


@frozen
class Stage:
    """A model on its way: what it predicts for the training and the test data after a step."""

    step: int
    model: Any
    on_train: np.ndarray
    on_test: np.ndarray


@frozen
class Candidate:
    """A model to try: ``fit`` yields a stage for each step of its training."""

    name: str
    family: str
    params: Mapping[str, Any]
    fit: Callable[[Mapping[str, Any], Data], Iterator[Stage]]


def load_data() -> Data:
    """Load the diabetes data: 442 patients, 10 measurements, the progression a year later."""
    table = load_diabetes(as_frame=True).frame
    train, test = train_test_split(table, test_size=0.2, random_state=SEED)
    return Data(train.reset_index(drop=True), test.reset_index(drop=True))


def _ridge(params: Mapping[str, Any], data: Data) -> Iterator[Stage]:
    """Fit to more and more patients; the step is their number."""
    (x, y), (x_test, _) = data.split("train"), data.split("test")
    for rows in np.linspace(20, len(x), 15, dtype=int):
        model = Ridge(**params).fit(x[:rows], y[:rows])
        yield Stage(int(rows), model, model.predict(x), model.predict(x_test))


def _forest(params: Mapping[str, Any], data: Data) -> Iterator[Stage]:
    """Grow the forest; the step is the number of trees."""
    (x, y), (x_test, _) = data.split("train"), data.split("test")
    model = RandomForestRegressor(**{**params, "n_estimators": 0}, warm_start=True)
    for trees in range(10, params["n_estimators"] + 1, 10):
        model.set_params(n_estimators=trees).fit(x, y)
        yield Stage(trees, model, model.predict(x), model.predict(x_test))


def _boosting(params: Mapping[str, Any], data: Data) -> Iterator[Stage]:
    """Fit once and look back; the step is the number of trees."""
    (x, y), (x_test, _) = data.split("train"), data.split("test")
    model = GradientBoostingRegressor(**params).fit(x, y)
    stages = zip(model.staged_predict(x), model.staged_predict(x_test), strict=True)
    for trees, (on_train, on_test) in enumerate(stages, start=1):
        yield Stage(trees, model, on_train, on_test)


def boost(params: Mapping[str, Any], data: Data) -> Iterator[Stage]:
    """Fit one setting of the sweep; the step is the number of trees."""
    return _boosting({**params, "random_state": SEED}, data)


def _network(params: Mapping[str, Any], data: Data) -> Iterator[Stage]:
    """Train a neural network; the step is the epoch."""
    (x, y), (x_test, _) = data.split("train"), data.split("test")
    scaler = StandardScaler().fit(x)
    scaled, scaled_test = scaler.transform(x), scaler.transform(x_test)
    settings = {key: value for key, value in params.items() if key != "epochs"}
    network = MLPRegressor(**settings)
    model = make_pipeline(scaler, network)
    for epoch in range(1, params["epochs"] + 1):
        network.partial_fit(scaled, y)
        yield Stage(epoch, model, network.predict(scaled), network.predict(scaled_test))


CANDIDATES = (
    Candidate("ridge", "linear", {"alpha": 0.1}, _ridge),
    Candidate(
        "random-forest",
        "trees",
        {
            "n_estimators": 150,
            "max_features": 0.4,
            "min_samples_leaf": 5,
            "random_state": SEED,
        },
        _forest,
    ),
    Candidate(
        "gradient-boosting",
        "trees",
        {
            "n_estimators": 200,
            "learning_rate": 0.03,
            "max_depth": 2,
            "subsample": 0.5,
            "random_state": SEED,
        },
        _boosting,
    ),
    Candidate(
        "neural-network",
        "neural",
        {
            "epochs": 500,
            "hidden_layer_sizes": (32,),
            "alpha": 10.0,
            "learning_rate_init": 0.004,
            "batch_size": 32,
            "random_state": SEED,
        },
        _network,
    ),
)
"""The models that the demo compares."""

SWEEP = [
    {"n_estimators": 60, "learning_rate": rate, "max_depth": depth, "subsample": subsample}
    for rate in (0.03, 0.1, 0.3)
    for depth, subsample in ((1, 0.5), (2, 0.5), (3, 1.0))
]
"""Settings of gradient boosting that are tried beside those above, each in a run of its own."""
