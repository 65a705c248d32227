"""``pegboard.metrics``: metrics to pass as ``extra_metrics`` to ``evaluate``.

Names are MLflow's. A function that is called returns an ``EvaluationMetric``, which can be called
itself: ``mae()(predictions=[1, 2], targets=[1, 3])``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue

from pegboard_evaluation import retrieval, texts
from pegboard_evaluation.metric import EvaluationMetric, MetricValue, make_metric

if TYPE_CHECKING:
    from pegboard_evaluation import judged_metrics as genai

__all__ = [
    "EvaluationMetric",
    "MetricValue",
    "ari_grade_level",
    "binary_f1_score",
    "binary_precision",
    "binary_recall",
    "bleu",
    "exact_match",
    "f1_score",
    "flesch_kincaid_grade_level",
    "genai",
    "latency",
    "mae",
    "make_metric",
    "mape",
    "max_error",
    "mse",
    "ndcg_at_k",
    "precision_at_k",
    "precision_score",
    "r2_score",
    "recall_at_k",
    "recall_score",
    "rmse",
    "rouge1",
    "rouge2",
    "rougeL",
    "rougeLsum",
    "token_count",
    "toxicity",
]


def __getattr__(name: str) -> Any:
    """Return ``genai``, which imports pandas and what asks models when it is used."""
    if name == "genai":
        return import_module("pegboard_evaluation.judged_metrics")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _whole(name: str, compute: Callable[..., float], *, better: bool) -> EvaluationMetric:
    """Return a metric of the whole table."""

    def measure(predictions: Any, targets: Any = None, sample_weight: Any = None) -> MetricValue:
        if targets is None or not len(targets):
            return MetricValue(skipped=f"{name} needs targets.")
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        return MetricValue(aggregate_results={name: float(compute(targets, predictions, **given))})

    return make_metric(eval_fn=measure, greater_is_better=better, name=name)


def mae() -> EvaluationMetric:
    """Return the mean absolute error."""
    from sklearn.metrics import mean_absolute_error

    return _whole("mean_absolute_error", mean_absolute_error, better=False)


def mse() -> EvaluationMetric:
    """Return the mean squared error."""
    from sklearn.metrics import mean_squared_error

    return _whole("mean_squared_error", mean_squared_error, better=False)


def rmse() -> EvaluationMetric:
    """Return the square root of the mean squared error."""
    from sklearn.metrics import mean_squared_error

    def root(targets: Any, outputs: Any, **weights: Any) -> float:
        return math.sqrt(mean_squared_error(targets, outputs, **weights))

    return _whole("root_mean_squared_error", root, better=False)


def r2_score() -> EvaluationMetric:
    """Return the coefficient of determination."""
    from sklearn.metrics import r2_score as compute

    return _whole("r2_score", compute, better=True)


def max_error() -> EvaluationMetric:
    """Return the largest error."""
    from sklearn.metrics import max_error as compute

    def largest(targets: Any, outputs: Any, **_: Any) -> float:
        return float(compute(targets, outputs))

    return _whole("max_error", largest, better=False)


def mape() -> EvaluationMetric:
    """Return the mean absolute error as a share of the targets."""
    from sklearn.metrics import mean_absolute_percentage_error

    return _whole("mean_absolute_percentage_error", mean_absolute_percentage_error, better=False)


def _of_class(name: str) -> EvaluationMetric:
    """Return a score of one class, or an average of those of all classes."""
    from sklearn import metrics as sklearn_metrics

    compute = getattr(sklearn_metrics, name)

    def measure(
        predictions: Any,
        targets: Any = None,
        pos_label: Any = 1,
        average: str = "binary",
        sample_weight: Any = None,
    ) -> MetricValue:
        if targets is None or not len(targets):
            return MetricValue(skipped=f"{name} needs targets.")
        value = compute(
            targets,
            predictions,
            pos_label=pos_label,
            average=average,
            sample_weight=sample_weight,
            zero_division=0,
        )
        return MetricValue(aggregate_results={name: float(value)})

    return make_metric(eval_fn=measure, greater_is_better=True, name=name)


def recall_score() -> EvaluationMetric:
    """Return the share of the positive rows that were found."""
    return _of_class("recall_score")


def precision_score() -> EvaluationMetric:
    """Return the share of the rows called positive that are."""
    return _of_class("precision_score")


def f1_score() -> EvaluationMetric:
    """Return the harmonic mean of precision and recall."""
    return _of_class("f1_score")


# What they were called at first.
binary_recall, binary_precision, binary_f1_score = recall_score, precision_score, f1_score


def exact_match() -> EvaluationMetric:
    """Return the share of outputs that are their targets, letter by letter."""
    from sklearn.metrics import accuracy_score

    def measure(predictions: Any, targets: Any = None) -> MetricValue:
        if targets is None or not len(targets):
            return MetricValue(skipped="exact_match needs targets.")
        same = accuracy_score(y_true=list(targets), y_pred=list(predictions))
        return MetricValue(aggregate_results={"exact_match": float(same)})

    return make_metric(eval_fn=measure, greater_is_better=True, name="exact_match", version="v1")


def latency() -> EvaluationMetric:
    """Return how long each prediction took, in seconds; rows are then predicted one by one."""

    def measure(latency: Any = None) -> MetricValue:
        if latency is None:
            return MetricValue(skipped="Only a model has a latency, and no model is evaluated.")
        return MetricValue(scores=[float(seconds) for seconds in latency])

    return make_metric(eval_fn=measure, greater_is_better=False, name="latency")


def token_count(encoding: str = "cl100k_base") -> EvaluationMetric:
    """Return how many tokens each output has, by ``tiktoken``."""

    def measure(predictions: Any) -> MetricValue:
        return texts.token_count(predictions, encoding)

    return make_metric(eval_fn=measure, greater_is_better=True, name="token_count")


def toxicity(
    judge: Callable[[Sequence[str]], Sequence[float]] | None = None,
) -> EvaluationMetric:
    """Return how toxic outputs are, from 0 to 1, as ``judge`` says: a function of texts."""
    given = judge

    def measure(predictions: Any, toxicity: Any = None) -> MetricValue:
        return texts.toxicity(predictions, given or toxicity)

    return make_metric(eval_fn=measure, greater_is_better=False, name="toxicity", version="v1")


def _of_text(name: str, function: str) -> EvaluationMetric:
    def measure(predictions: Any) -> MetricValue:
        return texts.readability(predictions, function)

    return make_metric(eval_fn=measure, greater_is_better=False, name=name, version="v1")


def flesch_kincaid_grade_level() -> EvaluationMetric:
    """Return the school years that it takes to read each output, by Flesch and Kincaid."""
    return _of_text("flesch_kincaid_grade_level", "flesch_kincaid_grade")


def ari_grade_level() -> EvaluationMetric:
    """Return the school years that it takes to read each output, by the readability index ARI."""
    return _of_text("ari_grade_level", "automated_readability_index")


def _rouge(kind: str) -> EvaluationMetric:
    def measure(predictions: Any, targets: Any = None) -> MetricValue:
        if targets is None:
            return MetricValue(skipped=f"{kind} needs targets.")
        return texts.rouge(predictions, targets, kind)

    return make_metric(eval_fn=measure, greater_is_better=True, name=kind, version="v1")


def rouge1() -> EvaluationMetric:
    """Return how many words outputs share with their targets."""
    return _rouge("rouge1")


def rouge2() -> EvaluationMetric:
    """Return how many pairs of words outputs share with their targets."""
    return _rouge("rouge2")


def rougeL() -> EvaluationMetric:  # noqa: N802
    """Return how much of the targets' order of words outputs keep."""
    return _rouge("rougeL")


