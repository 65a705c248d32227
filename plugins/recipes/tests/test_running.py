"""A recipe from its data to a registered model, and what runs again when something changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pegboard
import pytest
from click.testing import CliRunner
from pegboard import host
from pegboard.cli.shell import cli
from pegboard.config import Config
from pegboard.errors import InvalidState, NotFound, PegboardError
from pegboard_recipes import beginning, places, tracking
from pegboard_recipes.api import Recipe

from .names import missing

TRAINING = ["ingest", "split", "transform", "train", "evaluate", "register"]


def ran(recipe: Recipe, step: str | None = None) -> list[str]:
    return [each.step for each in recipe.run(step).steps if each.ran]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_regression_ends_in_a_registered_model(done: Recipe) -> None:
    outcome = done.run()
    assert [(each.step, each.ran) for each in outcome.steps] == [(n, False) for n in TRAINING]
    assert outcome.status == "VALIDATED"
    assert outcome.model == {"name": "a recipe", "version": "1"}
    assert done.get_artifact("registered_model_version").run_id == outcome.run_id
    parts = [done.get_artifact(f"{name}_data") for name in ("training", "validation", "test")]
    whole = done.get_artifact("ingested_data")
    assert sum(map(len, parts)) == len(whole) == 442
    said = done.get_artifact("model").predict(parts[2].drop(columns=["progression"]))
    wrong = float(((said - parts[2].progression) ** 2).mean() ** 0.5)
    assert outcome.metrics["root_mean_squared_error"] == pytest.approx(wrong)
    states, card = recorded(done, done.planner().places, "split/card.json")
    assert states == dict.fromkeys(TRAINING, "done")
    assert json.loads(card)["facts"]["rows"]["training"] == len(parts[0])
    assert "Data Profile" in done.card("ingest").with_name("dataset_profile.html").read_text()
    transformed = done.get_artifact("transformed_training_data")
    assert transformed.columns[0] == "numbers__age"
    assert transformed.columns[-1] == "progression"
    assert done.get_artifact("run").info.status == "FINISHED"
    assert missing(done, outcome.run_id) == {}


def test_predictions_are_written_where_the_recipe_says(done: Recipe) -> None:
    assert ran(done, "predict") == ["ingest_scoring", "predict"]
    written = pd.read_parquet(done.card("predict").parents[4] / "a recipe/data/predictions.parquet")
    model = pegboard.pyfunc.load_model("models:/a recipe/1")
    expected = model.predict(written.drop(columns=["prediction"]))
    assert written.prediction.tolist() == pytest.approx(list(expected))
    assert len(written) == 20
    assert ran(done, "train") == []


CHANGES: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "the estimator": (
        lambda root: edit(root / "steps/train.py", "Ridge(", "Ridge(tol=1e-5, "),
        ["train", "evaluate", "register"],
    ),
    "what the transformer imports": (
        lambda root: (root / "shared.py").write_text("NAMES = []\n"),
        ["transform", "train", "evaluate", "register"],
    ),
    "a criterion": (
        lambda root: edit(root / "recipe.yaml", "threshold: 70", "threshold: 71"),
        ["evaluate", "register"],
    ),
    "a metric": (
        lambda root: edit(root / "steps/custom_metrics.py", "more.", "far more."),
        ["train", "evaluate", "register"],
    ),
    "the data": (
        lambda root: edit(root / "data/diabetes.csv", "59.0,2.0,32.1", "59.0,2.0,32.2"),
        TRAINING,
    ),
    "the clock": (lambda root: os.utime(root / "data/diabetes.csv", (1, 1)), []),
    "a comment of the recipe": (lambda root: edit(root / "recipe.yaml", "# A", "# Just a"), []),
    "the data to score": (lambda root: edit(root / "data/new.csv", "59.0", "60.0"), []),
}


def test_what_changed_says_what_runs(done: Recipe) -> None:
    root = done.directory
    edit(root / "steps/transform.py", "from sklearn.comp", "import shared\nfrom sklearn.comp")
    (root / "shared.py").write_text("NAMES = [1]\n")
    done.run()
    found = {}
    for name, (change, _) in CHANGES.items():
        files = {f: f.read_bytes() for f in root.rglob("*") if f.suffix in (".py", ".yaml", ".csv")}
        change(root)
        found[name] = [each.step for each in done.plan() if each.runs]
        for file, content in files.items():
            file.write_bytes(content)
    assert found == {name: steps for name, (_, steps) in CHANGES.items()}
    assert [each for each in done.plan() if each.runs] == []


def test_a_step_that_gives_the_same_again_lets_the_others_be(done: Recipe) -> None:
    edit(done.directory / "steps/ingest.py", "the rows of", "rows of")
    (decision, *_) = done.plan()
    assert decision.reason == "steps/ingest.py changed"
    assert ran(done) == ["ingest"]


def test_a_run_that_was_killed_is_not_believed(done: Recipe) -> None:
    outputs = done.card("split").parent
    half = outputs.with_name("outputs.1.new")
    half.mkdir()
    (half / "train.parquet").write_bytes(b"half")
    (outputs / places.STATE).unlink()
    assert done.plan()[1].reason == "it was begun, and has not come to its end"
    assert ran(done) == ["split"]
    assert not half.exists()


def test_two_runs_at_once_are_refused(done: Recipe) -> None:
    with done.planner().places.lock(), pytest.raises(InvalidState, match=f"process {os.getpid()}"):
        done.run()


def test_an_alias_waits_for_its_gate_and_no_version_is_made_twice(done: Recipe) -> None:
    made = done.get_artifact("registered_model_version").version
    file = done.directory / "recipe.yaml"
    before = file.read_text()
    edit(file, "allow_non_validated_model: false", "alias: champion")
    plain = host.current()
    gates = {"registry": {"gates": {"champion": ["approval"]}}}
    with closing(host.Host(Config(plugins=gates))) as strict:
        host.use(strict)
        said = f"version {made} of a recipe, but the alias 'champion' stays .*'approval' does not"
        with pytest.raises(PegboardError, match=said):
            done.run()
        host.use(plain)
    assert ran(done) == ["register"]
    file.write_text(before)
    with tracking.located(done.planner().config) as client:
        assert client.get_model_version_by_alias("a recipe", "champion").version == made
        versions = client.search_model_versions("name = 'a recipe'")
    assert max(int(each.version) for each in versions) == int(made)


def test_two_recipes_do_not_see_the_code_of_each_other(done: Recipe, tmp_path: Path) -> None:
    other = beginning.begin(tmp_path / "other", "regression")
    edit(other / "steps/ingest.py", "return read_csv(file_path)", "raise KeyError('other')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_RECIPES_EXECUTION_DIRECTORY", str(tmp_path / "results"))
        with pytest.raises(PegboardError, match="KeyError: 'other'"):
            Recipe("local", directory=other).run("ingest")
    assert ran(done, "ingest") == ["ingest"]
    assert "steps" not in __import__("sys").modules


def test_the_code_of_a_model_that_was_loaded_hides_no_recipe(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "code/steps").mkdir(parents=True)
    (tmp_path / "code/steps/__init__.py").write_text("")
    (tmp_path / "code/steps/ingest.py").write_text("other = 1")
    monkeypatch.syspath_prepend(tmp_path / "code")
    (recipe.directory / "steps/__init__.py").unlink()
    recipe.run("ingest")
    assert len(recipe.get_artifact("ingested_data")) == 442


def test_a_run_that_was_deleted_names_what_makes_another(recipe: Recipe) -> None:
    outcome = recipe.run("train")
    with tracking.located(recipe.planner().config) as client:
        client.delete_run(outcome.run_id)
    with pytest.raises(NotFound, match="recipes clean -p local -s train"):
        recipe.run("evaluate")
    recipe.clean("train")
    assert recipe.run("evaluate").status == "VALIDATED"


def test_a_result_that_is_not_there_names_its_step(recipe: Recipe) -> None:
    with pytest.raises(NotFound, match="step 'train' makes it"):
        recipe.get_artifact("model")


# -- the command ---------------------------------------------------------------------------------


def call(recipe: Recipe, *words: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(recipe.directory / "steps")
        return CliRunner().invoke(cli, ["recipes", *words, "-p", "local"])


def recorded(recipe: Recipe, where: places.Places, file: str) -> tuple[dict[str, str], str]:
    """Return the states of steps that the last run records, and a file of its artifacts."""
    run_id = json.loads((where.directory / "summary.json").read_text())["run_id"]
    with tracking.located(recipe.planner().config) as client:
        known = json.loads(Path(client.download_artifacts(run_id, "recipe.json")).read_text())
        text = Path(client.download_artifacts(run_id, file)).read_text()
    return {each["step"]: each["state"] for each in known["steps"]}, text


def _compare_runs(recipe: Recipe, one: str, other: str) -> None:
    page = recipe.directory / "diff.html"
    found = json.loads(call(recipe, "diff", one, other, "--json", "--html", str(page)).stdout)
    steps = {step["step"]: step["changes"] for step in found["steps"]}
    # The second was trained alone: of what both have, nothing but the model differs.
    assert list(steps) == ["train", "evaluate", "register"]
    (changed,) = (each for each in steps["train"] if each["tab"] == "Best Parameters")
    assert (changed["before"], changed["after"]) == ("alpha: 1.0", "alpha: 1000.0")
    name = "root_mean_squared_error, validation"
    (error,) = (each for each in steps["train"] if each["what"] == name)
    assert 0 < error["by"] == error["after"] - error["before"]
    assert "alpha: 1000.0" in page.read_text()
    assert "alpha: 1000.0" in call(recipe, "diff", one, other, "-s", "train", "--all").stdout
    assert "say the same" in call(recipe, "diff", one, one).stderr
    with tracking.located(recipe.planner().config), pegboard.start_run() as bare:
        plain = bare.info.run_id
    with pytest.raises(NotFound, match="has no cards"):
        recipe.diff(plain, one)


def test_the_command_says_how_it_ended(recipe: Recipe) -> None:
    edit(recipe.directory / "recipe.yaml", "threshold: 70", "threshold: 7")
    edit(recipe.directory / "steps/split.py", "from pandas", "print('hello')\nfrom pandas")
    rejected = call(recipe, "run", "--json")
    assert rejected.exit_code == 3, rejected.output
    assert "hello" in rejected.stderr
    found = json.loads(rejected.stdout)
    assert found["status"] == "rejected"
    assert [each["validated"] for each in found["criteria"]] == [False, True]
    assert found["model"] is None
    again = call(recipe, "run")
    assert again.exit_code == 3, again.output
    assert "evaluate: no changes" in again.stderr
    edit(recipe.directory / "recipe.yaml", "threshold: 7\n", "treshold: 70\n")
    wrong = call(recipe, "run")
    assert wrong.exit_code == 2, wrong.output
    assert "evaluate: " not in wrong.stderr
    edit(recipe.directory / "recipe.yaml", "treshold: 70\n", "threshold: 70\n")
    validated = call(recipe, "run")
    assert validated.exit_code == 0, validated.output
    assert "models:/a recipe/1" in validated.stdout
    assert "evaluate: done" in validated.stderr
    edit(recipe.directory / "steps/train.py", "return Ridge", "return nothing")
    failed = call(recipe, "run")
    assert failed.exit_code == 1
    lines = failed.stderr.splitlines()
    assert len(lines) < 20
    assert "  steps/train.py, line 8, in estimator_fn" in lines
    assert "NameError: name 'nothing' is not defined" in failed.stderr
    assert recipe.artifact_path("transformer").is_file()
    edit(recipe.directory / "steps/train.py", "return nothing", "return Ridge")
    edit(recipe.directory / "recipe.yaml", "alpha: 1.0", "alpha: 1000.0")
    assert call(recipe, "run", "-s", "train").exit_code == 0
    tabs = json.loads(call(recipe, "inspect", "-s", "train", "--json").stdout)["tabs"]
    (board,) = (tab["parts"][0]["rows"] for tab in tabs if tab["title"] == "Leaderboard")
    assert [row[0] for row in board] == [1, 2]
    assert board[0][2] < board[1][2]
    assert [row[3] for row in board] == ["", "this one"]
    _compare_runs(recipe, board[0][1], board[1][1])
    edit(recipe.directory / "steps/train.py", "return Ridge", "print('so far')\n    return nothing")
    assert call(recipe, "run").exit_code == 1
    states, text = recorded(recipe, recipe.planner().places, "train/log.txt")
    assert states == {**dict.fromkeys(TRAINING[:3], "kept"), "train": "failed"} | dict.fromkeys(
        TRAINING[4:], "waiting"
    )
    assert text == "so far\n"
    assert "Traceback" in call(recipe, "inspect", "-s", "train").stdout
    assert call(recipe, "get-artifact", "-a", "transformer").stdout.strip().endswith(".pkl")
    assert call(recipe, "get-artifact", "-a", "model").exit_code == 1
    assert "steps/train.py changed" not in call(recipe, "plan").stdout
    assert "it failed the last time" in call(recipe, "plan").stdout
    assert call(recipe, "clean").exit_code == 0
    assert {state.status for _, state in recipe.states()} == {"UNKNOWN"}
