"""Recipes that another plugin brings: steps of its own, planned and kept as the others are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from pegboard import host
from pegboard.errors import InvalidValue
from pegboard.hookspecs import hookimpl
from pegboard_recipes import Artifact, RecipeKind, Step, Work
from pegboard_recipes.api import Recipe
from pegboard_testing.targets import target_of

from .small import line


def count(work: Work) -> None:
    rows = pd.read_csv(work.config.path(work.own["location"]))
    keep = work.function("keep")
    text = str(int(keep(rows).sum()))
    (work.directory / "count.txt").write_text(text)
    work.card.tab("Count").facts(Rows=text)


def judge(work: Work) -> None:
    counted = int(work.output("count", "count.txt").read_text())
    enough = counted >= work.config.values["least"]
    (work.directory / "verdict.txt").write_text("enough" if enough else "too few")


STEPS = [
    Step(
        name="count",
        target=target_of(count),
        module="count",
        data=True,
        artifacts={"count": Artifact("count.txt", "text")},
    ),
    Step(
        name="judge",
        target=target_of(judge),
        needs={"count": ["count.txt"]},
        keys=["least"],
        artifacts={"verdict": Artifact("verdict.txt", "text")},
    ),
]


class Plugin:
    @hookimpl(optionalhook=True)
    def pegboard_recipe_kinds(self) -> Sequence[RecipeKind]:
        return [RecipeKind("counting/v1", target_of(STEPS), "Counts rows")]


def test_a_plugin_brings_a_recipe(place: Path) -> None:
    root = place / "r"
    (root / "steps").mkdir(parents=True)
    (root / "profiles").mkdir()
    (root / "profiles/local.yaml").write_text("LEAST: 50\n")
    line(100).to_csv(root / "rows.csv", index=False)
    (root / "steps/count.py").write_text("def large(rows):\n    return rows.x >= 40\n")
    text = """recipe: counting/v1
least: {{ LEAST }}
steps:
  count: {location: rows.csv, keep: large}
"""
    (root / "recipe.yaml").write_text(text)
    with pytest.raises(InvalidValue, match=r"'counting/v1' is not a recipe"):
        Recipe("local", directory=root)
    host.current().register(Plugin(), "counting")
    recipe = Recipe("local", directory=root)
    recipe.run()
    assert recipe.get_artifact("verdict") == "enough"
    (root / "profiles/local.yaml").write_text("LEAST: 70\n")
    assert [each.step for each in recipe.plan() if each.runs] == ["judge"]
    recipe.run()
    assert recipe.get_artifact("verdict") == "too few"
    (root / "steps/count.py").write_text("def large(rows):\n    return rows.x >= 20\n")
    assert [(each.step, each.ran) for each in recipe.run().steps] == [
        ("count", True),
        ("judge", True),
    ]
    assert recipe.get_artifact("count") == "80"
    assert "80" in recipe.card("count").read_text()
    (root / "recipe.yaml").write_text(text.replace("  count:", "  cuont:"))
    with pytest.raises(InvalidValue, match="line 4: There is no step 'cuont'"):
        recipe.plan()
