"""Files that lead compiled code astray are refused, whatever they hold that does so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue
from pegboard_sklearn import serialization, structures
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import SplineTransformer
from sklearn.tree import DecisionTreeClassifier

FAR = 2**40
X = np.random.default_rng(0).random((60, 3))
Y = (X[:, 0] > 0.5).astype(int) + (X[:, 1] > 0.5)
Change = Callable[[Any], Any]


def change_tree(tree: Any, **changes: Any) -> None:
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    for name, value in changes.items():
        if name in nodes.dtype.names:
            nodes[name][0] = value
        else:
            state[name] = value
    tree.__setstate__({**state, "nodes": nodes, "values": state["values"].copy()})


def change_predictor(predictor: Any, **changes: Any) -> None:
    for name, value in changes.items():
        if name in predictor.nodes.dtype.names:
            predictor.nodes[name][0] = value
        else:
            setattr(predictor, name, value)


def change_neighbors(tree: Any, **changes: Any) -> None:
    names = ("data", "rows", "nodes", "bounds", "leaf_size", "levels", "node_count")
    state = list(tree.__getstate__())
    for name, change in changes.items():
        changed = change(np.array(state[names.index(name)]))
        state[names.index(name)] = np.array(changed, order="C")
    tree.__setstate__(tuple(state))


def far_places(nodes: Any) -> Any:
    nodes["idx_end"] = FAR
    return nodes


def shared_twice(nodes: Any) -> Any:
    nodes["idx_start"][1:] = 0
    return nodes


def without_leaves(nodes: Any) -> Any:
    nodes["is_leaf"] = 0
    return nodes


def decision_tree(**changes: Any) -> Any:
    model = DecisionTreeClassifier().fit(X, Y)
    change_tree(model.tree_, **changes)
    return model


def of_fewer_features() -> Any:
    model = DecisionTreeClassifier().fit(X, Y)
    model.n_features_in_ = 1
    return model


def of_any_number_of_features() -> Any:
    model = DecisionTreeClassifier().fit(X, Y)
    del model.n_features_in_
    return model


def with_another_method() -> Any:
    model = DecisionTreeClassifier().fit(X, Y)
    model._validate_X_predict = np.multiply
    return model


def tree_in_a_forest() -> Any:
    model = RandomForestRegressor(3).fit(X, Y)
    change_tree(model.estimators_[2].tree_, left_child=FAR)
    return model


def tree_as_a_step() -> Any:
    return Pipeline([("tree", DecisionTreeClassifier().fit(X, Y).tree_)])


def boosting(change: Callable[[Any], None]) -> Any:
    model = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    change(model)
    return model


def too_many_trees(model: Any) -> None:
    model.estimators_ = np.tile(model.estimators_, (1, 5))


def a_tree_of_more_features(model: Any) -> None:
    model.estimators_[1, 2] = model.estimators_[1, 2].fit(np.tile(X, (1, 9)), Y)


def no_tree(model: Any) -> None:
    model.estimators_[1, 2].tree_ = None


def histograms(change: Callable[[Any], None] | None = None, **changes: Any) -> Any:
    model = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=5).fit(X, X[:, 0])
    change_predictor(model._predictors[1][0], **changes)
    if change is not None:
        change(model)
    return model


def neighbors(algorithm: str, metric: str = "minkowski", **changes: Any) -> Any:
    arguments = {"V": np.ones(3)} if metric == "seuclidean" else {}
    model = KNeighborsClassifier(
        3, algorithm=algorithm, leaf_size=5, metric=metric, metric_params=arguments or None
    ).fit(X, Y)
    change_neighbors(model._tree, **changes)
    return model


def sparse(matrix: Any, name: str) -> Any:
    model = LogisticRegression().fit(X, Y > 0)
    setattr(matrix, name, np.full_like(getattr(matrix, name), 2**30))
    model.coef_ = matrix
    return model


def spline() -> Any:
    model = SplineTransformer().fit(X)
    model.bsplines_[0].t = model.bsplines_[0].t[:3]
    return model


MADE_UP: dict[str, Callable[[], Any]] = {
    "a child far away": lambda: decision_tree(left_child=FAR),
    "a child before all": lambda: decision_tree(right_child=-7),
    "a child that is its parent": lambda: decision_tree(left_child=0),
    "the same child twice": lambda: decision_tree(left_child=2, right_child=2),
    "a feature far away": lambda: decision_tree(feature=FAR),
    "a negative feature": lambda: decision_tree(feature=-2),
    "no nodes": lambda: decision_tree(node_count=0),
    "deeper than it says": lambda: decision_tree(max_depth=0),
    "fewer features than the tree": of_fewer_features,
    "any number of features": of_any_number_of_features,
    "a method replaced": with_another_method,
    "a tree in a forest": tree_in_a_forest,
    "a tree where none belongs": tree_as_a_step,
    "stages with too many trees": lambda: boosting(too_many_trees),
    "a stage for more features": lambda: boosting(a_tree_of_more_features),
    "a stage without a tree": lambda: boosting(no_tree),
    "a child far away by histograms": lambda: histograms(left=2**31),
    "a circle by histograms": lambda: histograms(left=0),
    "a feature far away by histograms": lambda: histograms(feature_idx=FAR),
    "a negative feature by histograms": lambda: histograms(feature_idx=-1),
    "categories that are none": lambda: histograms(is_categorical=1, bitset_idx=2**31),
    "bitsets of one word": lambda: histograms(raw_left_cat_bitsets=np.zeros((1, 1), np.uint32)),
    "no nodes by histograms": lambda: histograms(
        lambda model: setattr(model._predictors[1][0], "nodes", model._predictors[1][0].nodes[:0])
    ),
    "as if it were fitted": lambda: histograms(lambda model: setattr(model, "_in_fit", True)),
    "fewer features by histograms": lambda: histograms(
        lambda model: setattr(model, "n_features_in_", 1)
    ),
    "a place far away": lambda: neighbors("kd_tree", rows=lambda rows: rows + FAR),
    "a negative place": lambda: neighbors("ball_tree", rows=lambda rows: rows - 60),
    "too few places": lambda: neighbors("kd_tree", rows=lambda rows: rows[:3]),
    "points far away": lambda: neighbors("ball_tree", nodes=far_places),
    "points twice": lambda: neighbors("kd_tree", nodes=shared_twice),
    "no leaves": lambda: neighbors("kd_tree", nodes=without_leaves),
    "too few nodes": lambda: neighbors("kd_tree", nodes=lambda nodes: nodes[:1]),
    "bounds of one node": lambda: neighbors("kd_tree", bounds=lambda bounds: bounds[:, :1]),
    "bounds of a ball": lambda: neighbors("kd_tree", bounds=lambda bounds: bounds[:1]),
    "empty leaves": lambda: neighbors("kd_tree", leaf_size=lambda size: 0),
    "a metric of other points": lambda: neighbors(
        "ball_tree",
        "seuclidean",
        data=lambda data: np.tile(data, (1, 3)),
        bounds=lambda bounds: np.tile(bounds, (1, 1, 3)),
    ),
    "a column far away": lambda: sparse(csr_matrix(np.eye(1, 3)), "indices"),
    "knots too few": spline,
}


@pytest.mark.parametrize("name", MADE_UP)
def test_what_leads_astray_is_refused_with_the_name_of_the_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    serialization.write(MADE_UP[name](), file, serialization.SKOPS)
    with pytest.raises(InvalidValue, match="cannot use without danger") as caught:
        serialization.read(file, serialization.SKOPS, Trust())
    assert str(file) in str(caught.value)


def test_rows_of_a_sparse_matrix_are_within_it() -> None:
    matrix = coo_matrix(np.eye(3))
    structures.check_sparse(matrix)
    matrix.row[1] = 3
    with pytest.raises(structures.Unsound):
        structures.check_sparse(matrix)


def test_to_trust_everything_is_to_have_nothing_checked(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    serialization.write(decision_tree(max_depth=0), file, serialization.SKOPS)
    assert serialization.read(file, serialization.SKOPS, Trust(pickle=True)).get_depth() == 0


PREDICT = """
import resource, sys
import numpy as np
import skops.io
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
file = sys.argv[1]
model = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
model.predict(np.full((5, 3), 0.1))
"""


@pytest.mark.parametrize(
    "name", ["a child far away", "a child far away by histograms", "a place far away"]
)
def test_such_files_end_a_process_that_does_not_look(name: str, tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    serialization.write(MADE_UP[name](), file, serialization.SKOPS)
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(file)], capture_output=True, timeout=300
    )
    assert done.returncode < 0, done.stderr.decode()


class Grove(BaseEstimator):
    """An estimator of the user's that holds trees by itself."""

    def fit(self) -> Grove:
        """Take the trees of a forest."""
        model = RandomForestRegressor(2).fit(X, Y)
        self.trees_ = [estimator.tree_ for estimator in model.estimators_]
        return self


