"""Judges with instructions of one's own."""

from __future__ import annotations

from pegboard_evaluation.genai.judging import InstructionsJudge, Judge, make_judge

__all__ = ["InstructionsJudge", "Judge", "make_judge"]
