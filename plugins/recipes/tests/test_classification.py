"""Classification: two classes, many, rare ones, and labels that an estimator does not take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from click.testing import CliRunner
from pegboard.cli.shell import cli
from pegboard_recipes import beginning
from pegboard_recipes.api import Recipe
from pegboard_recipes.cards.card import Card
from pegboard_recipes.step import Work
from pegboard_recipes.steps import estimators
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeClassifier

from .names import missing
from .small import begun

PLAIN = """
recipe: classification/v1
target_col: kind
steps:
  ingest: {using: parquet, location: rows.parquet, skip_data_profiling: true}
  split: {skip_data_profiling: true}
  transform: {using: custom, skip_data_profiling: true}
  train: {estimator_method: make, skip_data_profiling: true, predict_scores_for_all_classes: false}
"""


def blobs(counts: dict[object, int]) -> pd.DataFrame:
    random = np.random.default_rng(0)
    labels = np.repeat(np.array(list(counts), dtype=object), list(counts.values()))
    centers = np.repeat(np.arange(len(counts)) * 3.0, list(counts.values()))
    frame = pd.DataFrame({"x": centers + random.normal(size=len(labels)), "kind": labels})
    return frame.assign(kind=frame.kind.infer_objects())


def test_two_classes_end_in_a_model_that_gives_scores(place: Path) -> None:
    recipe = Recipe("local", directory=beginning.begin(place / "cells", "classification"))
    outcome = recipe.run()
    assert outcome.status == "VALIDATED"
    # What is read is skops's file alone: neither it nor the model's code needs trust.
    model = pegboard.pyfunc.load_model("models:/cells/1")
    test = recipe.get_artifact("test_data")
    said = model.predict(test.drop(columns=["diagnosis"]))
    prefix = "predicted_"
    columns = ["score_benign", "score_malignant", "score", "label"]
    assert list(said.columns) == [prefix + name for name in columns]
    score = f1_score(test.diagnosis, said.predicted_label, pos_label="malignant")
    assert outcome.metrics["f1_score"] == pytest.approx(score)
    trusted = pegboard.pyfunc.load_model(
        "models:/cells/1", model_config={"prefix": "p_"}, trust=True
    )
    assert list(trusted.predict(test.head(2)).columns) == ["p_" + name for name in columns]
    train = recipe.get_artifact("training_data").diagnosis
    counts = {"Positive": sum(train == "malignant"), "Negative": sum(train == "benign")}
    split = json.loads(recipe.card("split").with_suffix(".json").read_text())
    (compared,) = (each["parts"] for each in split["tabs"] if "Negative" in each["title"])
    assert compared[0]["tables"] == {
        name: {"rows": count, "drawn": count} for name, count in counts.items()
    }
    served = ["models", "predict", "-m", "models:/cells/1", "--output-format", "csv"]
    answer = CliRunner().invoke(cli, [*served, "-i", str(recipe.directory / "data/new.csv")])
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines()[0] == ",".join(said.columns)
    assert "skops" in Path(pegboard.pyfunc.get_model_dependencies("models:/cells/1")).read_text()
    native = pegboard.sklearn.load_model("models:/cells/1")
    assert list(native.predict(test.drop(columns=["diagnosis"]))) == list(said.predicted_label)
    scored = recipe.run("predict").directory / "steps/predict/outputs/scored.parquet"
    assert {"prediction", "predicted_score_benign"} <= set(pd.read_parquet(scored).columns)
    assert missing(recipe, outcome.run_id) == {}


TREE = """
from sklearn.tree import DecisionTreeClassifier

def make():
    return DecisionTreeClassifier(max_depth=3)
"""


class Strict(DecisionTreeClassifier):  # type: ignore[misc]
    """Takes numbers alone as labels, as XGBoost does."""

    def fit(self, X: Any, y: Any) -> Any:
        if np.asarray(y).dtype.kind not in "iu":
            raise ValueError("Invalid classes inferred from unique values of `y`")
        return super().fit(X, y)


def test_an_estimator_that_wants_numbers_gets_them(place: Path) -> None:
    rows = blobs({"a": 30, "b": 20, "c": 10})
    planner = begun(place, rows, TREE, PLAIN).planner()
    step = next(each for each in planner.steps if each.name == "train")
    card = Card(step="train", recipe="")
    work = Work(step, planner.config, planner.places, place, card)
    made = estimators.fitted(work, Strict(max_depth=3), rows[["x"]], rows.kind)
    assert list(made.classes_) == ["a", "b", "c"]
    assert (made.predict(rows[["x"]]) == rows.kind).mean() > 0.8
    assert made.predict_proba(rows[["x"]]).shape == (60, 3)
    assert estimators.inner(made).max_depth == 3


def test_averages_of_many_classes_are_what_they_are_called(place: Path) -> None:
    rows = blobs({"a": 300, "b": 100, "c": 40})
    recipe = begun(place, rows, TREE, PLAIN)
    recipe.run("train")
    found = json.loads(recipe.card("train").with_suffix(".json").read_text())["facts"]["validation"]
    test = recipe.get_artifact("validation_data")
    said = recipe.get_artifact("model").predict(test[["x"]])
    for average in ("macro", "micro"):
        expected = f1_score(test.kind, said, average=average)
        assert found[f"f1_score_{average}"] == pytest.approx(expected)
    assert set(said) <= {"a", "b", "c"}


def test_rows_of_the_common_class_are_left_out_where_one_is_rare(place: Path) -> None:
    rows = blobs({0: 9000, 1: 500})
    text = PLAIN.replace("target_col: kind", "target_col: kind\npositive_class: 1")
    train = """
from sklearn.neighbors import KNeighborsClassifier
def make():
    return KNeighborsClassifier()
"""
    recipe = begun(place, rows, train, text)
    recipe.run("train")
    model = recipe.get_artifact("model").get_raw_model()
    kept = np.bincount(model[-1]._y)
    trained = recipe.get_artifact("training_data").kind
    assert kept[1] == (trained == 1).sum()
    assert kept[1] / kept.sum() == pytest.approx(0.3, abs=0.001)
    assert "has no class_weight" in recipe.card("train").read_text()


def test_a_target_may_lack_values(place: Path) -> None:
    rows = blobs({"a": 100, "b": 100, "c": 100})
    rows.loc[::10, "kind"] = None
    recipe = begun(place, rows, TREE, PLAIN)
    done = recipe.run("split").steps[-1]
    assert list(done.notes) == ["Rows left out, as they lack 'kind': 30."]
    parts = ("training_data", "validation_data", "test_data")
    assert sum(len(recipe.get_artifact(name)) for name in parts) == 270
    assert "30 (without a target)" in recipe.card("split").read_text()
