"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Command, hookimpl


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.workflows]."""
    return "pegboard_workflows.settings:Settings"


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare ``pegboard workflows``."""
    return [
        Command(
            "workflows",
            "pegboard_workflows.commands:workflows",
            "Run the steps of a project, and again only what changed.",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.workflows``."""
    return [ApiName("workflows", "pegboard_workflows.api", "Steps with inputs and outputs")]
