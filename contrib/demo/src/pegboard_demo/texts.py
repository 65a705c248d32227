"""The notes of the demo, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard.entities import Run

OF_EXPERIMENT = """\
# Progression of diabetes

442 patients, ten measurements each, and how far the disease had come **a year later**. The data
comes with scikit-learn; a model is good if its `r2` on the 89 patients it never saw is high.
"""

_OF_BEST = """\
## The best of {count}

{rows}

- It is `champion` in the registry, and was *asked* some questions: see the traces of this run.
- `predictions` shows how it learned, `predictions.json` where it is wrong: the worst first.
- **gradient-boosting** was tried with other settings: unfold it, and compare `learning_rate`.
"""


def of_best(runs: Sequence[Run]) -> str:
    """Return the note on runs, the best first, by their r2."""
    rows = [f"| {run.info.run_name} | {run.data.metrics['r2']:.3f} |" for run in runs]
    table = "\n".join(["| model | r2 |", "| --- | ---: |", *rows])
    return _OF_BEST.format(count=len(runs), rows=table)
