"""The gateway alone: a server with its endpoints and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_server import App

from pegboard_gateway import key_callers, plugin, starting, welcome

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_server import Board, Settings


def create(host: Host, settings: Settings, board: Board, *, mlflow_config: str | None) -> App:
    """Begin the gateway and return what serves it; the arguments are those of the command."""
    file = None if mlflow_config is None else Path(mlflow_config)
    end = starting.begin(host, board.workers, file)
    try:
        made = App(host, settings, board, [*plugin.pegboard_endpoints(), welcome.endpoint()])
    except BaseException:
        end()
        raise
    made.at_end(end)
    made.authenticator.add(key_callers.known_keys(host))
    return made
