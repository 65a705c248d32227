"""Calls metrics: finds their arguments and their order, and says which of them goes wrong how."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from attrs import define, field, frozen
from pegboard.contracts.evaluation import EvaluationTable, Figure, Result, Scores
from pegboard.errors import InvalidValue, quoted

from pegboard_evaluation import certainty
from pegboard_evaluation.metric import EvaluationMetric, MetricValue, is_number
from pegboard_evaluation.pool import TooSlow, within

_PREDICTIONS, _TARGETS, _METRICS = "predictions", "targets", "metrics"


@frozen(kw_only=True)
class Naming:
    """What the parameters of metrics may be called, beside the columns of the data."""

    col_mapping: Mapping[str, Any] = field(factory=dict)
    """By parameter: the column, metric or key that it means, or what it gets."""
    parameters: Mapping[str, Any] = field(factory=dict)
    """More that metrics may ask for by name."""
    targets_name: str = ""
    predictions_name: str = ""
    """What the columns with targets and predictions are called in the data."""


@define
class Columns:
    """All that a metric of some rows can ask for."""

    table: EvaluationTable
    naming: Naming
    results: dict[str, MetricValue] = field(factory=dict)
    """What the metrics before it gave, by key."""

    def arguments(self, metric: EvaluationMetric, before: Sequence[EvaluationMetric] = ()) -> Any:
        """Return what a metric's function is called with, or the names that mean nothing.

        ``before``: metrics that are computed first, so that their results will be there.
        """
        parameters = inspect.signature(metric.eval_fn).parameters.values()
        names = [each.name for each in parameters]
        if len(names) == 2 and not {_PREDICTIONS, _TARGETS, _METRICS} & set(names):
            data = self._data(names[0])
            if data is None:
                # The form of MLflow 1: a frame of both columns, and the numbers so far.
                return [self.frame(), self.numbers()], []
        found, missing = [], []
        for each in parameters:
            if each.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
                continue
            wanted = self.naming.col_mapping.get(each.name, each.name)
            value = self._of(wanted) if isinstance(wanted, str) else wanted
            if value is None and any(wanted == other.name for other in before):
                value = MetricValue()
            if value is None:
                if each.default is inspect.Parameter.empty:
                    missing.append(each.name)
                    continue
                value = each.default
            found.append(value)
        return found, missing

    def _of(self, wanted: str) -> Any:
        if wanted in (_PREDICTIONS, self.naming.predictions_name):
            return _series(self.table.outputs)
        if wanted in (_TARGETS, self.naming.targets_name):
            return _series(self.table.targets)
        if wanted == _METRICS:
            return dict(self.results)
        if wanted in ("sample_weight", "sample_weights"):
            return self.table.weights
        data = self._data(wanted)
        if data is not None:
            return data
        if wanted in self.naming.parameters:
            return self.naming.parameters[wanted]
        return next((v for key, v in self.results.items() if key.split("/")[0] == wanted), None)

    def _data(self, name: str) -> Any:
        inputs = self.table.inputs
        if isinstance(inputs, pd.DataFrame) and name in inputs.columns:
            return inputs[name].reset_index(drop=True)
        return _series(self.table.columns.get(name))

    def frame(self) -> pd.DataFrame:
        """Return the columns ``prediction`` and ``target``."""
        frame = pd.DataFrame({"prediction": _series(self.table.outputs)})
        if self.table.targets is not None:
            frame["target"] = _series(self.table.targets)
        return frame

    def numbers(self) -> dict[str, float]:
        """Return all that was aggregated so far, by the name that it is logged with."""
        return {
            name: value
            for key, result in self.results.items()
            for name, value in aggregates(key, result).items()
            if value is not None
        }

    def known(self) -> str:
        """Say which columns there are."""
        inputs = self.table.inputs
        named = [str(name) for name in inputs.columns] if isinstance(inputs, pd.DataFrame) else []
        parts = [*named, *self.table.columns, _PREDICTIONS]
        parts += [_TARGETS] if self.table.targets is not None else []
        return ", ".join(map(repr, parts))


def _series(values: Any) -> Any:
    if values is None or (
        isinstance(values, pd.Series) and isinstance(values.index, pd.RangeIndex)
    ):
        return values
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    found = pd.Series(values if hasattr(values, "dtype") else list(values))
    # A text that is missing stays None: pandas would make it NaN.
    return found if found.dtype.kind in "biufcmM" else pd.Series(list(values), dtype=object)


def ordered(metrics: Sequence[EvaluationMetric], columns: Columns) -> list[EvaluationMetric]:
    """Return metrics, each after those it needs; InvalidValue if one lacks anything."""
    found: list[EvaluationMetric] = []
    waiting = list(metrics)
    while waiting:
        ready = [each for each in waiting if not columns.arguments(each, found)[1]]
        if not ready:
            lacking = "; ".join(
                f"{each.name!r} lacks {', '.join(map(repr, columns.arguments(each, found)[1]))}"
                for each in waiting
            )
            raise InvalidValue(
                f"Metrics ask for what is not there: {lacking}.",
                hint=f"There is: {columns.known()}, and other metrics. Or say what is meant: "
                "evaluator_config={'col_mapping': {PARAMETER: COLUMN}}.",
            )
        found += ready
        waiting = [each for each in waiting if each not in ready]
    return found


def tried(metrics: Sequence[EvaluationMetric], columns: Columns, timeout_s: float) -> None:
    """Compute metrics on few rows; InvalidValue names all that fail, with what they raise."""
    failed = []
    for metric in metrics:
        try:
            columns.results[metric.key] = computed(metric, columns, timeout_s)
        except Exception as error:
            failed.append(f"  {metric.name}: {type(error).__name__}: {error}")
    if failed:
        raise InvalidValue(
            "These metrics fail on the first rows already:\n" + "\n".join(failed),
            hint="Nothing was evaluated.",
        )


def computed(metric: EvaluationMetric, columns: Columns, timeout_s: float) -> MetricValue:
    """Return what a metric gives, checked; whatever it raises is raised, TimeoutError too."""
    arguments, _ = columns.arguments(metric)
    given = _within(timeout_s, partial(metric.eval_fn, *arguments))
    if is_number(given):
        return MetricValue(aggregate_results={metric.name: float(given)})
    if given is None:
        return MetricValue(skipped="It returned None.")
    if not all(hasattr(given, name) for name in ("scores", "justifications", "aggregate_results")):
        raise TypeError(f"it returned {quoted(given)}, neither a number nor a MetricValue")
    if not isinstance(given, MetricValue):
        given = MetricValue(given.scores, given.justifications, given.aggregate_results)
    for name in ("scores", "justifications"):
        values = getattr(given, name)
        if values is not None and len(values) != columns.table.count:
            raise ValueError(f"it returned {len(values)} {name} for {columns.table.count} rows")
    return given


def _within(timeout_s: float, function: Callable[[], Any]) -> Any:
    """Call a metric; TimeoutError if it takes longer. What hangs is left behind, in a thread."""
    try:
        return within(timeout_s, function)
    except TooSlow:
        raise TimeoutError(f"it took longer than metric_timeout_s = {timeout_s:g}") from None


def aggregates(key: str, result: MetricValue) -> dict[str, float | None]:
    """Return what a metric aggregated, by the name that it is logged with."""
    name = key.split("/")[0]
    return {
        key if which == name else f"{key}/{which}": value
        for which, value in (result.aggregate_results or {}).items()
    }


def results_of(
    key: str, result: MetricValue, count: int, known: Sequence[Scores], prefix: str = ""
) -> Iterator[Result]:
    """Yield the scores and figures of a metric; rows that are known already are left out.

    ``prefix`` stands before all names.
    """
    named = f"{prefix}{key}"
    if result.skipped:
        yield Figure(name=named, value=None, skipped=result.skipped)
        return
    failed = 0
    if result.scores is not None or result.justifications is not None:
        scores = _scores(named, result, count)
        failed = len(scores.errors) + len(scores.skipped)
        yield _without(scores, {row for each in known if each.metric == named for row in each.rows})
    sure = certainty.Certainty()
    if result.scores is not None:
        sure = certainty.of_mean([value for value in scores.values if is_number(value)])
    for name, value in aggregates(key, result).items():
        if value is not None:
            mean = name == f"{key}/mean"
            yield Figure(
                name=f"{prefix}{name}",
                value=float(value),
                count=count - failed,
                failed=failed,
                error=sure.error if mean else None,
                interval=sure.interval if mean else None,
            )


def _scores(key: str, result: MetricValue, count: int) -> Scores:
    """Return scores in the form of the contract."""
    values: list[Any] = []
    errors, skipped, why = {}, {}, {}
    for row, score in enumerate(result.scores if result.scores is not None else [None] * count):
        value = score.item() if hasattr(score, "item") else score
        if value is None:
            skipped[row] = "The metric gave no score."
        elif isinstance(value, float) and math.isnan(value):
            errors[row] = "The score is not a number (NaN)."
            value = None
        elif not isinstance(value, (bool, int, float, str)):
            errors[row] = f"The score is {quoted(value)}, neither a number nor a text."
            value = None
        values.append(value)
    for row, text in enumerate(result.justifications or ()):
        if text is not None:
            why[row] = str(text)
    return Scores(key, range(count), values, why, errors, skipped)


def _without(scores: Scores, rows: set[int]) -> Scores:
    if not rows:
        return scores
    kept = [row for row in scores.rows if row not in rows]

    def of(reasons: Mapping[int, str]) -> dict[int, str]:
        return {row: text for row, text in reasons.items() if row not in rows}

    return Scores(
        scores.metric,
        kept,
        [scores.values[row] for row in kept],
        of(scores.justifications),
        of(scores.errors),
        of(scores.skipped),
    )
