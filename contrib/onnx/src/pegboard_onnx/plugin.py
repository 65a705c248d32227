"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Flavor, hookimpl

if TYPE_CHECKING:
    pass


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare the flavor ``onnx``."""
    return [Flavor("onnx", "pegboard_onnx.flavor:OnnxFlavor", "ONNX models, run by ONNX Runtime")]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.onnx``."""
    return [ApiName("onnx", "pegboard_onnx.api:onnx", "Log, save and load ONNX models")]
