"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Command, Flavor, hookimpl

from pegboard_recipes.hookspecs import RecipeKind


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.recipes``."""
    return [ApiName("recipes", "pegboard_recipes.api", "Projects in steps, from data to a model")]


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare ``pegboard recipes``."""
    module = "pegboard_recipes.commands"
    return [
        Command(
            "recipes",
            f"{module}:recipes",
            "Take a project from data to a registered model, in steps that are kept.",
        )
    ]


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module with the hook for kinds of recipes."""
    return "pegboard_recipes.hookspecs"


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare how classifiers of recipes are read, without code of the model."""
    flavor = "pegboard_recipes.classifier:ScoresFlavor"
    return [Flavor("sklearn_scores", flavor, "classifiers of recipes, with scores")]


@hookimpl
def pegboard_recipe_kinds() -> Sequence[RecipeKind]:
    """Declare the recipes of MLflow."""
    steps = "pegboard_recipes.steps.outline:STEPS"
    return [
        RecipeKind("classification/v1", steps, "Predicts one of two classes, or of more"),
        RecipeKind("regression/v1", steps, "Predicts a number"),
    ]


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.recipes]."""
    return "pegboard_recipes.settings:Settings"


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name what says which profile is used, and where results are kept."""
    return ("PEGBOARD_RECIPES_EXECUTION_DIRECTORY", "PEGBOARD_RECIPES_PROFILE")
