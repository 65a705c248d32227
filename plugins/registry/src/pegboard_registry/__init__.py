"""The model registry: versions, aliases, stages, approvals and lineage.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_registry.hookspecs import Gate as Gate
    from pegboard_registry.hookspecs import Verdict as Verdict
    from pegboard_registry.promotion import store_beside as store_beside

_HOMES = {"Gate": "hookspecs", "Verdict": "hookspecs", "store_beside": "promotion"}
"""By public name the module that has it."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
