"""Numbers for the whole table, made of the scores of rows; none of them hides rows that failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from attrs import define, field
from pegboard.contracts.evaluation import Figure
from pegboard.entities.traces import AssessmentKind
from pegboard_tracing.api import Feedback, Trace, table

from pegboard_evaluation import certainty
from pegboard_evaluation.genai.results import Costs
from pegboard_evaluation.genai.scoring import AGGREGATIONS, Scorer, label_of, number_of

COST = "mlflow.assessment.judgeCost"
INPUT_TOKENS = "mlflow.assessment.judgeInputTokens"
OUTPUT_TOKENS = "mlflow.assessment.judgeOutputTokens"
"""The metadata of judges' answers, under MLflow's names."""


@define
class Scores:
    """What rows were given, as it comes."""

    scorers: Mapping[str, Scorer]
    rows: int
    figures: dict[str, Figure] = field(factory=dict)
    skipped: dict[str, str] = field(factory=dict)
    _found: dict[str, dict[int, list[Feedback]]] = field(factory=dict)
    """By name of the score and number of the row."""
    _of: dict[str, str] = field(factory=dict)
    """By name of the score, the scorer."""

    def add(self, scorer: str, row: int, given: Sequence[Feedback]) -> None:
        """Take what a scorer returned for a row."""
        for each in given:
            self._of.setdefault(each.name, scorer)
            self._found.setdefault(each.name, {}).setdefault(row, []).append(each)

    def of(self, scorer: str, row: int) -> list[Feedback]:
        """Return what a scorer returned for a row."""
        return [
            each
            for name, by_row in self._found.items()
            if self._of[name] == scorer
            for each in by_row.get(row, ())
        ]

    @property
    def names(self) -> frozenset[str]:
        """The names of scores."""
        return frozenset(self._found)

    def columns(self) -> dict[str, list[float | None]]:
        """Return scores that are numbers, by name: shape (rows,), None where there is none."""
        found: dict[str, list[float | None]] = {}
        for name, by_row in self._found.items():
            column: list[float | None] = [None] * self.rows
            for row, given in by_row.items():
                numbers = _numbers(given)
                column[row] = sum(numbers) / len(numbers) if numbers else None
            if any(value is not None for value in column):
                found[name] = column
        return found

    def summarize(self) -> None:
        """Make the figures."""
        self.figures.clear()
        self.skipped.clear()
        for name, by_row in self._found.items():
            given = [each for row in sorted(by_row) for each in by_row[row]]
            # As with MLflow, aggregations are those of the scorer of the score's own name.
            own = self.scorers.get(name.split("/", 1)[-1])
            asked = ["mean"] if own is None or own.aggregations is None else own.aggregations
            self._summarize(name, given, asked)

    def _summarize(self, name: str, given: Sequence[Feedback], asked: Sequence[Any]) -> None:
        values = _numbers(given)
        failed = sum(each.error is not None for each in given)
        for each in asked:
            label = label_of(each)
            key = f"{name}/{label}"
            if not values:
                why = _why_none(name, given, failed)
                self.skipped[key] = why
                self.figures[key] = Figure(name=key, value=None, skipped=why, failed=failed)
                continue
            try:
                function = AGGREGATIONS[each] if isinstance(each, str) else each
                value = float(function(list(values)))
            except Exception as error:
                why = f"The aggregation {label!r} failed: {type(error).__name__}: {error}"
                self.skipped[key] = why
                continue
            sure = certainty.of_mean(values) if each == "mean" else certainty.Certainty()
            self.figures[key] = Figure(
                name=key,
                value=value,
                count=len(values),
                failed=failed,
                error=sure.error,
                interval=sure.interval,
            )

    def metrics(self) -> dict[str, float]:
        """Return numbers by name; of scores with failures also how many there are and lack."""
        found = {name: each.value for name, each in self.figures.items() if each.value is not None}
        for name, by_row in self._found.items():
            given = [each for of_row in by_row.values() for each in of_row]
            if failed := sum(each.error is not None for each in given):
                found[f"{name}/n"] = float(len(given) - failed)
                found[f"{name}/failed"] = float(failed)
        return found

    def costs(self) -> dict[str, Costs]:
        """Return what judges took, by scorer."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for name, by_row in self._found.items():
            for of_row in by_row.values():
                for each in of_row:
                    if INPUT_TOKENS in (each.metadata or {}):
                        found.setdefault(self._of[name], []).append(each.metadata or {})
        return {name: _costs(given) for name, given in found.items()}


def _numbers(given: Sequence[Feedback]) -> list[float]:
    return [
        number
        for each in given
        if each.error is None and (number := number_of(each.value)) is not None
    ]


def _why_none(name: str, given: Sequence[Feedback], failed: int) -> str:
    if failed == len(given):
        first = next(each.error for each in given if each.error is not None)
        return f"{name!r} failed on every row, first by: {first.error_message}"
    value = next(each.value for each in given if each.error is None)
    return (
        f"The values of {name!r} are like {value!r}: no numbers, no truth values, neither yes nor "
        "no."
    )


def spent(given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metadata of several answers as that of one: their tokens, and their cost."""
    found = [each for each in given if INPUT_TOKENS in each]
    if not found:
        return {}
    costs = _costs(found)
    tokens = {INPUT_TOKENS: costs.input_tokens, OUTPUT_TOKENS: costs.output_tokens}
    return tokens if costs.unpriced else {**tokens, COST: costs.cost}


def _costs(given: Sequence[Mapping[str, Any]]) -> Costs:
    priced = [float(each[COST]) for each in given if each.get(COST) not in (None, "None")]
    return Costs(
        calls=len(given),
        input_tokens=sum(int(each.get(INPUT_TOKENS) or 0) for each in given),
        output_tokens=sum(int(each.get(OUTPUT_TOKENS) or 0) for each in given),
        cost=sum(priced) if priced else None,
        unpriced=len(given) - len(priced),
    )


def cost_of(traces: Iterable[Trace]) -> Costs | None:
    """Return what models took to answer rows; None if no trace tells of any."""
    told = [each.info for each in traces if each.info.token_usage]
    if not told:
        return None
    priced = [each.cost["total_cost"] for each in told if each.cost]
    usage = [each.token_usage or {} for each in told]
    return Costs(
        calls=len(told),
        input_tokens=sum(each.get("input_tokens", 0) for each in usage),
        output_tokens=sum(each.get("output_tokens", 0) for each in usage),
        cost=sum(priced) if priced else None,
        unpriced=len(told) - len(priced),
    )


def result_table(traces: Sequence[Trace], run_id: str) -> pd.DataFrame:
    """Return a row for each trace: its id, its assessments, then the rest of it."""
    frame = table(traces)
    assessed = pd.DataFrame.from_records(
        [_assessed(each, run_id) for each in traces], index=frame.index
    )
    return pd.concat([frame[["trace_id"]], assessed, frame.drop(columns="trace_id")], axis=1)


def _assessed(trace: Trace, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in trace.info.assessments:
        if each.valid is False or each.run_id not in (None, run_id):
            continue
        if each.kind is AssessmentKind.ISSUE:
            continue
        found[f"{each.name}/value"] = each.value
        if each.rationale is not None:
            found[f"{each.name}/rationale"] = each.rationale
        if each.error is not None:
            found[f"{each.name}/error_message"] = each.error.error_message
    return found
