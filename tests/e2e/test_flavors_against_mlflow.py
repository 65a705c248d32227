"""Models of scikit-learn, XGBoost and LightGBM load in MLflow, and those of MLflow load here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from served import QUIET

TRAINING = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import lightgbm, xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

place, X, y = Path(sys.argv[1]), *load_breast_cancer(return_X_y=True, as_frame=True)
X.columns = [name.replace(" ", "_") for name in X.columns]

def trained():
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    quiet = {"verbose": -1, "num_threads": 1}
    yield "sklearn", "line", line, {}
    yield "sklearn", "pickled", line, {"serialization_format": "pickle"}
    yield "sklearn", "cloudpickled", line, {"serialization_format": "cloudpickle"}
    yield "xgboost", "booster", xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, y), 3), {}
    yield "xgboost", "classifier", xgboost.XGBClassifier(n_estimators=3).fit(X, y), {}
    json_format = {"model_format": "json"}
    yield "xgboost", "json", xgboost.XGBRegressor(n_estimators=3).fit(X, y), json_format
    yield "lightgbm", "booster", lightgbm.train(quiet, lightgbm.Dataset(X, y), 3), {}
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, y)
    yield "lightgbm", "classifier", model, {}
    if MORE:
        forest = RandomForestClassifier(5, random_state=0).fit(X, y)
        yield "sklearn", "forest", forest, {}

def save(flavors):
    for flavor, name, model, options in trained():
        flavors[flavor].save_model(model, place / f"{flavor}-{name}", **options)

def predictions(load):
    return {
        path.name: [float(value) for value in load(str(path)).predict(X.head(20))]
        for path in sorted(place.iterdir()) if path.is_dir()
    }
"""

MLFLOW = """
import mlflow, mlflow.sklearn, mlflow.xgboost, mlflow.lightgbm
flavors = {"sklearn": mlflow.sklearn, "xgboost": mlflow.xgboost, "lightgbm": mlflow.lightgbm}
MORE = False
load = mlflow.pyfunc.load_model
"""
PEGBOARD = """
import pegboard
flavors = {name: getattr(pegboard, name) for name in ("sklearn", "xgboost", "lightgbm")}
MORE = True
load = lambda path: pegboard.pyfunc.load_model(path, trust="pickled" in path)
"""


def run(python: str | Path, place: Path, system: str, what: str) -> Any:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    script = f"{TRAINING}\n{system}\n{what}\nprint(json.dumps(predictions(load)))\n"
    done = subprocess.run(
        [str(python), "-c", script, str(place)],
        cwd=place,
        env={**kept, **QUIET},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours in MLflow", "MLflow's in ours"])
def test_each_predicts_what_the_other_does(
    boosted_python: Path, tmp_path: Path, ours_first: bool
) -> None:
    sides: list[tuple[str | Path, str]] = [(boosted_python, MLFLOW), (sys.executable, PEGBOARD)]
    writer, reader = sides[::-1] if ours_first else sides
    written = run(writer[0], tmp_path, writer[1], "save(flavors)")
    read = run(reader[0], tmp_path, reader[1], "")
    assert len(written) == 8 + ours_first
    assert read.keys() == written.keys()
    for name, values in written.items():
        assert read[name] == pytest.approx(values), name