def test_a_type_that_is_trusted_may_hold_trees_which_are_checked(tmp_path: Path) -> None:
    file, types = tmp_path / "model.skops", [f"{Grove.__module__}.Grove"]
    model = Grove().fit()
    serialization.write(model, file, serialization.SKOPS, types)
    loaded = serialization.read(file, serialization.SKOPS, Trust(types=types))
    assert [tree.node_count for tree in loaded.trees_] == [tree.node_count for tree in model.trees_]
    change_tree(model.trees_[1], left_child=FAR)
    serialization.write(model, file, serialization.SKOPS, types)
    with pytest.raises(InvalidValue, match="leads to none"):
        serialization.read(file, serialization.SKOPS, Trust(types=types))


def test_a_tree_that_two_models_share_is_found_with_both(tmp_path: Path) -> None:
    file, model = tmp_path / "model.skops", DecisionTreeClassifier().fit(X, Y)
    serialization.write([model, [model]], file, serialization.SKOPS)
    loaded, (again,) = serialization.read(file, serialization.SKOPS, Trust())
    assert loaded is again
    serialization.write([model, Pipeline([("tree", model.tree_)])], file, serialization.SKOPS)
    with pytest.raises(InvalidValue, match="where scikit-learn has none"):
        serialization.read(file, serialization.SKOPS, Trust())


def test_gradient_boosting_of_categories_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    types = ["functools.partial", "sklearn.utils.validation.check_array"]
    colors = pd.Categorical(np.where(Y == 1, "red", "blue"))
    table = pd.DataFrame({"x": X[:, 0], "color": colors, "y": X[:, 1]})
    model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5).fit(table, Y == 1)
    assert any(stage[0].nodes["is_categorical"].any() for stage in model._predictors)
    serialization.write(model, file, serialization.SKOPS, types)
    loaded = serialization.read(file, serialization.SKOPS, Trust(types=types))
    np.testing.assert_array_equal(loaded.predict(table), model.predict(table))
    model._preprocessor.transformers_ = model._preprocessor.transformers_[:1]
    serialization.write(model, file, serialization.SKOPS, types)
    with pytest.raises(InvalidValue, match="every column"):
        serialization.read(file, serialization.SKOPS, Trust(types=types))
