"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Command, hookimpl


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare what starts a plugin, whose tests are then this distribution's suites."""
    return [
        Command(
            "plugins new",
            "pegboard_testing.scaffold:new",
            "Start a plugin of your own: a directory that works.",
        )
    ]
