"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Autologger, Flavor, hookimpl

if TYPE_CHECKING:
    pass


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare the flavor of LightGBM models."""
    return [Flavor("lightgbm", "pegboard_lightgbm.flavor:LightGBMFlavor", "LightGBM models")]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of LightGBM models by itself."""
    return [
        Autologger(
            "lightgbm",
            "lightgbm",
            "pegboard_lightgbm.autologging:autolog",
            "What LightGBM models are trained on, and what comes of it",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.lightgbm``."""
    return [ApiName("lightgbm", "pegboard_lightgbm.api:lightgbm", "Models of LightGBM")]
