"""``import pegboard.NAME`` for names that plugins add, as scripts for MLflow import them."""

from __future__ import annotations

from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from pegboard import distributions, host


class _Loader(Loader):
    """Makes a module that asks the host of the process each time something of it is used."""

    def exec_module(self, module: ModuleType) -> None:
        def get(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(_find(module.__name__), name)

        vars(module).update(
            __getattr__=get,
            __dir__=lambda: dir(_find(module.__name__)),
            __doc__=getattr(_find(module.__name__), "__doc__", None),
        )


def _find(name: str) -> Any:
    """Return what ``pegboard.A`` or ``pegboard.A.B`` is; LookupError if no such module is added."""
    _, first, *rest = name.split(".")
    found = host.current().api_name(first)
    if callable(found):
        # A function is an attribute of the package, not a module.
        raise LookupError(name)  # noqa: TRY004
    for part in rest:
        found = getattr(found, part, None) or _submodule(found, part)
        if not isinstance(found, ModuleType):
            # LookupError, whatever it is: there is no such module.
            raise LookupError(name)  # noqa: TRY004
    return found


def _submodule(module: Any, name: str) -> ModuleType | None:
    try:
        return import_module(f"{module.__name__}.{name}")
    except ImportError:
        return None


def find_spec(name: str) -> ModuleSpec | None:
    """Return how to import ``pegboard.NAME``; None if no plugin adds that name.

    ModuleNotFoundError, which says what to install, if a distribution of ours would add it.
    """
    try:
        _find(name)
    except LookupError:
        first = name.split(".")[1]
        wanted = distributions.offering("API name").get(first)
        if wanted is None or first in host.current().api_names():
            return None
        # Under another name: for its own, ``from pegboard import NAME`` has another message.
        missing = wanted.replace("-", "_")
        raise ModuleNotFoundError(host.current().explain_missing(first), name=missing) from None
    return ModuleSpec(name, _Loader(), is_package=True)
