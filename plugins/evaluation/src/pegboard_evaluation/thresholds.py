"""Thresholds: what a model's metrics must reach, alone or against those of another model."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pegboard.errors import InvalidValue, PegboardError

from pegboard_evaluation.results import EvaluationResult

_LEAST = 1e-10
"""How much better than a baseline of 0 a metric must be, where a relative change is asked for."""


class ModelValidationFailedException(PegboardError):
    """Metrics miss their thresholds; the message names each of them."""

    error_code = "BAD_REQUEST"


class MetricThreshold:
    """What one metric must reach.

    Args:
        threshold: the value must be at least this (at most, where less is better).
        min_absolute_change: it must be better than the baseline's by this; more than 0.
        min_relative_change: it must be better by this share of the baseline's size; from 0 to 1.
        greater_is_better: which way is up.

    Raises:
        InvalidValue: an argument is of another type or out of range, or there is no threshold.
    """

    def __init__(
        self,
        threshold: float | None = None,
        min_absolute_change: float | None = None,
        min_relative_change: float | None = None,
        greater_is_better: bool | None = None,
    ) -> None:
        def is_number(value: Any) -> bool:
            return isinstance(value, (int, float)) and not isinstance(value, bool)

        if threshold is not None and not is_number(threshold):
            raise _wrong("`threshold` parameter must be a number.")
        if min_absolute_change is not None and not (
            is_number(min_absolute_change) and min_absolute_change > 0
        ):
            raise _wrong("`min_absolute_change` parameter must be a positive number.")
        if min_relative_change is not None:
            if not isinstance(min_relative_change, float):
                raise _wrong("`min_relative_change` parameter must be a floating point number.")
            if not 0 <= min_relative_change <= 1:
                raise _wrong("`min_relative_change` parameter must be between 0 and 1.")
        if greater_is_better is None:
            raise _wrong("`greater_is_better` parameter must be defined.")
        if not isinstance(greater_is_better, bool):
            raise _wrong("`greater_is_better` parameter must be a boolean.")
        if threshold is None and min_absolute_change is None and min_relative_change is None:
            raise _wrong("no threshold was specified.")
        self.threshold = threshold
        self.min_absolute_change = min_absolute_change
        self.min_relative_change = min_relative_change
        self.greater_is_better = greater_is_better

    @property
    def compares(self) -> bool:
        """Whether a baseline is needed."""
        return self.min_absolute_change is not None or self.min_relative_change is not None

    def __repr__(self) -> str:
        parts = [
            f"{name}={value}"
            for name in ("threshold", "min_absolute_change", "min_relative_change")
            if (value := getattr(self, name)) is not None
        ]
        return f"MetricThreshold({', '.join(parts)}, greater_is_better={self.greater_is_better})"


def _wrong(what: str) -> InvalidValue:
    return InvalidValue(f"Could not instantiate MetricThreshold class: {what}")


def checked(thresholds: Any) -> Mapping[str, MetricThreshold]:
    """Return thresholds by metric; InvalidValue if they are something else."""
    if isinstance(thresholds, dict) and all(
        isinstance(name, str) and isinstance(each, MetricThreshold)
        for name, each in thresholds.items()
    ):
        return thresholds
    raise InvalidValue(
        "The validation thresholds argument must be a dictionary that maps strings to "
        "MetricThreshold objects."
    )


def validate_evaluation_results(
    validation_thresholds: dict[str, MetricThreshold],
    candidate_result: EvaluationResult,
    baseline_result: EvaluationResult | None = None,
) -> None:
    """Refuse a model whose metrics miss a threshold.

    Args:
        validation_thresholds: by name of a metric, what it must reach.
        candidate_result: what ``evaluate`` returned for the model.
        baseline_result: what it returned for the model to compare with.

    Raises:
        ModelValidationFailedException: names all that is missed.
    """
    baseline = baseline_result.metrics if baseline_result is not None else {}
    validate(checked(validation_thresholds), candidate_result.metrics, baseline)


def validate(
    thresholds: Mapping[str, MetricThreshold],
    candidate: Mapping[str, float],
    baseline: Mapping[str, float],
) -> None:
    """Raise ModelValidationFailedException if metrics miss a threshold."""
    failed = [
        " ".join(found)
        for name, threshold in thresholds.items()
        if (found := list(_missed(name, threshold, candidate, baseline)))
    ]
    if failed:
        raise ModelValidationFailedException("\n".join(failed))


def _missed(
    name: str,
    wanted: MetricThreshold,
    candidate: Mapping[str, float],
    baseline: Mapping[str, float],
) -> Iterator[str]:
    """Yield a sentence for each check that fails. Sentences are those of MLflow."""
    if name not in candidate:
        yield (
            f"Metric validation failed: metric {name} was missing from the evaluation result of "
            "the candidate model."
        )
        return
    value = candidate[name]
    reaches = operator.ge if wanted.greater_is_better else operator.le
    if wanted.threshold is not None and not reaches(value, wanted.threshold):
        yield (
            f"Metric {name} value threshold check failed: candidate model {name} = {value}, "
            f"{name} threshold = {wanted.threshold}."
        )
    if (wanted.min_relative_change or wanted.min_absolute_change) and name not in baseline:
        yield (
            f"Model comparison failed: metric {name} was missing from the evaluation result of "
            "the baseline model."
        )
        return
    if name in baseline:
        yield from _unchanged(name, wanted, value, baseline[name])


def _unchanged(name: str, wanted: MetricThreshold, value: float, before: float) -> Iterator[str]:
    """Yield a sentence for each change against the baseline that is too small."""
    if wanted.min_absolute_change is not None and not _beats(
        wanted, value, before, wanted.min_absolute_change
    ):
        yield _too_little(name, "absolute", value, before, wanted.min_absolute_change)
    if (least := wanted.min_relative_change) is not None:
        if before == 0:
            enough = _beats(wanted, value, before, _LEAST)
        else:
            gain = value - before if wanted.greater_is_better else before - value
            enough = not gain / abs(before) < least
        if not enough:
            yield _too_little(name, "relative", value, before, least)


def _beats(wanted: MetricThreshold, value: float, before: float, by: float) -> bool:
    """Whether a value is better by so much; compared exactly as the binary numbers are."""
    if wanted.greater_is_better:
        return Decimal(value) >= Decimal(before + by)
    return Decimal(value) <= Decimal(before - by)


def _too_little(name: str, kind: str, value: float, before: float, least: float) -> str:
    return (
        f"Metric {name} minimum {kind} change check failed: candidate model {name} = {value}, "
        f"baseline model {name} = {before}, {name} minimum {kind} change threshold = {least}."
    )
