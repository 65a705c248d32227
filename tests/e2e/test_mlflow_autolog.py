"""An unchanged MLflow script with autologging runs against our server, and MLflow reads it back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from served import QUIET, run_script, serving

TRAINING = """
import mlflow
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import GridSearchCV, train_test_split

mlflow.set_experiment("diabetes")
mlflow.sklearn.autolog()
train_x, test_x, train_y, test_y = train_test_split(
    *load_diabetes(return_X_y=True, as_frame=True), random_state=0
)
with mlflow.start_run(run_name="forest") as forest:
    model = RandomForestRegressor(n_estimators=20, random_state=0).fit(train_x, train_y)
    model.score(test_x, test_y)
with mlflow.start_run(run_name="grid"):
    GridSearchCV(ElasticNet(), {"alpha": [0.1, 1.0], "l1_ratio": [0.2, 0.8]}, cv=2).fit(
        train_x, train_y
    )
"""

READING = """
forest = mlflow.search_runs(
    experiment_names=["diabetes"], filter_string="run_name = 'forest'", output_format="list"
)[0]
loaded = mlflow.pyfunc.load_model(f"runs:/{forest.info.run_id}/model")
from sklearn.datasets import load_diabetes
answer = {
    "status": forest.info.status,
    "params": forest.data.params,
    "metrics": forest.data.metrics,
    "datasets": [i.dataset.name for i in forest.inputs.dataset_inputs],
    "predictions": len(loaded.predict(load_diabetes(as_frame=True).data)),
    "children": len(mlflow.search_runs(
        experiment_names=["diabetes"],
        filter_string="tags.mlflow.parentRunId IS NOT NULL",
        output_format="list",
    )),
}
"""


def check(answer: dict[str, Any]) -> None:
    assert answer["status"] == "FINISHED"
    assert answer["params"]["n_estimators"] == "20"
    assert 0 < answer["metrics"]["training_r2_score"] <= 1
    assert "RandomForestRegressor_score_test_x" in answer["metrics"]
    assert answer["datasets"]
    assert answer["predictions"] == 442
    assert answer["children"] == 4


def test_autologging_through_the_server(mlflow_python: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        run_script(mlflow_python, url, tmp_path, TRAINING + "\nanswer = {}\n")
        check(run_script(mlflow_python, url, tmp_path, READING))


def test_the_mlflow_command_line_reads_it_back(mlflow_python: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        run_script(
            mlflow_python,
            url,
            tmp_path,
            """
            with mlflow.start_run(run_name="seen"):
                mlflow.log_metric("loss", 0.5)
            answer = {}
            """,
        )
        command = [str(mlflow_python), "-m", "mlflow"]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": url, "DO_NOT_TRACK": "true"}
        listed = subprocess.run(
            [*command, "runs", "list", "--experiment-id", "0"],
            env=environment, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        assert "seen" in listed.stdout
        found = subprocess.run(
            [*command, "experiments", "search"],
            env=environment, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        assert "Default" in found.stdout


@pytest.mark.parametrize("code", [0, 3])
def test_exec_runs_the_unmodified_script_and_returns_its_status(
    mlflow_python: Path, tmp_path: Path, code: int
) -> None:
    script = tmp_path / "train.py"
    script.write_text(f"{TRAINING}\nimport sys\nsys.exit({code})\n")
    pegboard = Path(sys.executable).with_name("pegboard")
    store = f"sqlite:{tmp_path}/s.db"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    done = subprocess.run(
        [str(pegboard), "--tracking-uri", store, "exec", "--", str(mlflow_python), str(script)],
        cwd=tmp_path, env={**kept, **QUIET}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    listed = subprocess.run(
        [str(pegboard), "--tracking-uri", store, "runs", "list", "--json",
         "--filter", "metrics.training_r2_score > 0.4"],
        cwd=tmp_path, env=kept, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "forest" in {run["run_name"] for run in json.loads(listed.stdout)}
