"""Which features a model looks at: a file of numbers and a figure of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_models.autologging.runs import RunLog

_MOST_BARS = 100
"""How many features, the most important ones, a figure can show legibly."""


def log(run: RunLog, kind: str, values: Mapping[str, Any]) -> None:
    """Log ``feature_importance_KIND.json``, and ``.png`` if matplotlib is installed."""
    name = f"feature_importance_{kind}"
    with tempfile.TemporaryDirectory(prefix="pegboard-") as directory:
        place = Path(directory)
        (place / f"{name}.json").write_text(json.dumps(dict(values), indent=2))
        if values and find_spec("matplotlib") is not None:
            _draw(kind, values, place / f"{name}.png")
        run.client.log_artifacts(run.run_id, place)


def _draw(kind: str, values: Mapping[str, Any], file: Path) -> None:
    """Draw bars, the longest on top; a feature with several values has one for each class."""
    import numpy as np
    from matplotlib.figure import Figure

    names = list(values)
    table = np.array([np.atleast_1d(value) for value in values.values()], dtype=float)
    order = np.argsort(np.abs(table).sum(axis=1))[-_MOST_BARS:]
    classes = table.shape[1]
    height = 4.8 + 0.1 * (len(order) if len(order) > 10 else 0) + 0.1 * (classes - 1)
    figure = Figure(figsize=(6.4, height), layout="tight")
    axes = figure.add_subplot()
    places = np.arange(len(order))
    offsets = np.linspace(-0.25, 0.25, classes) if classes > 1 else [0.0]
    for index, offset in enumerate(offsets):
        axes.barh(
            places + offset,
            table[order, index],
            height=0.5 / max(classes - 1, 1),
            label=f"Class {index}",
        )
    axes.set_yticks(places, [names[index] for index in order])
    axes.set_xlabel("Importance")
    axes.set_title(f"Feature Importance ({kind})")
    if classes > 1:
        axes.legend()
    figure.savefig(file)
