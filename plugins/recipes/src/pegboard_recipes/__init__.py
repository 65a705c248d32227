"""Recipes: projects in fixed steps, from data to a registered model.

What stands here is what other distributions may use to bring recipes of their own; it is imported
on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_recipes.configuration import Configuration as Configuration
    from pegboard_recipes.hookspecs import RecipeKind as RecipeKind
    from pegboard_recipes.step import Artifact as Artifact
    from pegboard_recipes.step import Step as Step
    from pegboard_recipes.step import Work as Work
    from pegboard_recipes.steps.models import save_model as save_model
    from pegboard_recipes.steps.outline import INGEST as INGEST
    from pegboard_recipes.steps.outline import REGISTER as REGISTER
    from pegboard_recipes.tracking import recipe_run as recipe_run

_HOMES = {
    "Artifact": "step",
    "Configuration": "configuration",
    "INGEST": "steps.outline",
    "REGISTER": "steps.outline",
    "RecipeKind": "hookspecs",
    "Step": "step",
    "Work": "step",
    "recipe_run": "tracking",
    "save_model": "steps.models",
}

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
