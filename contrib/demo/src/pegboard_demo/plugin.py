"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Command, hookimpl


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the command ``demo``."""
    return [
        Command(
            "demo",
            "pegboard_demo.command:demo",
            "Train real models on real data and show what was tracked.",
        )
    ]
