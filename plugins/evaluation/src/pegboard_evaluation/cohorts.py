"""The evaluator ``cohorts``: the same figures for groups of rows, and where the model is worst."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from attrs import Factory, field, frozen, validators
from pegboard.contracts.evaluation import (
    Artifact,
    EvaluationTable,
    Figure,
    ModelEvaluator,
    Result,
    Work,
)
from pegboard.errors import InvalidValue

from pegboard_evaluation import classifiers, files, regressors
from pegboard_evaluation.columns import frame_of, numeric, present, weights_of

_FEW = 20
"""A column of numbers with more different values is cut into ranges."""

_SURE = 1.959963984540054
"""The normal distribution's 97.5th percentile."""

COHORTS, WORST = "cohorts", "worst_slices"


@frozen(kw_only=True)
class Settings:
    """Which groups are looked at."""

    by: list[str] = Factory(list)
    """Columns to group by; none: all that have few values or are numbers."""
    ranges: int = field(default=4, validator=validators.ge(2))
    """How many ranges, of as many rows each, numbers are cut into."""
    depth: int = field(default=2, validator=validators.in_((1, 2)))
    """Of how many columns a slice may be made."""
    least_rows: int = field(default=20, validator=validators.ge(2))
    """Slices with fewer rows say too little."""
    most: int = field(default=20, validator=validators.ge(1))
    """How many of the worst slices are listed."""
    pos_label: Any = None
    average: str = "weighted"


class Cohorts(ModelEvaluator):
    """Measures a regressor or classifier in groups of rows."""

    settings = Settings
    options: Settings

    def check(self, table: EvaluationTable) -> None:
        """Refuse tables without targets, and columns that are not there."""
        for name in ("targets", "outputs"):
            if getattr(table, name) is None:
                raise InvalidValue(f"Cohorts need {name!r}, and there are none.")
        if table.kind not in ("regressor", "classifier"):
            raise InvalidValue(
                f"Cohorts are of regressors and classifiers; model_type is {table.kind!r}."
            )
        frame = frame_of(table)
        if missing := [name for name in self.options.by if name not in frame]:
            raise InvalidValue(
                f"'by' names {missing[0]!r}, which the data does not have.",
                hint=f"Its columns are: {', '.join(map(repr, frame.columns[:20]))}.",
            )

    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        """Yield a table with a row for each group, then the slices in which the model is worst."""
        frame = frame_of(table)
        named = self.options.by or [str(name) for name in frame.columns]
        groups = {name: found for name in named if (found := self._groups(frame[name])) is not None}
        if not groups:
            why = "No column has groups: all have too many different values."
            yield Artifact(name=COHORTS, path=None, skipped=why)
            return
        rows = [
            {"column": name, "value": value, **self._measured(table, np.flatnonzero(codes == code))}
            for name, (codes, values) in groups.items()
            for code, value in enumerate(values)
        ]
        yield files.table(COHORTS, rows, work.directory)
        yield from self._worst(table, groups, work)

    def _groups(self, column: pd.Series[Any]) -> tuple[Any, Sequence[str]] | None:
        """Return the number of each row's group, shape (n,), and the names of the groups."""
        if not pd.api.types.is_hashable(column.iloc[0]):
            return None
        numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if numbers and column.nunique() > _FEW:
            column = pd.qcut(column, self.options.ranges, duplicates="drop", precision=4)
        codes, values = pd.factorize(column.astype("object").where(column.notna(), "missing"))
        if len(values) > _FEW or len(values) < 2:
            return None
        names = [str(value) for value in values]
        order = sorted(range(len(names)), key=lambda code: _order(values[code]))
        places = np.empty(len(names), dtype=int)
        places[order] = range(len(names))
        return places[codes], [names[code] for code in order]

    def _measured(self, table: EvaluationTable, rows: Any) -> dict[str, Any]:
        """Return the figures of some rows; those that are not defined are left out."""
        part = table.only(rows)
        if table.kind == "regressor":
            targets, outputs = numeric("targets", part.targets), numeric("outputs", part.outputs)
            return dict(regressors.measure(targets, outputs, weights_of(part)))
        whole = [present("targets", table.targets), present("outputs", table.outputs)]
        labels = np.unique(np.concatenate([*whole, *_classes(table)]))
        found = classifiers.measure(
            classifiers.classified(
                present("targets", part.targets),
                present("outputs", part.outputs),
                probabilities=part.probabilities,
                classes=part.labels,
                weights=weights_of(part),
                label_list=labels.tolist(),
                pos_label=self.options.pos_label,
            ),
            self.options.average,
        )
        return {name: value for name, value in found.items() if not isinstance(value, str)}

    def _worst(self, table: EvaluationTable, groups: Any, work: Work) -> Iterator[Result]:
        losses = row_losses(table)
        found = []
        for depth in range(1, self.options.depth + 1):
            for names in itertools.combinations(groups, depth):
                found += list(self._slices(losses, groups, names))
        name = "error_rate" if table.kind == "classifier" else "mean_absolute_error"
        # The bad ones that are surely bad come first; names settle what is equal.
        found.sort(key=lambda each: (-each["sure_difference"], each["slice"]))
        shown = [each for each in found if each["sure_difference"] > 0][: self.options.most]
        if not shown:
            why = (
                f"In no slice of {self.options.least_rows} rows or more is the model surely worse."
            )
            yield Artifact(name=WORST, path=None, skipped=why)
            return
        renamed = [{name if key == "loss" else key: v for key, v in x.items()} for x in shown]
        yield files.table(WORST, renamed, work.directory)
        first = shown[0]
        yield Figure(name=f"worst_slice/{name}", value=first["loss"], count=first["rows"])
        yield Figure(name="worst_slice/rows", value=float(first["rows"]), count=first["rows"])

    def _slices(self, losses: Any, groups: Any, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield how much worse the model is in each slice of some columns than elsewhere."""
        codes = np.zeros(len(losses), dtype=int)
        for name in names:
            codes = codes * (_FEW + 1) + groups[name][0]
        for code in np.unique(codes):
            within = codes == code
            inside, outside = losses[within], losses[~within]
            if min(len(inside), len(outside)) < self.options.least_rows:
                continue
            difference = float(inside.mean() - outside.mean())
            spread = inside.var(ddof=1) / len(inside) + outside.var(ddof=1) / len(outside)
            parts: list[str] = []
            rest = int(code)
            for name in reversed(names):
                rest, own = divmod(rest, _FEW + 1)
                parts.insert(0, f"{name}={groups[name][1][own]}")
            yield {
                "slice": " & ".join(parts),
                "rows": len(inside),
                "loss": float(inside.mean()),
                "elsewhere": float(outside.mean()),
                "difference": difference,
                "sure_difference": difference - _SURE * math.sqrt(spread),
            }


def row_losses(table: EvaluationTable) -> Any:
    """Return how wrong each row is, shape (n,): its absolute error, or 1 for a wrong label."""
    if table.kind == "regressor":
        return np.abs(numeric("targets", table.targets) - numeric("outputs", table.outputs))
    return (present("targets", table.targets) != present("outputs", table.outputs)).astype(float)


def _classes(table: EvaluationTable) -> list[Any]:
    return [] if table.labels is None else [np.asarray(table.labels)]


def _order(value: Any) -> tuple[Any, ...]:
    """Return what groups are sorted by: numbers and ranges by size, all else by its text."""
    begin = value.left if isinstance(value, pd.Interval) else value
    number = isinstance(begin, (int, float, np.number)) and not isinstance(begin, bool)
    return (0, float(begin), "") if number else (1, 0.0, str(value))
