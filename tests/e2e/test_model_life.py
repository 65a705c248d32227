"""From a trained model to a served one, promoted and rolled back, with the history of it all.

The same life twice: with pegboard alone on this machine, and with MLflow's own client against
``pegboard server``. What comes after the training is the same for both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from served import QUIET, serving

TRAIN = """
import json, warnings
warnings.simplefilter("ignore")
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

X, y = load_iris(return_X_y=True, as_frame=True)
X = X.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
client = mlflow.MlflowClient()
mlflow.set_experiment("irises")
kinds = {"line": (flavors["sklearn"], LogisticRegression(max_iter=1000)),
         "trees": (flavors["xgboost"], XGBClassifier(n_estimators=5))}
for name, (flavor, model) in kinds.items():
    for rows in (100, 150):
        with mlflow.start_run(run_name=f"{name} {rows}"):
            mlflow.log_param("rows", rows)
            dataset = mlflow.data.from_pandas(X.head(rows), name="iris", targets=None)
            mlflow.log_input(dataset, context="training")
            model.fit(X.head(rows), y.head(rows))
            mlflow.log_metric("score", model.score(X, y))
            flavor.log_model(model, name=name, input_example=X.head(2), registered_model_name=name)
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "champion", "2")
print(json.dumps({name: [int(v) for v in model.predict(X)] for name, (_, model) in kinds.items()}))
"""
OURS = """
import pegboard as mlflow
flavors = {"sklearn": mlflow.sklearn, "xgboost": mlflow.xgboost}
"""
MLFLOWS = """
import mlflow, mlflow.sklearn, mlflow.xgboost
flavors = {"sklearn": mlflow.sklearn, "xgboost": mlflow.xgboost}
"""
LOAD = """
import json
from sklearn.datasets import load_iris
X = load_iris(as_frame=True).data
X = X.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
print(json.dumps({
    name: [int(v) for v in mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(X)]
    for name in ("line", "trees")
}))
"""


@pytest.fixture(params=["pegboard", "mlflow"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the store's URI, and the Python and the preamble of the scripts."""
    if request.param == "pegboard":
        yield f"sqlite:{tmp_path / 'runs.db'}", [sys.executable, OURS]
        return
    place = tmp_path / "server"
    place.mkdir()
    with serving(place) as url:
        yield url, [str(request.getfixturevalue("boosted_python")), MLFLOWS]


def environment(uri: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    return {**kept, **QUIET, "NO_COLOR": "1", "MLFLOW_TRACKING_URI": uri}


def output(uri: str, place: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=place, env=environment(uri), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pegboard(uri: str, place: Path, *words: str) -> Any:
    command = str(Path(sys.executable).with_name("pegboard"))
    return json.loads(output(uri, place, command, *words, "--json"))


@contextmanager
def served_model(uri: str, place: Path, model: str) -> Iterator[str]:
    command = str(Path(sys.executable).with_name("pegboard"))
    with (place / "served.log").open("w") as log:
        process = subprocess.Popen(
            [command, "models", "serve", "-m", model, "--port", "0"],
            cwd=place,
            env=environment(uri),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "http://" in line, (place / "served.log").read_text()
            yield line[line.index("http://") :].split()[0]
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


def test_models_are_logged_promoted_served_and_rolled_back(
    life: tuple[str, list[str]], tmp_path: Path
) -> None:
    uri, (python, preamble) = life
    trained = json.loads(output(uri, tmp_path, python, "-c", preamble + TRAIN).splitlines()[-1])
    loaded = json.loads(output(uri, tmp_path, python, "-c", preamble + LOAD).splitlines()[-1])
    assert loaded == trained

    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    records = {"columns": columns, "data": [[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]]}
    body = json.dumps({"dataframe_split": records})
    for name in ("line", "trees"):
        with served_model(uri, tmp_path, f"models:/{name}@champion") as url:
            content = ("-H", "Content-Type: application/json", "-d", body)
            answer = output(uri, tmp_path, "curl", "-sS", *content, f"{url}/invocations")
        assert json.loads(answer) == {"predictions": [0, 2]}

    pegboard(uri, tmp_path, "registry", "rollback", "line@champion", "-m", "too many surprises")
    shown = pegboard(uri, tmp_path, "models", "show", "line@champion")
    assert shown["version"] == "1"
    changes = pegboard(uri, tmp_path, "registry", "history", "line")
    moves = [(c["before"], c["after"], c["reason"]) for c in changes if c["kind"] == "alias"]
    assert moves == [("2", "1", "too many surprises"), ("1", "2", ""), (None, "1", "")]
    # A server without users knows of nobody.
    assert all(change["user"] for change in changes) == (python == sys.executable), changes

    lineage = pegboard(uri, tmp_path, "lineage", "models:/trees@champion")
    assert lineage["params"] == {"rows": "150"}
    assert [data["name"] for data in lineage["data"]] == ["iris"]
    assert any("xgboost" in needed for needed in lineage["environment"]["requirements"])
    assert {"run", "dataset"} <= {each["kind"] for each in lineage["upstream"]}
    assert ("alias", "champion") in {(each["kind"], each["name"]) for each in lineage["downstream"]}
