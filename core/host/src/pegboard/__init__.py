"""pegboard: a small plugin host for the machine-learning lifecycle.

The functions here track experiments under MLflow's names, so that a script written for MLflow runs
with ``import pegboard as mlflow``::

    import pegboard

    with pegboard.start_run(run_name="first"):
        pegboard.log_param("lr", 0.1)
        pegboard.log_metric("loss", 0.5, step=1)

    pegboard.search_runs("metrics.loss < 1", output_format="list")

Nothing is imported before it is used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder

TYPE_CHECKING = False
"""What type checkers take for true; importing ``typing`` for it would double our import time."""

if TYPE_CHECKING:
    from typing import Any

    from pegboard_scripting.names import *  # noqa: F403

    from pegboard import entities as entities
    from pegboard import errors as errors
    from pegboard import exceptions as exceptions
    from pegboard.errors import PegboardError as PegboardError
    from pegboard.exceptions import MlflowException as MlflowException

    __version__: str

_HOME = {"PegboardError": "errors", "MlflowException": "exceptions"}
"""The names of the core, and the modules they are imported from on first use."""

_MODULES = {"entities", "errors", "exceptions"}
"""Modules that can be used as attributes without being imported by name."""

_of_plugins: set[str] = set()
"""Names that plugins add and that were used, and so are kept until another host is in use."""

__all__ = sorted(_HOME.keys() | _MODULES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use; later uses find it here at once."""
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{name}")
    elif name == "__version__":
        value = import_module(f"{__name__}.installed").version(__name__)
    elif name.startswith("_") or PathFinder.find_spec(f"{__name__}.{name}", __path__):  # noqa: F405
        # ``from pegboard import MODULE`` asks here first, then imports it by itself.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        value = _added(name)
        _of_plugins.add(name)
    globals()[name] = value
    return value


def _added(name: str) -> Any:
    """Return what a plugin adds to this package."""
    found = import_module(f"{__name__}.host").current()
    try:
        return found.api_name(name)
    except LookupError:
        raise AttributeError(found.explain_missing(name)) from None


def _forget_plugins() -> None:
    """Look up again what plugins add: another host may know other plugins."""
    while _of_plugins:
        globals().pop(_of_plugins.pop(), None)


class _PluginModules:
    """Lets ``import pegboard.NAME`` find what plugins add, after everything else was asked."""

    @staticmethod
    def find_spec(name: str, *_: object) -> Any:
        if not name.startswith(f"{__name__}."):
            return None
        return import_module(f"{__name__}.plugin_modules").find_spec(name)


sys.meta_path.append(_PluginModules)


def __dir__() -> list[str]:
    added = import_module(f"{__name__}.host").current().api_names()
    return sorted({*globals(), *__all__, *added, "__version__"})
