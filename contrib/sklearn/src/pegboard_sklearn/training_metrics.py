"""Metrics of a fitted estimator on what it was fitted to, under MLflow's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_models.autologging import Integration

    from pegboard_sklearn.estimators import TrainingData

PREFIX = "training_"


def compute(
    integration: Integration, estimator: Any, data: TrainingData, pos_label: Any
) -> dict[str, float]:
    """Return metrics by name; those that cannot be computed are left out, with a warning."""
    from sklearn.base import is_classifier, is_regressor

    if data.y is None:
        return {}
    found: dict[str, float] = {}
    with integration.guard("computing training metrics"):
        if is_classifier(estimator):
            _add_all(integration, found, _of_classifier(estimator, data, pos_label))
        elif is_regressor(estimator):
            _add_all(integration, found, _of_regressor(estimator, data))
            error = found.get(f"{PREFIX}mean_squared_error")
            if error is not None:
                found[f"{PREFIX}root_mean_squared_error"] = math.sqrt(error)
    if hasattr(estimator, "score"):
        _add_all(integration, found, {"score": lambda: _score(estimator, data)})
    return found


def _add_all(
    integration: Integration, found: dict[str, float], metrics: dict[str, Callable[[], Any]]
) -> None:
    for name, metric in metrics.items():
        with integration.guard(f"computing {PREFIX}{name}"):
            found[PREFIX + name] = float(metric())


def _of_classifier(
    estimator: Any, data: TrainingData, pos_label: Any
) -> dict[str, Callable[[], Any]]:
    from sklearn import metrics

    y, weight = data.y, data.sample_weight
    predicted = estimator.predict(data.X)
    chosen = {
        "average": "weighted" if pos_label is None else "binary",
        "pos_label": 1 if pos_label is None else pos_label,
        "sample_weight": weight,
        # The value that it has without, but no warning.
        "zero_division": 0,
    }
    found: dict[str, Callable[[], Any]] = {
        "precision_score": lambda: metrics.precision_score(y, predicted, **chosen),
        "recall_score": lambda: metrics.recall_score(y, predicted, **chosen),
        "f1_score": lambda: metrics.f1_score(y, predicted, **chosen),
        "accuracy_score": lambda: metrics.accuracy_score(y, predicted, sample_weight=weight),
    }
    if hasattr(estimator, "predict_proba"):
        probabilities = estimator.predict_proba(data.X)
        found["log_loss"] = lambda: metrics.log_loss(y, probabilities, sample_weight=weight)
        found["roc_auc"] = lambda: metrics.roc_auc_score(
            y,
            probabilities[:, 1] if len(probabilities[0]) == 2 else probabilities,
            average="weighted",
            sample_weight=weight,
            multi_class="ovo",
        )
    return found


def _of_regressor(estimator: Any, data: TrainingData) -> dict[str, Callable[[], Any]]:
    from sklearn import metrics

    y, weight = data.y, data.sample_weight
    predicted = estimator.predict(data.X)
    return {
        "mean_squared_error": lambda: metrics.mean_squared_error(
            y, predicted, sample_weight=weight
        ),
        "mean_absolute_error": lambda: metrics.mean_absolute_error(
            y, predicted, sample_weight=weight
        ),
        "r2_score": lambda: metrics.r2_score(y, predicted, sample_weight=weight),
    }


def _score(estimator: Any, data: TrainingData) -> Any:
    from pegboard_sklearn.estimators import takes_weight

    if takes_weight(estimator.score):
        return estimator.score(data.X, data.y, data.sample_weight)
    return estimator.score(data.X, data.y)
