"""Tuning: what hyperopt's words mean, and tries that a broken run does not lose."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pegboard.errors import InvalidValue, PegboardError
from pegboard_recipes import configuration, project, tracking
from pegboard_recipes.api import Recipe
from pegboard_recipes.steps import search_space

TUNING = """
    estimator_params: {alpha: 1.0}
    tuning:
      enabled: true
      algorithm: hyperopt.rand.suggest
      max_trials: 6
      parallelism: 1
      parameters:
        alpha: {distribution: loguniform, low: -5.0, high: 2.0}
        solver: {values: [svd, cholesky]}
"""
BREAKS = """
from pathlib import Path
from sklearn.linear_model import Ridge

def estimator_fn(estimator_params=None):
    calls = Path("calls")
    count = len(calls.read_text()) if calls.exists() else 0
    with calls.open("a") as stream:
        stream.write(".")
    if count == 3:
        raise KeyboardInterrupt
    return Ridge(**estimator_params)
"""


class Fixed:
    """A trial that draws the same share of each range."""

    def __init__(self, share: float) -> None:
        self.share = share

    def suggest_float(self, name: str, low: float, high: float, log: bool = False) -> float:
        if log:
            return low * (high / low) ** self.share
        return low + (high - low) * self.share

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return round(low + (high - low) * self.share)

    def suggest_categorical(self, name: str, choices: list[int]) -> int:
        return choices[int(self.share * (len(choices) - 1))]


SPACES: list[tuple[dict[str, Any], float, float]] = [
    ({"values": [[1], [2], [3]]}, [1], [3]),  # type: ignore[list-item]
    ({"distribution": "uniform", "low": 1, "high": 3}, 1.0, 3.0),
    ({"distribution": "quniform", "low": 1, "high": 9.4, "q": 2}, 0.0, 10.0),
    ({"distribution": "loguniform", "low": 0, "high": 1}, 1.0, math.e),
    ({"distribution": "qloguniform", "low": 0, "high": 2, "q": 3}, 0.0, 6.0),
    ({"distribution": "uniformint", "low": 2, "high": 5}, 2, 5),
    ({"distribution": "randint", "upper": 4}, 0, 3),
    ({"distribution": "normal", "mu": 5, "sigma": 0.0001}, 5.0, 5.0),
    ({"distribution": "lognormal", "mu": 0, "sigma": 0.0001}, 1.0, 1.0),
    ({"distribution": "qnormal", "mu": 5, "sigma": 0.01, "q": 2}, 4.0, 6.0),
]


def test_distributions_are_those_of_hyperopt() -> None:
    for given, low, high in SPACES:
        found = [search_space.drawn(Fixed(share), {"x": given})["x"] for share in (0.0, 1.0)]
        expected = [low, high] if isinstance(low, list) else pytest.approx([low, high], abs=2e-3)
        assert found == expected, given


def tune(recipe: Recipe, text: str) -> None:
    file = recipe.directory / "recipe.yaml"
    old = "    estimator_params:\n      alpha: 1.0\n"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, text.removeprefix("\n")))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("loguniform", "logunifrom", "Did you mean 'loguniform'"),
        ("low: -5.0, ", "", "lacks the number 'low'"),
        ("low: -5.0", "low: 3.0", "'low' of 'alpha' is above 'high'"),
        ("values: [svd, cholesky]", "choice: [svd]", "neither 'values' nor"),
        ("rand.suggest", "anneal.suggest", "hyperopt.tpe.suggest"),
    ],
)
def test_a_wrong_space_is_refused_with_its_line(
    recipe: Recipe, old: str, new: str, said: str
) -> None:
    tune(recipe, TUNING.replace(old, new))
    with pytest.raises(InvalidValue, match=r"recipe.yaml, line \d+") as raised:
        recipe.plan()
    assert said in str(raised.value)


def test_tries_of_a_run_that_broke_off_count(recipe: Recipe) -> None:
    tune(recipe, TUNING)
    (recipe.directory / "steps/train.py").write_text(BREAKS)
    with pytest.raises(KeyboardInterrupt):
        recipe.run("train")
    assert recipe.plan()[3].runs
    (tries,) = recipe.planner().places.step("train").glob("tuning-*.journal")
    with tries.open("ab") as stream:
        stream.write(b'{"op_code":4,"wor')  # As a process that is killed leaves it.
    (recipe.directory / "calls").write_text("." * 10)
    file = recipe.directory / "recipe.yaml"
    file.write_text(file.read_text().replace("parallelism: 1", "parallelism: 2"))
    outcome = recipe.run("train")
    # Three tries were there; then at least three more, the recipe's own parameters, and the model.
    assert 15 <= len((recipe.directory / "calls").read_text()) <= 17
    with tracking.located(configuration.read(recipe.directory, "local")) as client:
        parent = client.get_run(outcome.run_id)
        where = f"tags.`mlflow.parentRunId` = '{outcome.run_id}'"
        children = client.search_runs([parent.info.experiment_id], where)
    assert len(children) >= 6
    # The second run draws none that the first has drawn.
    assert len({each.data.params["alpha"] for each in children}) == len(children)
    assert {each.data.tags["mlflow.pipeline.template.name"] for each in children} == {
        "regression/v1"
    }
    errors = [each.data.metrics["root_mean_squared_error"] for each in children]
    best = parent.data.metrics["val_root_mean_squared_error"]
    assert best <= min(errors) + 1e-9
    text = recipe.get_artifact("best_parameters")
    assert ("# tuned hyperparameters" in text) == (best == pytest.approx(min(errors), abs=1e-9))
    assert not list((recipe.planner().places.step("train")).glob("tuning-*"))
    assert "Tuning Trials" in recipe.card("train").read_text()


GONE = """
import os, sys
from sklearn.linear_model import Ridge

