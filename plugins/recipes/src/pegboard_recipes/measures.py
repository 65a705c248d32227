"""The metrics that recipes know by themselves, under MLflow's names, and which way is up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

REGRESSION, BINARY, MULTICLASS = "regression", "classification/binary", "classification/multiclass"


@frozen
class Measure:
    """A metric; ``function`` names one of the user's in steps/custom_metrics.py."""

    name: str
    greater_is_better: bool
    function: str = ""


def _all(better: Iterable[str], worse: Iterable[str]) -> Mapping[str, Measure]:
    found = {name: Measure(name, True) for name in better}
    return {**found, **{name: Measure(name, False) for name in worse}}


BUILT_IN: Mapping[str, Mapping[str, Measure]] = {
    REGRESSION: _all(
        ("r2_score",),
        (
            "mean_absolute_error",
            "mean_squared_error",
            "root_mean_squared_error",
            "max_error",
            "mean_absolute_percentage_error",
        ),
    ),
    BINARY: _all(
        (
            "true_negatives",
            "true_positives",
            "recall_score",
            "precision_score",
            "f1_score",
            "accuracy_score",
            "roc_auc",
        ),
        ("false_positives", "false_negatives", "log_loss"),
    ),
    MULTICLASS: _all(
        (
            "recall_score",
            "precision_score",
            "f1_score_macro",
            "f1_score_micro",
            "accuracy_score",
            "roc_auc",
        ),
        ("log_loss",),
    ),
}
PRIMARY = {
    REGRESSION: "root_mean_squared_error",
    BINARY: "f1_score",
    MULTICLASS: "f1_score_macro",
}
SHORT = {
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}
"""Names that people write for ``primary_metric``."""
