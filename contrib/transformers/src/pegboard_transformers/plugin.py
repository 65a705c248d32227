"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Flavor, hookimpl

if TYPE_CHECKING:
    pass


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare the flavor ``transformers``."""
    return [
        Flavor(
            "transformers",
            "pegboard_transformers.flavor:TransformersFlavor",
            "Pipelines of Hugging Face transformers",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.transformers``."""
    return [
        ApiName(
            "transformers",
            "pegboard_transformers.api:transformers",
            "Log, save and load pipelines of transformers",
        )
    ]
