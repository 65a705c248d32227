"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import ApiName, Component, hookimpl

if TYPE_CHECKING:
    from pegboard.contracts.models import ModelFlavor


def _flavor(settings: Mapping[str, Any]) -> ModelFlavor:
    from pegboard_transformers.flavor import TransformersFlavor

    del settings
    return TransformersFlavor()


def _api() -> Any:
    from pegboard_transformers.api import api

    return api()


@hookimpl
def pegboard_model_flavors() -> Sequence[Component[ModelFlavor]]:
    """Declare the flavor ``transformers``."""
    return [Component("transformers", _flavor, "Pipelines of Hugging Face transformers")]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.transformers``."""
    return [ApiName("transformers", _api, "Log, save and load pipelines of transformers")]
