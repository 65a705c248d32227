"""Places that traces go to, under MLflow's older names."""

from __future__ import annotations

from pegboard_tracing.entities.traces import MlflowExperimentLocation

MlflowExperiment = MlflowExperimentLocation

__all__ = ["MlflowExperiment", "MlflowExperimentLocation"]
