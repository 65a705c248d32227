"""Curves and matrices, drawn by matplotlib if it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pegboard.contracts.evaluation import Artifact
from pegboard.errors import command_line

from pegboard_evaluation.classifiers import Classified

Layout = Literal["tight"] | None

_POINTS = 1000
"""A curve needs no more of them to look right."""
_SHORT = 5
"""So many characters of a label fit beside a plot."""


def of_classifier(
    rows: Classified,
    directory: Path,
    *,
    prefix: str,
    wanted: bool,
    with_curves: bool,
    bins: int,
    name: str,
) -> Iterator[Artifact]:
    """Yield the plots of a classifier, each a PNG, or why it is not drawn."""
    drawn: dict[str, Callable[[Any], None]] = {"confusion_matrix": lambda ax: _matrix(ax, rows)}
    if rows.probabilities is not None:
        drawn["calibration_curve_plot"] = lambda ax: _calibration(ax, rows, bins, name)
        if with_curves:
            drawn["roc_curve_plot"] = lambda ax: _roc(ax, rows)
            drawn["precision_recall_curve_plot"] = lambda ax: _precision_recall(ax, rows)
        if rows.is_binary:
            drawn["lift_curve_plot"] = lambda ax: _lift(ax, rows)
    kept: list[Any] = []
    for which, draw in drawn.items():
        # Long names of labels want a place of their own: to find it takes as long as to draw all.
        names = rows.labels if which == "confusion_matrix" else ()
        is_wide = not rows.is_binary or any(len(str(each)) > _SHORT for each in names)
        layout: Layout = "tight" if is_wide else None
        axes = None if which == "confusion_matrix" or is_wide else kept
        yield _plot(f"{prefix}{which}.png", directory, draw, wanted, layout, axes)


def _plot(
    name: str,
    directory: Path,
    draw: Callable[[Any], None],
    wanted: bool,
    layout: Layout,
    kept: list[Any] | None,
) -> Artifact:
    if not wanted:
        return Artifact(name=name, path=None, skipped="evaluator_config says 'plots': False.")
    if find_spec("matplotlib") is None:
        command = command_line("pip", "install", "pegboard-evaluation[plots]")
        return Artifact(name=name, path=None, skipped=f"Plots need matplotlib: {command}")
    ax = kept.pop() if kept else _axes(layout)
    try:
        draw(ax)
        ax.figure.savefig(directory / name, pil_kwargs={"compress_level": 1})
    except ValueError as error:
        return Artifact(name=name, path=None, skipped=f"It cannot be drawn: {error}")
    if kept is not None:
        kept.append(_emptied(ax))
    return Artifact(name=name, path=directory / name)


def _axes(layout: Layout) -> Any:
    # Not pyplot: it keeps figures, and windows, for the whole process.
    from matplotlib.figure import Figure

    return Figure(figsize=(6, 4), dpi=120, layout=layout).subplots()


def _emptied(ax: Any) -> Any:
    """Return axes without what was drawn there; to make axes takes as long as to draw on them."""
    for line in list(ax.lines):
        line.remove()
    ax.get_legend().remove()
    ax.set_prop_cycle(None)
    ax.relim()
    ax.autoscale()
    return ax


def _matrix(ax: Any, rows: Classified) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    shares = confusion_matrix(
        rows.targets,
        rows.outputs,
        labels=rows.ordered,
        normalize="true",
        sample_weight=rows.weights,
    )
    size = min(8, -(-50 // len(rows.labels)))
    display = ConfusionMatrixDisplay(shares, display_labels=rows.ordered)
    display.plot(cmap="Blues", ax=ax, text_kw={"fontsize": size})
    _headed(ax, "Normalized confusion matrix")


def _lines(rows: Classified) -> Iterator[tuple[str, Any, Any]]:
    """Yield what curves are drawn of: a label's name, its rows, and how likely it is in each."""
    if rows.is_binary:
        yield "", rows.targets == rows.positive, rows.likely
        return
    for column, label in enumerate(rows.labels):
        yield f"label={label}, ", rows.targets == label, rows.probabilities[:, column]


def _thinned(*values: Any) -> tuple[Any, ...]:
    if len(values[0]) <= _POINTS:
        return values
    kept = np.linspace(0, len(values[0]) - 1, _POINTS).astype(int)
    return tuple(each[kept] for each in values)


def _roc(ax: Any, rows: Classified) -> None:
    from sklearn.metrics import auc, roc_curve

    for label, hits, likely in _lines(rows):
        x, y, _ = roc_curve(hits, likely, sample_weight=rows.weights)
        area = auc(x, y)
        x, y = _thinned(x, y)
        ax.plot(x, y, drawstyle="steps-post", linewidth=1, label=f"{label}AUC={area:.3f}")
    _dashed(ax, [0, 1], [0, 1])
    _titled(ax, rows, "ROC curve", "False Positive Rate", "True Positive Rate")


def _precision_recall(ax: Any, rows: Classified) -> None:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    for label, hits, likely in _lines(rows):
        y, x, _ = precision_recall_curve(hits, likely, sample_weight=rows.weights)
        area = average_precision_score(hits, likely, sample_weight=rows.weights)
        x, y = _thinned(x, y)
        ax.plot(x, y, drawstyle="steps-post", linewidth=1, label=f"{label}AP={area:.3f}")
    _dashed(ax, [0, 1], [1, 0])
    _titled(ax, rows, "Precision recall curve", "Recall", "Precision")


def _lift(ax: Any, rows: Classified) -> None:
    for column, label in enumerate(rows.labels):
        hits = (rows.targets == label)[np.argsort(-rows.probabilities[:, column], kind="stable")]
        if not hits.any():
            raise ValueError(f"no row has the label {label!r}")
        share = np.arange(1, len(hits) + 1) / len(hits)
        lift = np.cumsum(hits) / hits.sum() / share
        positive = " (positive)" if label == rows.positive else ""
        ax.plot(*_thinned(share, lift), label=f"Class {label}{positive}")
    _dashed(ax, [0, 1], [1, 1])
    _headed(ax, "Lift Curve", "Percentage of sample", "Lift")
    ax.legend(loc="best")


def _calibration(ax: Any, rows: Classified, bins: int, name: str) -> None:
    from sklearn.calibration import calibration_curve

    for label, hits, likely in _lines(rows):
        if not hits.any() or hits.all():
            continue
        # Rounding may leave a probability a hair outside, which scikit-learn refuses.
        share, mean = calibration_curve(hits, np.clip(likely, 0, 1), n_bins=bins)
        ax.plot(mean, share, marker="o", markersize=3, label=label.rstrip(", ") or name)
    _dashed(ax, [0, 1], [0, 1])
    share_of = "Share of the positive class" if rows.is_binary else "Share of the class"
    _headed(ax, f"{name} calibration", "Mean predicted probability", share_of)
    ax.legend(loc="best")


def _dashed(ax: Any, x: list[int], y: list[int]) -> None:
    ax.plot(x, y, color="gray", alpha=0.4, linestyle="dashed")


def _headed(ax: Any, title: str, *axes: str) -> None:
    """Set the title and what the axes are called."""
    # With a place, the title is not moved out of the way of what none of these plots has up there.
    ax.set_title(title, y=1.0)
    for name, text in zip("xy", axes, strict=False):
        ax.set(**{f"{name}label": text})


def _titled(ax: Any, rows: Classified, title: str, x: str, y: str) -> None:
    of = f" (Positive label: {rows.positive})" if rows.is_binary else ""
    _headed(ax, title, f"{x}{of}", f"{y}{of}")
    if rows.is_binary:
        ax.legend(loc="best")
    else:
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
