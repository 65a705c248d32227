"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard_wire.http import Endpoint


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.gateway]."""
    return "pegboard_gateway.settings:Settings"


@hookimpl(optionalhook=True)
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Serve the faces of the gateway."""
    from pegboard_gateway.faces import openai

    return openai.endpoints()
