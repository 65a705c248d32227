"""The pictures of the demo. They are drawn without a display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure


def predicted_vs_true(truth: np.ndarray, predicted: np.ndarray, title: str) -> Figure:
    """Draw each patient as a point: the closer to the diagonal, the better."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(truth, predicted, alpha=0.6)
    ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
    axes.plot(ends, ends, linestyle="--", color="grey")
    axes.set(title=title, xlabel="progression, measured", ylabel="progression, predicted")
    return figure


def learning_curve(
    steps: Sequence[int], train: Sequence[float], test: Sequence[float], title: str
) -> Figure:
    """Draw the error on the training and on the test data over the steps."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, train, label="training")
    axes.plot(steps, test, label="test")
    axes.set(title=title, xlabel="step", ylabel="root mean squared error")
    axes.legend()
    return figure
