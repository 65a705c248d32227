"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Command, hookimpl


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare ``pegboard sweep``."""
    target = "pegboard_sweeps.command:sweep"
    return [Command("sweep", target, "Try parameters of a project, and find the best.")]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.sweeps``."""
    return [ApiName("sweeps", "pegboard_sweeps.api", "Sweeps: parameters tried, the best found")]
