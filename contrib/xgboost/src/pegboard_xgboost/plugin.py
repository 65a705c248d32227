"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import ApiName, Autologger, Component, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.models import ModelFlavor


@hookimpl
def pegboard_model_flavors() -> Sequence[Component[ModelFlavor]]:
    """Declare the flavor of XGBoost models."""
    return [Component("xgboost", _open_flavor, "XGBoost models")]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of XGBoost models by itself."""
    return [
        Autologger(
            "xgboost",
            "xgboost",
            _autolog,
            "What XGBoost models are trained on, and what comes of it",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.xgboost``."""
    return [ApiName("xgboost", _load_api, "Models of XGBoost")]


def _open_flavor(settings: Mapping[str, Any]) -> ModelFlavor:
    del settings
    from pegboard_xgboost.flavor import XGBoostFlavor

    return XGBoostFlavor()


def _autolog(**switches: Any) -> None:
    from pegboard_models.autologging import call

    from pegboard_xgboost.autologging import autolog

    call(autolog, switches)


def _load_api() -> Any:
    from pegboard_xgboost.api import xgboost

    return xgboost
