"""scikit-learn models in pegboard: saved, loaded and logged by themselves.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_sklearn import options as options
    from pegboard_sklearn import serialization as serialization
    from pegboard_sklearn import wrappers as wrappers

_HOMES = {
    "options": "options",
    "serialization": "serialization",
    "wrappers": "wrappers",
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
