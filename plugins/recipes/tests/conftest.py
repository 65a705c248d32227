"""What the tests share: places of their own, and recipes that are made there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pegboard_recipes import beginning
from pegboard_recipes.api import Recipe
from pegboard_testing.isolation import separate_tracking


@contextmanager
def _apart(place: Path) -> Iterator[Path]:
    """Track, and keep results of recipes, in a directory."""
    with separate_tracking(place), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_RECIPES_EXECUTION_DIRECTORY", str(place / "results"))
        yield place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Be in a new directory, with a tracking store of its own."""
    with _apart(tmp_path):
        yield tmp_path


@pytest.fixture
def recipe(place: Path) -> Recipe:
    """Begin a regression, in a directory whose name has a blank."""
    return Recipe("local", directory=beginning.begin(place / "a recipe", "regression"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    """Run a regression to its end, once for all tests of a file; they leave it as it is."""
    with _apart(tmp_path_factory.mktemp("done")) as place:
        made = Recipe("local", directory=beginning.begin(place / "a recipe", "regression"))
        made.run()
        yield made
