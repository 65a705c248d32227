"""How long an evaluation takes: beside MLflow's, and beyond scikit-learn's own time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from processes import OURS, available, folder, python_of
from rows import Row

_PEER = "mlflow"

_SCRIPT = """
import json, logging, sys, time, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
import numpy as np, pandas as pd, {name} as mlflow
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression
mlflow.set_tracking_uri("{tracking}")
rows, times = {rows}, {times}
source = np.random.default_rng(0)
X = pd.DataFrame(source.normal(size=(rows, 10)), columns=list("abcdefghij"))
y = X.sum(axis=1) + source.normal(size=rows)
kinds = {{"regressor": (LinearRegression().fit(X, y), y)}}
kinds["classifier"] = (LogisticRegression().fit(X, y > 0), (y > 0).astype(int))
config = {{"log_model_explainability": False, **{config}}}

def best(do):
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        do()
        spent.append(time.perf_counter() - start)
    return min(spent)

def scored(kind, model, target, out, likely):
    if kind == "regressor":
        for name in ("mean_absolute_error", "mean_squared_error", "r2_score", "max_error",
                     "mean_absolute_percentage_error"):
            getattr(metrics, name)(target, out)
        return
    for name in ("accuracy_score", "recall_score", "precision_score", "f1_score",
                 "confusion_matrix"):
        getattr(metrics, name)(target, out)
    for name in ("log_loss", "roc_auc_score", "average_precision_score"):
        getattr(metrics, name)(target, likely)

found = {{}}
for kind, (model, target) in kinds.items():
    out = model.predict(X)
    data = X.assign(target=target, out=out)
    given = {{"targets": "target", "model_type": kind, "evaluator_config": config}}
    if {by_model}:
        with mlflow.start_run():
            uri = mlflow.sklearn.log_model(model, "m", pip_requirements=[]).model_uri
        given |= {{"model": uri, "data": data.drop(columns="out")}}
    else:
        given |= {{"data": data, "predictions": "out"}}
    def once():
        with mlflow.start_run():
            mlflow.evaluate(**given)
    once()
    found[kind] = best(once)
    likely = model.predict_proba(X)[:, 1] if kind == "classifier" else None
    found[kind + " alone"] = best(lambda: scored(kind, model, target, out, likely))
json.dump(found, sys.stdout)
"""

_GENAI = """
import json, logging, os, sys, time, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
import {name} as mlflow
mlflow.set_tracking_uri("{tracking}")

@mlflow.genai.scorer
def exact(outputs, expectations):
    return outputs == expectations["answer"]

@mlflow.genai.scorer
def words(outputs):
    return len(outputs.split())

@mlflow.genai.scorer
def short(inputs, outputs):
    return len(outputs) < 10 * len(inputs["q"])

def rows(count):
    return [dict(inputs=dict(q="question %d" % number), outputs="answer %d" % (number % 7),
                 expectations=dict(answer="answer %d" % (number % 5))) for number in range(count)]

mlflow.genai.evaluate(data=rows(20), scorers=[exact, words, short])
start = time.perf_counter()
mlflow.genai.evaluate(data=rows({rows}), scorers=[exact, words, short])
json.dump({{"rows/s": {rows} / (time.perf_counter() - start)}}, sys.stdout)
"""


def measure(quick: bool) -> list[Row]:
    """Evaluate tables of predictions, models and answers; of classical ones the best of several."""
    systems = [OURS, *([_PEER] if available(_PEER) else [])]
    rows = []
    for what, by_model in (("predictions", False), ("a model", True)):
        spent = {
            system: _measured(system, 100_000, 1 if quick else 3, by_model) for system in systems
        }
        for kind in ("regressor", "classifier"):
            row = Row(
                f"evaluate {what} of a {kind}, 100,000 rows",
                "ms",
                spent[OURS][kind] * 1000,
                better="less",
                goal_ratio=5,
            )
            peers = {_PEER: spent[_PEER][kind] * 1000} if _PEER in spent else {}
            rows += row.beside(peers)
    rows += _genai(quick, systems)
    small = _measured(OURS, 1000, 3 if quick else 10, False)
    for kind in ("regressor", "classifier"):
        added = (small[kind] - small[f"{kind} alone"]) * 1000
        name = f"evaluate a {kind}'s 1,000 rows, beyond scikit-learn's own time"
        note = "without plots" if kind == "classifier" else ""
        rows.append(Row(name, "ms", added, goal=50, better="less", note=note))
    return rows


def _genai(quick: bool, systems: list[str]) -> list[Row]:
    """Score answers by code; of MLflow's fewer, since it takes some ten minutes for all of them."""
    counts = {OURS: 1000 if quick else 10_000, _PEER: 100 if quick else 500}
    speed = {}
    for system in systems:
        with folder() as place:
            # Both in SQLite, which is where the two of them keep what they are not told to.
            tracking = f"sqlite:{'' if system == OURS else '///'}{place}/runs.db"
            text = _GENAI.format(name=system, tracking=tracking, rows=counts[system])
            speed[system] = _run(system, text, place)["rows/s"]
    row = Row(
        f"genai.evaluate {counts[OURS]:,} rows by 3 code scorers",
        "rows/s",
        speed.pop(OURS),
        goal_ratio=20,
        note=f"theirs by {counts[_PEER]} rows",
    )
    return row.beside(speed)


def _measured(system: str, count: int, times: int, by_model: bool) -> dict[str, float]:
    with folder() as place:
        store = "sqlite:" if system == OURS else "file:"
        text = _SCRIPT.format(
            name=system,
            tracking=f"{store}{place}/runs" + (".db" if system == OURS else ""),
            rows=count,
            times=times,
            by_model=by_model,
            # MLflow has no switch for its plots.
            config="{'plots': False}" if count == 1000 else "{}",
        )
        return _run(system, text, place)


def _run(system: str, code: str, place: Path) -> dict[str, float]:
    done = subprocess.run(
        [python_of(system), "-W", "ignore", "-c", code],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(place), "MLFLOW_ALLOW_FILE_STORE": "true"},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
