"""The notes of the demo, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

OF_EXPERIMENT = """\
# Progression of diabetes

442 patients, ten measurements each, and how far the disease had come **a year later**. The data
comes with scikit-learn; a model is good if its `r2` on the 89 patients it never saw is high.
"""

_OF_COMPARISON = """\
## Which model predicts best?

{rows}

- Each model has a run below this one, with its curves, `predictions` after some steps, a table of
  all test patients, and the model itself.
- `gradient-boosting` was tried with nine other settings: compare `learning_rate` and `max_depth`.
- The **{best}** is `champion` in the registry. It can be *asked* too: see the traces of its run.
"""


def of_comparison(scores: Mapping[str, float]) -> str:
    """Return the note on models, by their names, and how good they are (r2)."""
    order = sorted(scores, key=scores.__getitem__, reverse=True)
    rows = [f"| {name} | {scores[name]:.3f} |" for name in order]
    return _OF_COMPARISON.format(rows="\n".join(["| model | r2 |", "| --- | ---: |", *rows]),
                                 best=order[0])  # fmt: skip
