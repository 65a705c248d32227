"""Which estimators are logged, and what is known about them and the calls of their methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any
from weakref import WeakKeyDictionary

from attrs import frozen

_PREPARING = (
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.compose._column_transformer",
)
"""Modules of estimators that prepare data: logged as parts of a pipeline, not by themselves."""

_MAY_OVERWRITE = frozenset({"copy", "copy_X", "copy_x"})
"""Parameters which, if they are false, let an estimator overwrite the data it is fitted to."""

_WEIGHT = "sample_weight"


_logged: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def is_logged(kind: type) -> bool:
    """Whether a fit of an estimator of this class is logged.

    It is if the class, or the one it descends from, is a public one of scikit-learn that learns.
    """
    known = _logged.get(kind)
    if known is None:
        known = _logged[kind] = _is_learning(kind)
    return known


def _is_learning(kind: type) -> bool:
    from sklearn.base import BaseEstimator

    for base in kind.__mro__:
        if base.__module__.startswith("sklearn.") and issubclass(base, BaseEstimator):
            if base is BaseEstimator or base.__name__.startswith("_"):
                return False
            return not base.__module__.startswith(_PREPARING)
    return False


def is_search(estimator: Any) -> bool:
    """Whether it searches for the best parameters of another estimator."""
    from sklearn.model_selection._search import BaseSearchCV

    return isinstance(estimator, BaseSearchCV)


def info_tags(estimator: Any) -> dict[str, str]:
    """Return the tags that say what an estimator is."""
    kind = type(estimator)
    return {
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__name__}",
    }


def params(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator and those in it.

    The estimator that a search starts from is left out, as its parameters are about to change.
    """
    found: dict[str, Any] = estimator.get_params(deep=not is_search(estimator))
    return found


@frozen
class TrainingData:
    """What an estimator is fitted to."""

    X: Any
    y: Any = None
    sample_weight: Any = None


def training_data(
    estimator: Any, fit: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> TrainingData:
    """Return what ``fit`` was called with; ``args`` begin with the estimator.

    It is a copy if the estimator says that it may overwrite its data.
    """
    signature = inspect.signature(fit)
    given = signature.bind(*args, **kwargs).arguments
    names = [*list(signature.parameters)[1:3], "", ""]
    features, labels = given.get(names[0]), given.get(names[1])
    if _overwrites(estimator):
        features, labels = deepcopy(features), deepcopy(labels)
    return TrainingData(features, labels, given.get(_WEIGHT))


def _overwrites(estimator: Any) -> bool:
    return any(
        name.rpartition("__")[2] in _MAY_OVERWRITE and value is False
        for name, value in params(estimator).items()
    )


def takes_weight(function: Callable[..., Any]) -> bool:
    """Whether a method has a parameter for the weights of samples."""
    return _WEIGHT in inspect.signature(function).parameters


def predict(estimator: Any) -> Callable[[Any], Any] | None:
    """Return the method that shows what an estimator returns: ``predict``, else ``transform``."""
    found = getattr(estimator, "predict", None) or getattr(estimator, "transform", None)
    return found if callable(found) else None
