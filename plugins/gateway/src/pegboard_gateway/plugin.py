"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_wire.http import Endpoint


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.gateway]."""
    return "pegboard_gateway.settings:Settings"


@hookimpl(optionalhook=True)
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Serve the faces of the gateway, and its administration."""
    from pegboard_gateway.admin import credentials, endpoints, own
    from pegboard_gateway.faces import mlflow, openai

    rooms = (openai, mlflow, endpoints, credentials, own)
    return [endpoint for room in rooms for endpoint in room.endpoints()]


@hookimpl(optionalhook=True)
def pegboard_server_started(host: Host) -> Callable[[], None]:
    """Begin to serve models, and return what ends it."""
    from pegboard_gateway import starting

    return starting.begin(host)
