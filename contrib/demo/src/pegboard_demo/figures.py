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


def density(truth: np.ndarray, predicted: np.ndarray, size: int = 192) -> np.ndarray:
    """Return a picture, shape (size, size, 3), of how predictions lie about the measured values.

    The darker, the more patients; a perfect model makes a diagonal. All pictures have one scale.
    """
    bins, low, high = 24, 25.0, 350.0
    counts, _, _ = np.histogram2d(predicted, truth, bins=bins, range=[[low, high], [low, high]])
    shade = np.clip(counts / 4.0, 0, 1)[::-1, :, None]
    colours = (1 - shade) * np.array([246, 244, 238]) + shade * np.array([29, 78, 216])
    cell = size // bins
    return np.repeat(np.repeat(colours, cell, axis=0), cell, axis=1).astype(np.uint8)
