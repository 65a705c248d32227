"""The hook that recipes add to the host's: recipes of other kinds, made of steps of their own."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen
from pegboard.hookspecs import hookspec
from pegboard.targets import check


@frozen
class RecipeKind:
    """A kind of recipes, chosen by what ``recipe:`` says in recipe.yaml, such as ``regression/v1``.

    ``target`` names a sequence of ``pegboard_recipes.Step``, each after those whose results it
    needs.
    """

    name: str
    target: str = field(validator=check)
    summary: str


@hookspec
def pegboard_recipe_kinds() -> Sequence[RecipeKind]:
    """Declare kinds of recipes."""
    return ()


KINDS = {"recipe": ("pegboard_recipe_kinds", RecipeKind)}
