"""Figures of a fitted classifier on what it was fitted to.

They are drawn without ``pyplot``, whose state is the user's.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pegboard_sklearn.estimators import TrainingData

_DPI = 175
_MOST_LABELS = 40
"""Up to how many classes the counts are legible."""


def are_possible() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def confusion_matrix(estimator: Any, data: TrainingData) -> Figure:
    """Return the shares of each true class that were predicted as each class."""
    from sklearn import metrics

    labels = getattr(estimator, "classes_", None)
    shares = metrics.confusion_matrix(
        data.y,
        estimator.predict(data.X),
        labels=labels,
        sample_weight=data.sample_weight,
        normalize="true",
    )
    names = sorted(set(data.y)) if labels is None else list(labels)
    figure, axes = _new("Normalized confusion matrix", "Predicted label", "True label")
    # Names of classes may be long; to make room for them takes a while.
    figure.set_layout_engine("tight")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes)
    if len(names) <= _MOST_LABELS:
        size = min(8.0, 50.0 / max(len(names), 1))
        ticks = range(len(names))
        axes.set_xticks(ticks, names, fontsize=size)
        axes.set_yticks(ticks, names, fontsize=size)
        for row in ticks:
            for column in ticks:
                share = shares[row, column]
                color = "white" if share > 0.5 else "black"
                axes.text(column, row, f"{share:.2g}", ha="center", va="center",
                          color=color, fontsize=size)  # fmt: skip
    return figure


def roc_curve(estimator: Any, data: TrainingData) -> Figure:
    """Return the rate of true positives by that of false ones, for two classes."""
    from sklearn import metrics

    scores, positive = _scores(estimator, data)
    false_rate, true_rate, _ = metrics.roc_curve(
        data.y, scores, pos_label=positive, sample_weight=data.sample_weight
    )
    area = metrics.auc(false_rate, true_rate)
    figure, axes = _new("ROC curve", "False positive rate", "True positive rate")
    axes.plot(false_rate, true_rate, label=f"{type(estimator).__name__} (AUC = {area:.2f})")
    axes.legend(loc="lower right")
    return figure


def precision_recall_curve(estimator: Any, data: TrainingData) -> Figure:
    """Return precision by recall, for two classes."""
    from sklearn import metrics

    scores, positive = _scores(estimator, data)
    precision, recall, _ = metrics.precision_recall_curve(
        data.y, scores, pos_label=positive, sample_weight=data.sample_weight
    )
    mean = metrics.average_precision_score(
        data.y, scores, pos_label=positive, sample_weight=data.sample_weight
    )
    figure, axes = _new("Precision recall curve", "Recall", "Precision")
    label = f"{type(estimator).__name__} (AP = {mean:.2f})"
    axes.plot(recall, precision, drawstyle="steps-post", label=label)
    axes.legend(loc="lower left")
    return figure


def save(figure: Figure, file: Any) -> None:
    """Write a figure as PNG."""
    figure.savefig(file, format="png", dpi=_DPI)


def _new(title: str, x: str, y: str) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0))
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=8)
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=8)
    return figure, axes


def _scores(estimator: Any, data: TrainingData) -> tuple[Any, Any]:
    """Return how sure the estimator is of the second of two classes, and that class."""
    positive = estimator.classes_[1]
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(data.X)[:, 1], positive
    return estimator.decision_function(data.X), positive
