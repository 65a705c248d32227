"""The HTTP server of pegboard: endpoints that plugins declare, served fast and safely.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_server import loopback as loopback
    from pegboard_server import serving as serving
    from pegboard_server import workers as workers
    from pegboard_server.app import App as App
    from pegboard_server.commands.options import ServingCommand as ServingCommand
    from pegboard_server.commands.options import listening as listening
    from pegboard_server.commands.options import settings_of as settings_of
    from pegboard_server.failures import Failure as Failure
    from pegboard_server.metrics import Board as Board
    from pegboard_server.settings import Settings as Settings

_HOMES = {
    "App": "app",
    "Board": "metrics",
    "Failure": "failures",
    "ServingCommand": "commands.options",
    "Settings": "settings",
    "listening": "commands.options",
    "loopback": "loopback",
    "serving": "serving",
    "settings_of": "commands.options",
    "workers": "workers",
}
"""By public name the module that has it, which may be the name itself."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOMES[name]}")
    value = home if _HOMES[name] == name else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
