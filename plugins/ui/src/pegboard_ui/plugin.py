"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import Command, hookimpl

if TYPE_CHECKING:
    from pegboard_wire.rooms import Room

    from pegboard_ui.hookspecs import UiPage


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module of the hook for pages of plugins."""
    return "pegboard_ui.hookspecs"


@hookimpl
def pegboard_endpoints() -> Sequence[Room]:
    """Declare the page, and the data that it shows."""
    from pegboard_ui.endpoints import ROOMS

    return ROOMS


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare what opens the page."""
    return [Command("ui", "pegboard_ui.commands:ui", "Open the web interface in the browser.")]


@hookimpl
def pegboard_ui_pages() -> Sequence[UiPage]:
    """Declare the page of installed plugins."""
    from pegboard_ui.hookspecs import UiPage

    return [UiPage("plugins", "Plugins", "pegboard_ui:own/plugins.js", _PLUG)]


_PLUG = "M7 3v4M13 3v4M5 7h10v3a5 5 0 0 1-10 0zM10 15v3"
