"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Autologger, Flavor, hookimpl

if TYPE_CHECKING:
    pass


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare the flavor ``pytorch``."""
    return [
        Flavor(
            "pytorch",
            "pegboard_pytorch.flavor:PyTorchFlavor",
            "Modules of PyTorch: exported, weights or pickles",
        )
    ]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare the autologger of PyTorch and Lightning."""
    return [
        Autologger(
            "pytorch",
            "torch",
            "pegboard_pytorch.autologging:autolog",
            "Trainings by Lightning, and TensorBoard's",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.pytorch``."""
    return [
        ApiName("pytorch", "pegboard_pytorch.api:pytorch", "Log, save and load modules of PyTorch")
    ]
