"""The built-in plugin ``core``: the core's own commands, declared as others declare theirs."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Command, hookimpl

NAME = "core"
"""The name of the entry point; a plugin that cannot be left out, and whose commands win."""


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the commands that look after plugins and configuration."""
    summaries = {
        "plugins:plugins": "List what is installed, or start a plugin of your own.",
        "doctor:doctor": "Check the installation and say what to do about faults.",
        "settings:config": "Show the configuration and where it comes from.",
        "completion:completion": "Print the script that teaches a shell to complete.",
    }
    return [
        Command(place.partition(":")[2], f"pegboard.cli.{place}", summary)
        for place, summary in summaries.items()
    ]
