"""``pegboard.xgboost``: MLflow's functions for these models."""

from __future__ import annotations

from pegboard_models import flavor_api

xgboost = flavor_api("xgboost", on_demand={"autolog": "pegboard_xgboost.autologging"})
