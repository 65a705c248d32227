"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import ApiName, Autologger, Component, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.models import ModelFlavor


@hookimpl
def pegboard_model_flavors() -> Sequence[Component[ModelFlavor]]:
    """Declare the flavor of LightGBM models."""
    return [Component("lightgbm", _open_flavor, "LightGBM models")]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of LightGBM models by itself."""
    return [
        Autologger(
            "lightgbm",
            "lightgbm",
            _autolog,
            "What LightGBM models are trained on, and what comes of it",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.lightgbm``."""
    return [ApiName("lightgbm", _load_api, "Models of LightGBM")]


def _open_flavor(settings: Mapping[str, Any]) -> ModelFlavor:
    del settings
    from pegboard_lightgbm.flavor import LightGBMFlavor

    return LightGBMFlavor()


def _autolog(**switches: Any) -> None:
    from pegboard_models.autologging import call

    from pegboard_lightgbm.autologging import autolog

    call(autolog, switches)


def _load_api() -> Any:
    from pegboard_lightgbm.api import lightgbm

    return lightgbm
