"""``pegboard.genai.optimize``: prompts refined by what a function of them gives."""

from pegboard_evaluation.optimize import optimizers
from pegboard_evaluation.optimize.entities import (
    EvaluationResultRecord,
    PromptOptimizationResult,
    PromptOptimizerOutput,
)
from pegboard_evaluation.optimize.optimizers import BasePromptOptimizer, MetaPromptOptimizer
from pegboard_evaluation.optimize.running import optimize_prompts

__all__ = [
    "BasePromptOptimizer",
    "EvaluationResultRecord",
    "MetaPromptOptimizer",
    "PromptOptimizationResult",
    "PromptOptimizerOutput",
    "optimize_prompts",
    "optimizers",
]
