"""What needs packages that are not installed with recipes: run where a distribution is alone."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import deltalake
import pandas as pd
import pegboard
import pytest
from pegboard.errors import InvalidValue
from pegboard_recipes import beginning
from pegboard_recipes.api import Recipe

from .small import begun, line
from .test_bad_input import TRAIN
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


ESTIMATORS = [
    ("regression", "xgboost", "XGBRegressor"),
    ("regression", "lightgbm", "LGBMRegressor"),
    ("classification", "xgboost", "XGBClassifier"),
    ("classification", "lightgbm", "LGBMClassifier"),
]


@pytest.mark.parametrize(("template", "library", "name"), ESTIMATORS)
def test_boosted_trees_go_from_the_template_to_a_model_that_is_read(
    place: Path, template: str, library: str, name: str
) -> None:
    root = beginning.begin(place / "trees", template)
    (root / "steps/train.py").write_text(
        f"from {library} import {name}\n"
        "def estimator_fn(params=None):\n"
        f"    return {name}(n_estimators=40, max_depth=3, n_jobs=1, verbosity=0)\n"
    )
    file = root / "recipe.yaml"
    text = file.read_text().replace("threshold: 0.9", "threshold: 0.8")
    file.write_text(re.sub(r"    estimator_params:\n.*\n", "", text))
    recipe = Recipe("local", directory=root)
    outcome = recipe.run()
    assert outcome.status == "VALIDATED", outcome.criteria
    test = recipe.get_artifact("test_data")
    target = recipe.planner().config.target
    model = pegboard.pyfunc.load_model(f"models:/trees/{outcome.model['version']}", trust=True)
    said = model.predict(test.drop(columns=[target]))
    if template == "classification":
        right = float((said["predicted_label"].to_numpy() == test[target].to_numpy()).mean())
        assert right == pytest.approx(outcome.metrics["accuracy_score"])
    else:
        wrong = float(((said - test[target].to_numpy()) ** 2).mean() ** 0.5)
        assert wrong == pytest.approx(outcome.metrics["root_mean_squared_error"])
    needed = (recipe.artifact_path("model") / "requirements.txt").read_text()
    assert f"{library}==" in needed
    assert name in recipe.card("train").read_text()
    outcome = recipe.run("predict")
    assert len(recipe.get_artifact("scored_data")) == 20


TABLE = """recipe: regression/v1
target_col: y
steps:
  ingest: {using: delta, location: rows, WHICH}
  transform: {using: custom, transformer_method: make}
  train: {estimator_method: make}
  register: {allow_non_validated_model: true}
  ingest_scoring: {using: delta, location: rows}
  predict: {output: {using: delta, location: said}}
"""


def test_a_table_of_delta_is_read_as_it_was_then(place: Path) -> None:
    recipe = begun(place / "r", line(), TRAIN, TABLE.replace(", WHICH", ""))
    root = recipe.directory
    (root / "steps/transform.py").write_text(TRANSFORM)
    rows = line(300)[["x", "y"]]
    deltalake.write_deltalake(root / "rows", rows.head(100))
    deltalake.write_deltalake(root / "rows", rows.tail(200), mode="append")
    history = deltalake.DeltaTable(root / "rows").history()
    first_ms = min(each["timestamp"] for each in history)
    then = datetime.fromtimestamp((first_ms + 1) / 1000, UTC).isoformat()

    def counted(which: str) -> int:
        (root / "recipe.yaml").write_text(TABLE.replace(", WHICH", which))
        recipe.run("ingest")
        return len(recipe.get_artifact("ingested_data"))

    assert counted("") == 300
    assert counted(", version: 0") == 100
    assert counted(", version: 1") == 300
    assert counted(f", timestamp: '{then}'") == 100
    assert counted(f", timestamp: {then}") == 100
    for wrong in (", version: 7", ", timestamp: yesterday"):
        with pytest.raises(InvalidValue, match=r"recipe.yaml, line 4: The Delta table .*rows"):
            counted(wrong)
    assert counted("") == 300
    recipe.run()
    assert not [each for each in recipe.plan() if each.runs]
    deltalake.write_deltalake(root / "rows", rows.head(1), mode="append")
    assert recipe.plan()[0].reason.startswith("the data rows/_delta_log/")
    for _ in range(2):
        recipe.run("predict")
    said = deltalake.DeltaTable(root / "said").to_pandas()
    assert len(said) == 301
    assert "prediction" in said.columns
