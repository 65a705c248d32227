"""The suite of recipes: those that come with this distribution pass it, and broken ones do not."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from pegboard import host
from pegboard.hookspecs import hookimpl
from pegboard_recipes import Artifact, RecipeKind, Step, Work
from pegboard_recipes.api import Recipe
from pegboard_recipes.testing import RecipeContract
from pegboard_testing.targets import target_of

from .conftest import _apart
from .small import begun, line
from .test_bad_input import RECIPE, TRAIN, TRANSFORM
from .test_classification import blobs

CLASSES = """recipe: classification/v1
target_col: kind
positive_class: a
steps:
  ingest: {using: csv, location: rows.csv, loader_method: load}
  split: {post_split_method: same, skip_data_profiling: true}
  transform: {transformer_method: make, skip_data_profiling: true}
  train: {estimator_method: make, skip_data_profiling: true}
  evaluate: {validation_criteria: [{metric: f1_score, threshold: 0.1}]}
"""
CODE = {
    "ingest": "import pandas\ndef load(path): return pandas.read_csv(path)\n",
    "split": "def same(*parts): return parts\n",
    "transform": "from sklearn.preprocessing import StandardScaler as make\n",
    "train": "from sklearn.tree import DecisionTreeClassifier\n"
    "def make(): return DecisionTreeClassifier(max_depth=2)\n",
}


class TestRegression(RecipeContract):
    kind = "regression/v1"

    @pytest.fixture(scope="class")
    @classmethod
    def recipe(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
        with _apart(tmp_path_factory.mktemp("regression")) as place:
            made = begun(
                place / "a recipe", line(), TRAIN, RECIPE.replace("threshold: 5", "threshold: 50")
            )
            (made.directory / "steps/transform.py").write_text(TRANSFORM)
            yield made


class TestClassification(RecipeContract):
    kind = "classification/v1"

    @pytest.fixture(scope="class")
    @classmethod
    def recipe(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
        with _apart(tmp_path_factory.mktemp("classification")) as place:
            made = begun(place / "a recipe", line(), TRAIN, CLASSES)
            rows = blobs({"a": 60, "b": 60})
            rows.assign(z=rows.x**2).to_csv(made.directory / "rows.csv", index=False)
            for name, text in CODE.items():
                (made.directory / f"steps/{name}.py").write_text(text)
            yield made


# -- broken ones ---------------------------------------------------------------------------------


def count(work: Work) -> None:
    rows = pd.read_csv(work.config.path(work.own["location"]))
    text = str(int(work.function("keep")(rows).sum()))
    (work.directory / "count.txt").write_text(text)
    work.card.tab("Count").facts(Rows=text)


def guess(work: Work) -> None:
    count(work)
    (work.directory / "count.txt").write_text(str(random.random()))


def careless(work: Work) -> None:
    try:
        count(work)
    except RuntimeError:
        (work.directory / "count.txt").write_text("0")


def judge(work: Work) -> None:
    (work.directory / "verdict.txt").write_text(work.output("count", "count.txt").read_text())


def forgetful(work: Work) -> None:
    work.output("count", "count.txt").read_text()


def meddling(work: Work) -> None:
    judge(work)
    (work.config.root / "verdict.txt").write_text("")


def steps(first: object, second: object, files: Sequence[str] = ("count.txt",)) -> list[Step]:
    made = {"count": Artifact("count.txt", "text")}
    last = {"verdict": Artifact("verdict.txt", "text")}
    return [
        Step(name="count", target=target_of(first), module="count", data=True, artifacts=made),
        Step(name="judge", target=target_of(second), needs={"count": files}, artifacts=last),
    ]


SOUND = steps(count, judge)
BROKEN = {
    "a result that is another each time": (
        steps(guess, judge),
        "test_a_step_without_its_state_runs_again_and_gives_the_same",
    ),
    "an error that is not told": (
        steps(careless, judge),
        "test_code_that_fails_fails_its_step_and_keeps_those_before_it",
    ),
    "a file that is read and not declared": (
        steps(count, judge, ()),
        "test_a_step_reads_only_what_it_declares",
    ),
    "a file that is declared and not made": (
        steps(count, forgetful),
        "test_each_step_leaves_what_it_declares_and_the_project_as_it_is",
    ),
    "a file in the project": (
        steps(count, meddling),
        "test_each_step_leaves_what_it_declares_and_the_project_as_it_is",
    ),
    "a step after what needs it": (
        SOUND[::-1],
        "test_steps_need_what_steps_before_them_keep",
    ),
}


class Counting(RecipeContract):
    kind = "counting/v1"


def counting(place: Path, made: list[Step]) -> Recipe:
    root = place / "r"
    (root / "steps").mkdir(parents=True)
    (root / "profiles").mkdir()
    (root / "profiles/local.yaml").write_text("")
    line(20).to_csv(root / "rows.csv", index=False)
    (root / "steps/count.py").write_text("def large(rows):\n    return rows.x >= 4\n")
    text = "recipe: counting/v1\nsteps:\n  count: {location: rows.csv, keep: large}\n"
    (root / "recipe.yaml").write_text(text)

    class Plugin:
        @hookimpl(optionalhook=True)
        def pegboard_recipe_kinds(self) -> Sequence[RecipeKind]:
            return [RecipeKind("counting/v1", target_of(made), "Counts rows")]

    host.current().register(Plugin(), "counting")
    return Recipe("local", directory=root)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recipe_fails_the_suite(place: Path, name: str) -> None:
    made, test = BROKEN[name]
    recipe = counting(place, made)
    with pytest.raises(AssertionError):
        getattr(Counting(), test)(recipe)


def test_a_sound_recipe_passes_what_broken_ones_fail(place: Path) -> None:
    recipe = counting(place, SOUND)
    for test in dict.fromkeys(test for _, test in BROKEN.values()):
        getattr(Counting(), test)(recipe)
