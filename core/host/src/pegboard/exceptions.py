"""MLflow's name of our base error, for scripts written against it."""

from __future__ import annotations

from pegboard.errors import PegboardError

MlflowException = PegboardError

__all__ = ["MlflowException", "PegboardError"]
