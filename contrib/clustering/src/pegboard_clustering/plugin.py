"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard_recipes import RecipeKind


@hookimpl(optionalhook=True)
def pegboard_recipe_kinds() -> Sequence[RecipeKind]:
    """Declare the recipe."""
    from pegboard_recipes import RecipeKind

    steps = "pegboard_clustering.outline:STEPS"
    return [RecipeKind("clustering/v1", steps, "Finds groups of similar rows")]
