"""``pegboard.genai``: evaluation of language models and agents, under MLflow's names."""

from __future__ import annotations

from pegboard_evaluation.genai.evaluating import evaluate
from pegboard_evaluation.genai.scoring import Scorer, scorer

__all__ = ["Scorer", "evaluate", "scorer"]
