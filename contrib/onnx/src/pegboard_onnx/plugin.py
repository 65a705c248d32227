"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import ApiName, Component, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.models import ModelFlavor


def _flavor(settings: Mapping[str, Any]) -> ModelFlavor:
    from pegboard_onnx.flavor import OnnxFlavor

    del settings
    return OnnxFlavor()


def _api() -> Any:
    from pegboard_models.flavor_api import flavor_api

    return flavor_api("onnx")


@hookimpl
def pegboard_model_flavors() -> Sequence[Component[ModelFlavor]]:
    """Declare the flavor ``onnx``."""
    return [Component("onnx", _flavor, "ONNX models, run by ONNX Runtime")]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.onnx``."""
    return [ApiName("onnx", _api, "Log, save and load ONNX models")]
