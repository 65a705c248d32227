"""The contract of evaluators: what turns predictions into scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen


@frozen
class EvaluationResult:
    """Scores by name, and per-row scores (name to one value per row) where there are any."""

    metrics: Mapping[str, float]
    rows: Mapping[str, Sequence[float]] = field(factory=dict)


class Evaluator(ABC):
    """Scores predictions of a kind of model: regressor, classifier, question-answering and more."""

    @abstractmethod
    def evaluate(
        self,
        model_type: str,
        targets: Sequence[Any],
        predictions: Sequence[Any],
        options: Mapping[str, Any],
    ) -> EvaluationResult:
        """Score ``predictions`` against ``targets``, row by row of equal length."""
