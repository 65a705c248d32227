"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.hookspecs import Command, hookimpl

NAME = "server"
"""The name of the entry point, and of the table in the configuration."""


def _server() -> Any:
    from pegboard_server.commands.server import server

    return server


def _exec() -> Any:
    from pegboard_server.commands.execute import execute

    return execute


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the server, and what runs a script against one of its own."""
    return [
        Command("server", _server, "Serve the store to MLflow's and pegboard's clients."),
        Command("exec", _exec, "Run a command whose MLflow calls go to the store."),
    ]


@hookimpl
def pegboard_settings() -> Mapping[str, object]:
    """Declare the settings of [plugins.server]."""
    from pegboard_server.settings import DEFAULTS

    return DEFAULTS
