"""What an evaluation keeps in its run, as the command line and pages read it."""

from __future__ import annotations

import json
import numbers
from collections.abc import Sequence
from typing import Any

from attrs import define, field
from pegboard.errors import InvalidValue

FOLDER = "evaluation"
"""Where a run keeps what ``pegboard eval`` reads."""
FIGURES, ROWS = f"{FOLDER}/figures.json", f"{FOLDER}/rows.json"
TABLE = "eval_results_table"
"""The table of rows, under MLflow's name; a prefix of metrics stands before it."""

ABSOLUTE_ERROR, CORRECT = "absolute_error", "correct"
"""What a row of a regressor and of a classifier is judged by."""

_LESS_IS_BETTER = (ABSOLUTE_ERROR, "toxicity", "latency", "cost", "token_count", "grade_level")
"""Parts of names of metrics of which less is better."""


@define
class Rows:
    """Rows by id, in their order, and what is known of each."""

    ids: list[str]
    kind: str = ""
    targets: list[Any] | None = None
    outputs: list[Any] | None = None
    groups: dict[str, list[Any]] = field(factory=dict)
    """Columns with few different values."""
    scores: dict[str, list[Any]] = field(factory=dict)
    """By metric; None for rows without a score."""
    columns: dict[str, list[Any]] = field(factory=dict)
    """The other columns of what went in; none if they are very many values."""
    traces: list[str | None] | None = None
    """The ids of the traces that answered."""

    @classmethod
    def read(cls, text: str | bytes) -> Rows:
        """Return rows of JSON; InvalidValue if it is something else."""
        try:
            found = json.loads(text)
            rows = cls(**found)
        except (TypeError, ValueError) as error:
            raise InvalidValue(
                f"This is not what an evaluation keeps of its rows: {error}"
            ) from None
        parts = (rows.groups, rows.scores, rows.columns)
        columns = [rows.targets, rows.outputs, rows.traces]
        columns += [column for part in parts for column in part.values()]
        if any(column is not None and len(column) != len(rows.ids) for column in columns):
            raise InvalidValue("This is not what an evaluation keeps of its rows: it is ragged.")
        return rows


def judged(rows: Rows) -> dict[str, Sequence[Any]]:
    """Return a number for each row by metric; None where there is no score."""
    found: dict[str, Sequence[Any]] = {}
    if rows.targets is not None and rows.outputs is not None:
        pairs = list(zip(rows.targets, rows.outputs, strict=True))
        if rows.kind == "regressor":
            found[ABSOLUTE_ERROR] = [abs(float(a) - float(b)) for a, b in pairs]
        elif rows.kind in ("classifier", "question-answering"):
            found[CORRECT] = [float(a == b) for a, b in pairs]
    for name, scores in rows.scores.items():
        if all(score is None or isinstance(score, numbers.Real) for score in scores):
            found[name] = scores
    return found


def is_greater_better(metric: str) -> bool:
    """Whether more of a metric is better, as its name tells."""
    return not any(part in metric for part in _LESS_IS_BETTER)
