"""Evaluation of models: tables, metrics, files, thresholds and comparisons.

What stands here is what other distributions may use to bring workers for rows; it is imported on
first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_evaluation.workers import EvaluationWorkers as EvaluationWorkers
    from pegboard_evaluation.workers import Workers as Workers

__all__ = ["EvaluationWorkers", "Workers"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.workers"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
