"""Metrics: functions of predictions and targets, and what they return."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field
from pegboard.entities import Metric
from pegboard.errors import InvalidValue, PegboardError, quoted
from pegboard_stores import validation


def is_number(value: object) -> bool:
    """Whether a value is a number (also a numpy one, and a truth value)."""
    return isinstance(value, (numbers.Real, np.bool_))


def standard_aggregations(scores: Sequence[Any]) -> dict[str, float]:
    """Return mean, population variance and 90th percentile of scores.

    Rows without a number are left out; if no row has one, it is empty.
    """
    numbers_ = [float(score) for score in scores if is_number(score) and not math.isnan(score)]
    if not numbers_:
        return {}
    return {
        "mean": float(np.mean(numbers_)),
        "variance": float(np.var(numbers_)),
        "p90": float(np.percentile(numbers_, 90)),
    }


@define
class MetricValue:
    """What a metric gives: scores and justifications by row, and numbers for the whole table.

    Where all scores are numbers and ``aggregate_results`` is left out, it holds their mean,
    variance and 90th percentile.
    """

    scores: Sequence[Any] | None = None
    justifications: Sequence[str | None] | None = None
    aggregate_results: Mapping[str, float | None] | None = None
    skipped: str = field(default="", kw_only=True)
    """Why there is nothing, in a sentence that says what to do about it."""

    def __attrs_post_init__(self) -> None:
        """Add up scores that are numbers."""
        given = isinstance(self.scores, (list, tuple))
        if self.aggregate_results is None and given and all(map(is_number, self.scores or ())):
            self.aggregate_results = standard_aggregations(self.scores or ())


class EvaluationMetric:
    """A metric: ``eval_fn`` and what is to be known of it. ``make_metric`` makes them."""

    def __init__(
        self,
        eval_fn: Callable[..., Any],
        name: str,
        greater_is_better: bool,
        long_name: str | None = None,
        version: str | None = None,
        metric_details: str | None = None,
        metric_metadata: Mapping[str, Any] | None = None,
        genai_metric_args: Mapping[str, Any] | None = None,
    ) -> None:
        self.eval_fn = eval_fn
        self.name = name
        self.greater_is_better = greater_is_better
        self.long_name = long_name or name
        self.version = version
        self.metric_details = metric_details
        self.metric_metadata = metric_metadata
        self.genai_metric_args = genai_metric_args

    @property
    def key(self) -> str:
        """The name that results are logged under: ``name`` or ``name/version``."""
        return f"{self.name}/{self.version}" if self.version else self.name

    def __call__(self, **arguments: Any) -> Any:
        """Return what the metric gives for predictions, targets and what else it asks for."""
        unused = {"targets", "metrics"} - inspect.signature(self.eval_fn).parameters.keys()
        return self.eval_fn(**{k: v for k, v in arguments.items() if k not in unused})

    def __repr__(self) -> str:
        said = [f"name={self.name}, greater_is_better={self.greater_is_better}"]
        for name in ("long_name", "version", "metric_details", "metric_metadata"):
            if value := getattr(self, name):
                said.append(f"{name}={value}")
        return f"EvaluationMetric({', '.join(said)})"


def make_metric(
    *,
    eval_fn: Callable[..., Any],
    greater_is_better: bool,
    name: str | None = None,
    long_name: str | None = None,
    version: str | None = None,
    metric_details: str | None = None,
    metric_metadata: Mapping[str, Any] | None = None,
    genai_metric_args: Mapping[str, Any] | None = None,
) -> EvaluationMetric:
    """Make a metric of a function.

    Args:
        eval_fn: gets what its parameters name: ``predictions``, ``targets``, ``metrics`` (results
            of the metrics before it), a column of the data, another metric, or a key of
            ``evaluator_config``. It returns a number or a ``MetricValue``.
        greater_is_better: which way is up.
        name: needed for a lambda; else the function's own name.
        long_name: another name, for people.
        version: becomes part of the logged name, as in ``exact_match/v1``.
        metric_details: how it is computed.
        metric_metadata: anything more.
        genai_metric_args: what a judge was made of.

    Raises:
        InvalidValue: there is no name, or metrics cannot be logged under it.
    """
    found = name if name is not None else getattr(eval_fn, "__name__", "")
    if not found or found == "<lambda>":
        raise InvalidValue(
            "The metric has no name.", hint="Give make_metric a name: a lambda has none of its own."
        )
    metric = EvaluationMetric(
        eval_fn,
        found,
        greater_is_better,
        long_name,
        version,
        metric_details,
        metric_metadata,
        genai_metric_args,
    )
    try:
        validation.metric(Metric(metric.key, 0.0, 0, 0))
    except PegboardError as error:
        raise InvalidValue(
            f"{quoted(found)} cannot be the name of a metric: {error.message}", hint=error.hint
        ) from None
    return metric
