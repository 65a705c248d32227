"""A model goes from training to a fresh process by its alias, locally and through a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import serving

TRAIN = """
import pandas as pd
import pegboard
from sklearn.linear_model import LogisticRegression
import xgboost

X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0] * 5, "b": [1, 2, 3, 4] * 5})
y = [0, 0, 1, 1] * 5
with pegboard.start_run():
    line = LogisticRegression().fit(X, y)
    pegboard.sklearn.log_model(line, name="line", input_example=X.head(2),
                               registered_model_name="classifier")
    trees = xgboost.XGBClassifier(n_estimators=3).fit(X, y)
    info = pegboard.xgboost.log_model(trees, name="trees", input_example=X.head(2),
                                      registered_model_name="classifier")
assert info.registered_model_version == "2", info.registered_model_version
client = pegboard.MlflowClient()
client.set_registered_model_alias("classifier", "champion", 1)
client.set_registered_model_alias("classifier", "challenger", 2)
print(line.predict(X).tolist(), trees.predict(X).tolist())
"""

LOAD = """
import json, sys
import pandas as pd
import pegboard
from pegboard.errors import PegboardError

X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 2, 3, 4]})
said = {}
for uri in ("models:/classifier@champion", "models:/classifier/1", "models:/classifier/latest",
            "models:/classifier@challenger", "models:/classifier/2"):
    model = pegboard.pyfunc.load_model(uri)
    said[uri] = [model.loader_module, [int(each) for each in model.predict(X)]]
said["native"] = type(pegboard.sklearn.load_model("models:/classifier@champion")).__name__
said["file"] = "mlflow.sklearn" in pegboard.artifacts.load_text(
    "models:/classifier@champion/MLmodel")
said["version"] = pegboard.models.get_model_info("models:/classifier/1").signature is not None
for wrong in ("models:/classifier/9", "models:/classifier@nobody", "models:/nothing/1"):
    try:
        pegboard.pyfunc.load_model(wrong)
    except PegboardError as error:
        said[wrong] = error.error_code
print(json.dumps(said))
"""

SAID = {
    "models:/classifier@champion": ["mlflow.sklearn", [0, 0, 1, 1]],
    "models:/classifier/1": ["mlflow.sklearn", [0, 0, 1, 1]],
    "models:/classifier/latest": ["mlflow.xgboost", [0, 0, 1, 1]],
    "models:/classifier@challenger": ["mlflow.xgboost", [0, 0, 1, 1]],
    "models:/classifier/2": ["mlflow.xgboost", [0, 0, 1, 1]],
    "native": "LogisticRegression",
    "file": True,
    "version": True,
    "models:/classifier/9": "RESOURCE_DOES_NOT_EXIST",
    "models:/classifier@nobody": "RESOURCE_DOES_NOT_EXIST",
    "models:/nothing/1": "RESOURCE_DOES_NOT_EXIST",
}


@pytest.fixture(params=["on this machine", "through a server"])
def tracking_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "on this machine":
        yield f"sqlite:{tmp_path / 'runs.db'}"
    else:
        place = tmp_path / "server"
        place.mkdir()
        with serving(place) as url:
            yield url


def run(script: str, place: Path, tracking_uri: str) -> str:
    place.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=600,
        env={**environment, "PEGBOARD_TRACKING_URI": tracking_uri},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_a_model_is_trained_registered_and_loaded_elsewhere_by_its_alias(
    tracking_uri: str, tmp_path: Path
) -> None:
    run(TRAIN, tmp_path / "trained here", tracking_uri)
    said = json.loads(run(LOAD, tmp_path / "loaded there", tracking_uri))
    assert said == SAID
