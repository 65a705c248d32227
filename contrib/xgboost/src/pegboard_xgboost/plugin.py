"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Autologger, Flavor, hookimpl

if TYPE_CHECKING:
    pass


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare the flavor of XGBoost models."""
    return [Flavor("xgboost", "pegboard_xgboost.flavor:XGBoostFlavor", "XGBoost models")]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of XGBoost models by itself."""
    return [
        Autologger(
            "xgboost",
            "xgboost",
            "pegboard_xgboost.autologging:autolog",
            "What XGBoost models are trained on, and what comes of it",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.xgboost``."""
    return [ApiName("xgboost", "pegboard_xgboost.api:xgboost", "Models of XGBoost")]
