"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, hookimpl


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.llm``."""
    return [ApiName("llm", "pegboard_llm.api", "Language models from scripts.")]


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings."""
    return "pegboard_llm.settings:Settings"


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name what says which gateway scripts ask."""
    return (
        "PEGBOARD_GATEWAY_URI",
        "PEGBOARD_GATEWAY_KEY",
    )