def rougeLsum() -> EvaluationMetric:  # noqa: N802
    """Return how much of the targets' order of words outputs keep, line by line."""
    return _rouge("rougeLsum")


def bleu() -> EvaluationMetric:
    """Return how many sequences of up to four words outputs share with their targets."""

    def measure(predictions: Any, targets: Any = None) -> MetricValue:
        if targets is None:
            return MetricValue(skipped="bleu needs targets.")
        return texts.bleu(predictions, targets)

    return make_metric(eval_fn=measure, greater_is_better=True, name="bleu", version="v1")


def _of_ranking(name: str, k: int, score: Callable[[Any, Any, int], float]) -> EvaluationMetric:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InvalidValue(f"{name}: k is {k!r}, not a whole number of 1 or more.")

    def measure(predictions: Any, targets: Any) -> MetricValue:
        return retrieval.by_row(predictions, targets, lambda one, other: score(one, other, k))

    return make_metric(eval_fn=measure, greater_is_better=True, name=f"{name}_at_{k}")


def precision_at_k(k: int) -> EvaluationMetric:
    """Return the share of the first k documents that are wanted."""
    return _of_ranking("precision", k, retrieval.precision)


def recall_at_k(k: int) -> EvaluationMetric:
    """Return the share of the wanted documents that are among the first k."""
    return _of_ranking("recall", k, retrieval.recall)


def ndcg_at_k(k: int) -> EvaluationMetric:
    """Return how far up the wanted documents are among the first k, from 0 to 1."""
    return _of_ranking("ndcg", k, retrieval.ndcg)
