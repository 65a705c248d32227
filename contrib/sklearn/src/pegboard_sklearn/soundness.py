"""Whether objects from an untrusted skops file are safe to use.

The compiled code of scikit-learn and SciPy trusts the numbers in some types blindly. Each object of
those is checked by itself (``structures``), and trees also with their estimator, which
says how wide their data will be.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from pegboard_sklearn import structures
from pegboard_sklearn.options import class_name
from pegboard_sklearn.skops_files import Contents
from pegboard_sklearn.structures import require

_HISTOGRAMS = "sklearn.ensemble._hist_gradient_boosting"
_TREE = ("sklearn.tree._tree", "Tree")
_PREDICTOR = (f"{_HISTOGRAMS}.predictor", "TreePredictor")
_DECISION_TREE = ("sklearn.tree._classes", "BaseDecisionTree")
_BOOSTING = ("sklearn.ensemble._gb", "BaseGradientBoosting")
_HISTOGRAM_BOOSTING = (f"{_HISTOGRAMS}.gradient_boosting", "BaseHistGradientBoosting")


def check(contents: Contents, trusted: Collection[str]) -> None:
    """Raise an exception if something is not safe to use.

    Types that are ``trusted`` may hold trees too: what they do with them is their affair.
    """
    owners = [(kind, _kind(*owner)) for name, owner in _OWNERS if (kind := _kind(*name))]
    objects = {id(made): made for _, made in contents.objects()}
    for node, made in contents.objects():
        for kind, owner in owners:
            if isinstance(made, kind):
                for holder in contents.holders(node):
                    is_owner = isinstance(holder, owner) or class_name(holder) in trusted
                    require(is_owner, f"a {kind.__name__} is where scikit-learn has none")
    for made in objects.values():
        _check_methods(made)
    # In their order: the last ones use what those before them have checked.
    for name, function in _CHECKS:
        if kind := _kind(*name):
            for made in objects.values():
                if isinstance(made, kind):
                    function(made)


def _kind(module: str, name: str) -> Any:
    """Return a type, or no types if it was never imported, so that nothing can be of it."""
    return getattr(sys.modules.get(module), name, ())


def _check_methods(made: Any) -> None:
    """Check that an object of scikit-learn has the methods of its class, and not others."""
    kind = type(made)
    if kind.__module__.startswith("sklearn.") and hasattr(made, "__dict__"):
        for name in vars(made):
            method = getattr(kind, name, None)
            replaced = callable(method) and not isinstance(method, type)
            require(not replaced, f"the method {name} of a {kind.__name__} is replaced")


def _width(estimator: Any) -> int:
    """Return how many features an estimator makes sure that the data has."""
    width = vars(estimator).get("n_features_in_")
    is_number = isinstance(width, (int, np.integer)) and not isinstance(width, bool)
    require(is_number, f"a {type(estimator).__name__} does not say how many features it takes")
    return int(width)


def _check_decision_tree(estimator: Any) -> None:
    tree = vars(estimator).get("tree_")
    if tree is not None:
        require(isinstance(tree, _kind(*_TREE)), "a decision tree has no tree")
        require(tree.n_features == _width(estimator), "a tree is for other features than it says")


def _check_boosting(model: Any) -> None:
    """Check what gradient boosting writes to: a column for each tree of a stage."""
    stages = vars(model).get("estimators_")
    if stages is None:
        return
    is_table = type(stages) is np.ndarray and stages.ndim == 2 and stages.size
    require(is_table, "gradient boosting has no table of trees")
    first = stages[0, 0]
    for estimator in stages.flat:
        require(isinstance(estimator, _kind(*_DECISION_TREE)), "a stage has something else")
        require(vars(estimator).get("tree_") is not None, "a stage has no tree")
        require(_width(estimator) == _width(first), "trees are for different features")
    # What the trees are added to is as wide as what the initial estimator predicts.
    initial = model._raw_predict_init(np.zeros((1, _width(first))))
    require(initial.shape == (1, stages.shape[1]), "stages have too many trees")


def _check_histogram_boosting(model: Any) -> None:
    predictors = vars(model).get("_predictors")
    if predictors is None:
        return
    require(not vars(model).get("_in_fit"), "gradient boosting is being fitted")
    width = _width(model)
    _check_preprocessor(vars(model).get("_preprocessor"), width)
    mapper = vars(model).get("_bin_mapper")
    require(isinstance(mapper, _kind(f"{_HISTOGRAMS}.binning", "_BinMapper")), "bins are missing")
    is_categorical = np.asarray(mapper.is_categorical_)
    require(is_categorical.shape == (width,), "bins are for other features")
    for predictor in (predictor for stage in predictors for predictor in stage):
        require(isinstance(predictor, _kind(*_PREDICTOR)), "a stage has something else")
        inner = predictor.nodes[predictor.nodes["is_leaf"] == 0]
        require((inner["feature_idx"] < width).all(), "a node splits by no feature")
        by_category = inner["feature_idx"][inner["is_categorical"] != 0]
        require(is_categorical[by_category].all(), "a node splits by categories that are none")


def _check_preprocessor(preprocessor: Any, width: int) -> None:
    """Check that the data has as many columns as before when its categories are numbers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
    from sklearn.utils import check_array

    if preprocessor is None:
        return
    require(type(preprocessor) is ColumnTransformer, "categories are encoded in an unknown way")
    found = 0
    for _, transformer, columns in preprocessor.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        mask = np.asarray(columns)
        require(mask.dtype == bool and mask.shape == (width,), "columns are not chosen one by one")
        found += int(mask.sum())
        if type(transformer) is FunctionTransformer:
            function = transformer.func
            is_check = isinstance(function, functools.partial) and function.func is check_array
            require(is_check and not function.args, "numbers are changed in an unknown way")
        else:
            require(type(transformer) is OrdinalEncoder, "categories are encoded in an unknown way")
    require(found == width, "not every column is kept once")


_OWNERS = ((_TREE, _DECISION_TREE), (_PREDICTOR, _HISTOGRAM_BOOSTING))
"""Types, and which class alone may hold them."""

_CHECKS: tuple[tuple[tuple[str, str], Callable[[Any], None]], ...] = (
    (_TREE, structures.check_tree),
    (_PREDICTOR, structures.check_predictor),
    (("sklearn.neighbors._kd_tree", "BinaryTree64"), structures.check_neighbors),
    (("sklearn.neighbors._kd_tree", "BinaryTree32"), structures.check_neighbors),
    (("sklearn.neighbors._ball_tree", "BinaryTree64"), structures.check_neighbors),
    (("sklearn.neighbors._ball_tree", "BinaryTree32"), structures.check_neighbors),
    (("scipy.sparse", "spmatrix"), structures.check_sparse),
    (("scipy.sparse", "sparray"), structures.check_sparse),
    (("scipy.interpolate", "BSpline"), structures.check_spline),
    (_DECISION_TREE, _check_decision_tree),
    (_HISTOGRAM_BOOSTING, _check_histogram_boosting),
    (_BOOSTING, _check_boosting),
)
"""Types, and what is checked of each of their objects."""
