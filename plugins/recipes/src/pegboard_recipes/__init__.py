"""Recipes: projects in fixed steps, from data to a registered model.

What stands here is what other distributions may use to bring recipes of their own; it is imported
on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_recipes.hookspecs import RecipeKind as RecipeKind
    from pegboard_recipes.step import Artifact as Artifact
    from pegboard_recipes.step import Step as Step
    from pegboard_recipes.step import Work as Work

_HOMES = {"Artifact": "step", "RecipeKind": "hookspecs", "Step": "step", "Work": "step"}

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
