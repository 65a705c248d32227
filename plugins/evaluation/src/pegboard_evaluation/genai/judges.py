"""Judges with instructions of one's own, and what makes them agree with people."""

from __future__ import annotations

from pegboard_evaluation.genai.alignment import (
    Agreement,
    Alignment,
    AlignmentOptimizer,
    ExampleAlignmentOptimizer,
)
from pegboard_evaluation.genai.judging import InstructionsJudge, Judge, make_judge

__all__ = [
    "Agreement",
    "Alignment",
    "AlignmentOptimizer",
    "ExampleAlignmentOptimizer",
    "InstructionsJudge",
    "Judge",
    "make_judge",
]
