"""Prompts: versioned texts and conversations with variables, kept in the model registry.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_prompts import api as api

__all__ = ["api"]


def __getattr__(name: str) -> Any:
    """Import a public module on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
