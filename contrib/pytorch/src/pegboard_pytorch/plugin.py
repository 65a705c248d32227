"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import ApiName, Autologger, Component, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.models import ModelFlavor


def _flavor(settings: Mapping[str, Any]) -> ModelFlavor:
    from pegboard_pytorch.flavor import PyTorchFlavor

    del settings
    return PyTorchFlavor()


def _api() -> Any:
    from pegboard_pytorch.api import api

    return api()


def _autolog(**switches: Any) -> None:
    from pegboard_models.autologging import call

    from pegboard_pytorch.autologging import autolog

    call(autolog, switches)


@hookimpl
def pegboard_model_flavors() -> Sequence[Component[ModelFlavor]]:
    """Declare the flavor ``pytorch``."""
    return [Component("pytorch", _flavor, "Modules of PyTorch: exported, weights or pickles")]


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare the autologger of PyTorch and Lightning."""
    return [Autologger("pytorch", "torch", _autolog, "Trainings by Lightning, and TensorBoard's")]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.pytorch``."""
    return [ApiName("pytorch", _api, "Log, save and load modules of PyTorch")]
