"""Groups of similar rows, found by a recipe that a plugin brings."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pegboard
import pytest
from pegboard.errors import InvalidValue
from pegboard_recipes.api import Recipe
from pegboard_recipes.testing import RecipeContract
from pegboard_testing.isolation import separate_tracking

RECIPE = """recipe: clustering/v1
steps:
  ingest: {using: csv, location: rows.csv}
  transform: {transformer_method: scaled}
  train: {clusters: [2, 3, 4], estimator_method: groups}
  evaluate:
    validation_criteria:
      - {metric: silhouette, threshold: 0.6}
      - {metric: davies_bouldin, threshold: 0.6}
model_registry: {model_name: groups}
"""
TRANSFORM = """from sklearn.preprocessing import StandardScaler

def scaled():
    return StandardScaler()
"""
TRAIN = """from sklearn.cluster import KMeans

def groups(count):
    return KMeans(count, n_init=2, random_state=1)
"""


def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 40)
    x = group * 10 + random.normal(size=120)
    y = (group == 1) * 10 + random.normal(size=120)
    return pd.DataFrame({"x": x, "y": y, "name": [f"row {n}" for n in range(120)], "group": group})


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    place = tmp_path_factory.mktemp("clustering")
    root = place / "a project"
    files = {
        "profiles/local.yaml": "",
        "recipe.yaml": RECIPE,
        "rows.csv": rows().drop(columns="group").to_csv(index=False),
        "steps/train.py": TRAIN,
        "steps/transform.py": TRANSFORM,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with separate_tracking(place), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_RECIPES_EXECUTION_DIRECTORY", str(place / "results"))
        yield Recipe("local", directory=root)


class TestClustering(RecipeContract):
    kind = "clustering/v1"

    def test_groups_are_found_validated_and_registered(self, recipe: Recipe) -> None:
        outcome = recipe.run()
        assert outcome.status == "VALIDATED"
        assert outcome.model["name"] == "groups"
        assert [each["validated"] for each in outcome.criteria] == [True, True]
        labels = recipe.get_artifact("clustered_data").cluster
        found = pd.crosstab(labels, rows().group.to_numpy())
        assert found.shape == (3, 3)
        assert (found > 0).sum().tolist() == [1, 1, 1]
        run = recipe.get_artifact("run")
        assert run.data.params["clusters"] == "3"
        assert run.data.metrics["test_silhouette"] == outcome.metrics["silhouette"]
        # Read without trust: nothing in it is code.
        model = pegboard.pyfunc.load_model(recipe.artifact_path("model"))
        assert list(model.predict(rows()[["x", "y"]])) == labels.tolist()
        card = json.loads(recipe.card("train").with_suffix(".json").read_text())
        (sizes,) = (tab["parts"][0] for tab in card["tabs"] if tab["title"] == "Groups")
        assert [row[1] for row in sizes["rows"]] == [40, 40, 40]

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("metric: silhouette", "metric: silhuette", "line 8.*silhuette.*\n.*'silhouette'"),
            ("clusters: [2, 3, 4]", "clusters: [1]", "line 5: 'clusters' is"),
            ("{transformer", "{columns: [z], transformer", "line 4: The data has no column 'z'"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_line(
        self, recipe: Recipe, old: str, new: str, said: str
    ) -> None:
        file = recipe.directory / "recipe.yaml"
        file.write_text(RECIPE.replace(old, new))
        try:
            with pytest.raises(InvalidValue, match=f"(?s){said}"):
                recipe.run()
        finally:
            file.write_text(RECIPE)
