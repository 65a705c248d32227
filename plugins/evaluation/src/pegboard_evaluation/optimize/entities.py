"""What optimizers receive and return, under MLflow's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field
from pegboard_prompts.api import PromptVersion
from pegboard_tracing.api import Trace

Aggregation = Callable[[dict[str, Any]], float]
"""Returns one number, the more the better, of what each scorer returned by its name."""


@define
class EvaluationResultRecord:
    """What became of one row with the templates that were tried."""

    inputs: dict[str, Any]
    outputs: Any
    expectations: Any
    score: float | None
    """The more the better; None without scorers."""
    trace: Trace | None
    rationales: dict[str, str]
    individual_scores: dict[str, float] = field(factory=dict)
    """By scorer, what is a number."""


@define
class PromptOptimizerOutput:
    """What an optimizer found: templates by the names of prompts; a chat's is JSON."""

    optimized_prompts: dict[str, str]
    initial_eval_score: float | None = None
    final_eval_score: float | None = None
    initial_eval_score_per_scorer: Mapping[str, float] = field(factory=dict)
    final_eval_score_per_scorer: Mapping[str, float] = field(factory=dict)


@define
class PromptOptimizationResult:
    """What became of prompts: their new versions, and what there was of those that stay."""

    optimized_prompts: list[PromptVersion]
    optimizer_name: str
    initial_eval_score: float | None = None
    final_eval_score: float | None = None
    initial_eval_score_per_scorer: Mapping[str, float] = field(factory=dict)
    final_eval_score_per_scorer: Mapping[str, float] = field(factory=dict)
    run_id: str | None = None
    """The run that holds all of it; None if nothing was tracked."""
