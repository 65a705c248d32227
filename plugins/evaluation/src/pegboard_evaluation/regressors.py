"""What is measured of a regressor. All formulas are scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pegboard_evaluation import certainty
from pegboard_evaluation.certainty import Certainty


def measure(targets: Any, outputs: Any, weights: Any = None) -> dict[str, float]:
    """Return the figures of a regressor by name; arguments of shape (n,).

    Weights reach all of them but ``max_error`` and ``example_count``. ``mean_on_target`` is the
    (weighted) sum divided by the number of rows, as it is in MLflow.
    """
    from sklearn import metrics

    total = float((targets * weights).sum() if weights is not None else targets.sum())
    squared = metrics.mean_squared_error(targets, outputs, sample_weight=weights)
    return {
        "example_count": len(targets),
        "mean_absolute_error": metrics.mean_absolute_error(targets, outputs, sample_weight=weights),
        "mean_squared_error": squared,
        # What scikit-learn's own function returns, which is newer than the oldest we work with.
        "root_mean_squared_error": math.sqrt(squared),
        "sum_on_target": total,
        "mean_on_target": total / len(targets),
        "r2_score": metrics.r2_score(targets, outputs, sample_weight=weights)
        if len(targets) > 1
        else math.nan,
        "max_error": metrics.max_error(targets, outputs),
        "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error(
            targets, outputs, sample_weight=weights
        ),
    }


def certain(
    targets: Any, outputs: Any, weights: Any, figures: Mapping[str, float]
) -> dict[str, Certainty]:
    """Return how sure the figures are, where a formula says it; with weights, none does."""
    if weights is not None:
        return {}
    # In place: an array for each would be as large as the table that is evaluated.
    errors = np.asarray(outputs, dtype=float) - targets
    absolute = certainty.of_mean(np.abs(errors, out=errors))
    squared = certainty.of_mean(np.square(errors, out=errors))
    found = {
        "mean_absolute_error": absolute,
        "mean_squared_error": squared,
        "mean_on_target": certainty.of_mean(targets),
    }
    if squared.error is not None and (root := figures["root_mean_squared_error"]):
        # The square root's slope.
        found["root_mean_squared_error"] = certainty.around(root, squared.error / (2 * root))
    return found