def estimator_fn(estimator_params=None):
    if sys.argv == ["-c"] or "tuning_worker" in sys.argv[0]:
        os.execvp("true", ["true"])
    return Ridge(**estimator_params)
"""


def test_a_process_that_ends_without_a_word_is_not_believed(recipe: Recipe) -> None:
    tune(recipe, TUNING.replace("parallelism: 1", "parallelism: 2"))
    (recipe.directory / "steps/train.py").write_text(GONE)
    with pytest.raises(PegboardError, match="Of 6 tries 0 came to their end"):
        recipe.run("train")


FITS = """
from sklearn.linear_model import Ridge

class Counted(Ridge):
    def fit(self, X, y):
        with open("fits", "a") as stream:
            stream.write(f"{len(X)} ")
        return super().fit(X, y)

def estimator_fn(estimator_params=None):
    return Counted(**estimator_params)
"""


def test_tries_that_do_badly_on_a_part_of_the_rows_are_given_up(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pegboard_recipes.cards.card import Card
    from pegboard_recipes.step import Work
    from pegboard_recipes.steps import estimators, trying, tuning

    tune(recipe, TUNING.replace("max_trials: 6", "max_trials: 30"))
    (recipe.directory / "steps/train.py").write_text(FITS)
    recipe.run("transform")
    planner = recipe.planner()
    step = next(each for each in planner.steps if each.name == "train")
    card = Card(step="train", recipe="")
    work = Work(step, planner.config, planner.places, tmp_path, card)
    monkeypatch.setattr(trying, "_LEAST", 100)
    with project.entered(recipe.directory):
        tries = estimators.tries_of(work)
        study = tuning.opened(work, tmp_path / "tries.journal")
        tuning.go_on(work, study, tries, lambda: False)
        fits = [int(word) for word in Path("fits").read_text().split()]
    states = [trial.state.name for trial in study.trials]
    rows = len(tries.rows)
    assert fits.count(round(rows / 4)) == len(states) == 30
    assert fits.count(rows) == states.count("COMPLETE") < 30
    assert "FAIL" not in states
    # What was given up did worse on the part than half of the tries before it.
    for trial in study.trials:
        if trial.state.name == "PRUNED":
            others = sorted(
                each.intermediate_values[0]
                for each in study.trials[: trial.number]
                if each.state.name == "COMPLETE"
            )
            assert trial.intermediate_values[0] > others[(len(others) - 1) // 2]
