"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from pegboard.hookspecs import hookimpl


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.gateway]."""
    return "pegboard_gateway.settings:Settings"
