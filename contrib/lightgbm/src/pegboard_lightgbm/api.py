"""``pegboard.lightgbm``: MLflow's functions for these models."""

from __future__ import annotations

from pegboard_models import flavor_api

lightgbm = flavor_api("lightgbm", on_demand={"autolog": "pegboard_lightgbm.autologging"})
