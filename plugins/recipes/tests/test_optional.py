"""What needs packages that are not installed with recipes: run where a distribution is alone."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from pegboard_recipes.api import Recipe

from .small import begun, line
from .test_classification import PLAIN, blobs

AUTO = """recipe: regression/v1
target_col: y
steps:
  ingest: {using: excel, location: rows.xlsx}
  transform: {using: custom, transformer_method: make}
  train:
    using: automl/flaml
    time_budget_secs: 60
    flaml_params: {estimator_list: [lgbm], max_iter: 2}
"""
TRANSFORM = """from sklearn.compose import ColumnTransformer
def make():
    return ColumnTransformer([("x", "passthrough", ["x"])])
"""


def trained(recipe: Recipe) -> list[list[object]]:
    """Train, and return the table of what FLAML tried."""
    recipe.run("train")
    card = json.loads(recipe.card("train").with_suffix(".json").read_text())
    (tab,) = (tab for tab in card["tabs"] if tab["title"] == "AutoML")
    rows: list[list[object]] = tab["parts"][-1]["rows"]
    return rows


def test_a_regressor_is_searched_for_data_of_excel(place: Path) -> None:
    recipe = begun(place / "r", line(200), "", AUTO)
    line(200)[["x", "shop", "y"]].to_excel(recipe.directory / "rows.xlsx", index=False)
    (recipe.directory / "steps/transform.py").write_text(TRANSFORM)
    ((name, error, _),) = trained(recipe)
    assert name == "lgbm"
    validation = recipe.get_artifact("validation_data")
    said = recipe.get_artifact("model").predict(validation[["x", "shop"]])
    wrong = float(((said - validation.y) ** 2).mean() ** 0.5)
    facts = json.loads(recipe.card("train").with_suffix(".json").read_text())["facts"]
    assert abs(facts["validation"]["root_mean_squared_error"] - wrong) < 1e-9
    assert isinstance(error, float)
    assert error > 0


def test_a_classifier_is_searched_for_labels_of_texts(place: Path) -> None:
    rows = blobs({"a": 60, "b": 60, "c": 60})
    search = "using: automl/flaml, flaml_params: {estimator_list: [rf], max_iter: 2}"
    text = PLAIN.replace("estimator_method: make", search)
    recipe = begun(place / "r", rows, "", text)
    found = trained(recipe)
    assert all(0.3 < float(str(score)) <= 1 for _, score, _ in found)
    said = recipe.get_artifact("model").predict(pd.DataFrame({"x": [0.0, 3.0, 6.0]}))
    assert list(said) == ["a", "b", "c"]
