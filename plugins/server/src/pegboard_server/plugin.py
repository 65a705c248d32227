"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Command, hookimpl


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the server, and the command that runs a script against a temporary one."""
    return [
        Command(
            "server",
            "pegboard_server.commands.server:server",
            "Serve the store to MLflow's and pegboard's clients.",
        ),
        Command(
            "exec",
            "pegboard_server.commands.execute:execute",
            "Run a command whose MLflow calls go to the store.",
        ),
    ]


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.server]."""
    return "pegboard_server.settings:Configured"
