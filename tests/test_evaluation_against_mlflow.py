"""The same script evaluates the same with us and with the real MLflow, of both generations.

MLflow 2.17 works with an older scikit-learn only; it gets one of its own, beside its environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from peers import CACHE, interpreter, uv
from pytest import approx
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression

DATED = "scikit-learn==1.5.2"

NO_CURVES = {"max_classes_for_multiclass_roc_pr": 2}

# name -> (data, type, whether by model, evaluator_config, extra metrics)
CASES: dict[str, tuple[str, str | None, bool, dict[str, Any], str]] = {
    "regressor": ("diabetes", "regressor", True, {}, ""),
    "regressor, predictions": ("diabetes", "regressor", False, {}, ""),
    "regressor, weights": ("diabetes", "regressor", False, {"sample_weights": True}, ""),
    "regressor, prefix": ("diabetes", "regressor", False, {"metric_prefix": "val_"}, ""),
    "binary": ("breast_cancer", "classifier", True, {}, ""),
    "binary, weights": ("breast_cancer", "classifier", False, {"sample_weights": True}, ""),
    "binary, pos_label": (
        "breast_cancer", "classifier", True, {"sample_weights": True, "pos_label": 0}, ""
    ),
    "binary, texts": ("named", "classifier", False, {}, ""),
    "multiclass": ("wine", "classifier", True, {}, ""),
    "multiclass, weights": (
        "wine", "classifier", True, {"sample_weights": True, **NO_CURVES}, ""
    ),
    "multiclass, macro": ("wine", "classifier", True, {"average": "macro", **NO_CURVES}, ""),
    "multiclass, micro": ("wine", "classifier", False, {"average": "micro"}, ""),
    "label_list": ("two of three", "classifier", False, {"label_list": [0, 1, 2]}, ""),
    "retriever": ("documents", "retriever", False, {}, ""),
    "retriever, k": ("documents", "retriever", False, {"retriever_k": 1}, ""),
    "own metrics": ("diabetes", "regressor", False, {"col_mapping": {"years": "age"}}, "own"),
    "builders": ("diabetes", None, False, {}, "builders"),
    "labels": ("breast_cancer", None, False, {}, "labels"),
    "exact match": ("named", None, False, {}, "exact"),
}  # fmt: skip

ONLY_IN_3 = {"binary, pos_label", "label_list"}
"""What MLflow 2.17 contradicts itself in, or fails at; version 3 does it right."""

ONLY_NEWER = "calibration_curve_plot"

THRESHOLDS = [
    # candidate, baseline, arguments
    (0.8, None, {"threshold": 0.8, "greater_is_better": True}),
    (0.79, None, {"threshold": 0.8, "greater_is_better": True}),
    (0.8, None, {"threshold": 0.8, "greater_is_better": False}),
    (0.81, None, {"threshold": 0.8, "greater_is_better": False}),
    (0.6, 0.5, {"min_absolute_change": 0.1, "greater_is_better": True}),
    (0.59, 0.5, {"min_absolute_change": 0.1, "greater_is_better": True}),
    (0.4, 0.5, {"min_absolute_change": 0.1, "greater_is_better": False}),
    (0.9, 1.0, {"min_relative_change": 0.1, "greater_is_better": False}),
    (0.8, 1.0, {"min_relative_change": 0.1, "greater_is_better": False}),
    (-0.5, -1.0, {"min_relative_change": 0.1, "greater_is_better": True}),
    (0.0, 0.0, {"min_relative_change": 0.1, "greater_is_better": True}),
    (1e-9, 0.0, {"min_relative_change": 0.1, "greater_is_better": True}),
    (0.5, 0.6, {"threshold": 0.7, "min_absolute_change": 0.2, "greater_is_better": True}),
    (0.5, None, {"threshold": 0.7, "min_absolute_change": 0.2, "greater_is_better": True}),
    (None, 0.6, {"threshold": 0.7, "greater_is_better": True}),
    (0.5, None, {}),
    (0.5, None, {"greater_is_better": True}),
    (0.5, None, {"threshold": "1", "greater_is_better": True}),
    (0.5, None, {"min_absolute_change": 0, "greater_is_better": True}),
    (0.5, None, {"min_relative_change": 1, "greater_is_better": True}),
    (0.5, None, {"min_relative_change": 1.5, "greater_is_better": True}),
    (0.5, None, {"threshold": 1, "greater_is_better": "yes"}),
]

SCRIPT = """
import contextlib, json, logging, os, sys, tempfile, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
os.chdir(tempfile.mkdtemp())
import MODULE as mlflow
import numpy as np, pandas as pd
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression
mlflow.set_tracking_uri("TRACKING")
asked = json.load(sys.stdin)

def frame(name):
    if name == "documents":
        wanted = [["a"], ["b", "c"], [], [], ["d", "e"], ["f"]]
        found = [["a", "x"], ["c", "c", "b"], [], ["y"], ["x", "d", "y", "e"], []]
        return pd.DataFrame({"query": list("qrstuv"), "target": wanted, "out": found}), None
    if name == "named":
        target, out = ["no", "yes", "yes", "no"] * 5, ["no", "yes", "no", "no"] * 5
        return pd.DataFrame({"x": range(20), "target": target, "out": out}), None
    if name == "two of three":
        target, out = [0, 1, 1, 0] * 5, [0, 1, 0, 0] * 5
        return pd.DataFrame({"x": range(20), "target": target, "out": out}), None
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    # Every third row, so that the classes are not in order; quick, too.
    x, y = x[::3].reset_index(drop=True), y[::3].reset_index(drop=True)
    learnt = asked["models"][name]
    model = LinearRegression() if name == "diabetes" else LogisticRegression()
    model.coef_, model.intercept_ = (np.array(learnt[key]) for key in ("coef_", "intercept_"))
    if name == "diabetes":
        model.intercept_ = float(model.intercept_)
    else:
        model.classes_ = np.array(learnt["classes_"])
    model.n_features_in_, model.feature_names_in_ = x.shape[1], np.array(x.columns, object)
    return x.assign(target=y, out=model.predict(x)), model

def nearness(predictions, targets):
    scores = [float(abs(a - b)) for a, b in zip(predictions, targets)]
    return mlflow.metrics.MetricValue(scores=scores, justifications=["so"] * len(scores))

def halved(nearness, years, targets):
    return float(np.mean(nearness.scores)) / 2 + float(np.sum(years)) + len(targets)

def old_form(eval_df, builtin_metrics):
    return builtin_metrics["mean_squared_error"] + len(eval_df)

def extra(which):
    m = mlflow.metrics
    make = mlflow.models.make_metric
    return {
        "own": lambda: [
            make(eval_fn=halved, greater_is_better=True),
            make(eval_fn=nearness, greater_is_better=False, version="v2"),
            make(eval_fn=old_form, greater_is_better=False, name="old"),
        ],
        "builders": lambda: [m.mae(), m.mse(), m.rmse(), m.r2_score(), m.max_error(), m.mape()],
        "labels": lambda: [m.recall_score(), m.precision_score(), m.f1_score()],
        "exact": lambda: [m.exact_match()],
        "": lambda: None,
    }[which]()

def files(run_id, folder=None):
    client = mlflow.MlflowClient()
    for each in client.list_artifacts(run_id, folder):
        if each.is_dir:
            if each.path not in ("model", "evaluation", "environment"):
                yield from files(run_id, each.path)
        else:
            yield each.path

uris = {}
def uri(name, model):
    if name not in uris:
        with mlflow.start_run():
            uris[name] = mlflow.sklearn.log_model(
                model, "model", pip_requirements=["scikit-learn"]
            ).model_uri
    return uris[name]

def answer(name, kind, by_model, config, which):
    data, model = frame(name)
    if config.get("sample_weights"):
        config["sample_weights"] = np.linspace(0.5, 2, len(data)).tolist()
    given = {"targets": "target", "model_type": kind, "extra_metrics": extra(which)}
    if by_model:
        given |= {"model": uri(name, model), "data": data.drop(columns="out")}
    else:
        given |= {"data": data, "predictions": "out"}
    config["log_model_explainability"] = False
    with mlflow.start_run() as run:
        result = mlflow.evaluate(**given, evaluator_config=config)
    logged = mlflow.get_run(run.info.run_id)
    tables = {
        key: {str(column): table[column].tolist() for column in table}
        for key, table in result.tables.items() if key == "eval_results_table"
    }
    per_class = result.artifacts.get("per_class_metrics")
    if per_class is not None:
        tables["per_class"] = {c: per_class.content[c].tolist() for c in per_class.content}
    return {
        "metrics": {key: float(value) for key, value in result.metrics.items()},
        "logged": logged.data.metrics,
        "artifacts": sorted(result.artifacts),
        "files": sorted(files(run.info.run_id)),
        "tables": tables,
        "inputs": [each.dataset.digest for each in logged.inputs.dataset_inputs],
    }

def verdict(candidate, baseline, given):
    Result = mlflow.models.EvaluationResult
    try:
        limit = mlflow.models.MetricThreshold(**given)
        results = [Result({} if v is None else {"m": v}, {}) for v in (candidate, baseline)]
        mlflow.validate_evaluation_results(
            {"m": limit}, results[0], None if baseline is None else results[1]
        )
    except mlflow.exceptions.MlflowException as error:
        return error.message
    return "passed"

with contextlib.redirect_stdout(sys.stderr):
    found = {}
    for name, case in asked["cases"].items():
        try:
            found[name] = answer(*case)
        except Exception as error:
            found[name] = {"error": f"{type(error).__name__}: {error}"}
    newer = hasattr(mlflow, "validate_evaluation_results")
    verdicts = [verdict(*each) for each in asked["thresholds"]] if newer else []
json.dump({"cases": found, "verdicts": verdicts}, sys.stdout)
"""


@pytest.fixture(scope="module")
def asked() -> str:
    """Return the cases, with models that every scikit-learn computes alike."""
    models: dict[str, dict[str, Any]] = {}
    for name in ("diabetes", "breast_cancer", "wine"):
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
        kind = LinearRegression() if name == "diabetes" else LogisticRegression(max_iter=50)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It need not be a good one.
            learnt = kind.fit(x, y)
        models[name] = {
            key: getattr(learnt, key).tolist()
            for key in ("coef_", "intercept_", "classes_")
            if hasattr(learnt, key) and hasattr(getattr(learnt, key), "tolist")
        }
    return json.dumps({"models": models, "cases": CASES, "thresholds": THRESHOLDS})


def answers(python: Path | str, asked: str, module: str, place: Path, **more: str) -> Any:
    tracking = f"sqlite:{place}/runs.db" if module == "pegboard" else f"file:{place}/runs"
    script = SCRIPT.replace("MODULE", module).replace("TRACKING", tracking)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    done = subprocess.run(
        [str(python), "-c", script],
        input=asked,
        capture_output=True,
        text=True,
        env={**kept, "MPLBACKEND": "agg", "MLFLOW_ALLOW_FILE_STORE": "true", **more},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ours(asked: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return answers(sys.executable, asked, "pegboard", tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def newer(asked: str, mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return answers(mlflow_python, asked, "mlflow", tmp_path_factory.mktemp("newer"))


@pytest.fixture(scope="module")
def older(asked: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    python = interpreter("mlflow-2")
    place = CACHE / f"{DATED.replace('==', '-')}-python{sys.version_info.minor}"
    if not (place / "sklearn" / "__init__.py").is_file():
        uv(
            "pip", "install", "--quiet", "--no-deps",
            "--python", str(python), "--target", str(place), DATED,
        )  # fmt: skip
    return answers(python, asked, "mlflow", tmp_path_factory.mktemp("older"), PYTHONPATH=str(place))


def close(one: Any, other: Any, within: float = 1e-12) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return bool(one == approx(other, rel=1e-9, abs=within, nan_ok=True))
    return bool(one == other)


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[Any]:
    """Return what differs between two answers to a case, but for what only newer ones draw."""
    found: list[Any] = []
    for part in ("metrics", "logged"):
        mine, other = ours[part], theirs[part]
        found += [(part, key) for key in sorted(mine.keys() ^ other.keys())]
        both = mine.keys() & other.keys()
        found += [(k, mine[k], other[k]) for k in sorted(both) if not close(mine[k], other[k])]
    for part in ("artifacts", "files"):
        strays = set(ours[part]) ^ set(theirs[part])
        found += sorted(x for x in strays if not x.startswith(ONLY_NEWER))
    for name, table in theirs["tables"].items():
        mine = ours["tables"].get(name, {})
        found += [(name, column) for column in mine.keys() ^ table.keys()]
        for column, values in table.items():
            pairs = zip(mine.get(column, ()), values, strict=False)
            # MLflow writes ten decimals into a table.
            found += [(name, column, a, b) for a, b in pairs if not close(a, b, 1e-9)][:1]
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_script_for_mlflow_3_measures_the_same(case: str, ours: Any, newer: Any) -> None:
    mine, theirs = ours["cases"][case], newer["cases"][case]
    assert "error" not in mine
    assert "error" not in theirs
    assert differences(mine, theirs) == []
    assert mine["inputs"] == theirs["inputs"]


@pytest.mark.parametrize("case", sorted(set(CASES) - ONLY_IN_3))
def test_a_script_for_mlflow_2_measures_the_same(case: str, ours: Any, older: Any) -> None:
    mine, theirs = ours["cases"][case], older["cases"][case]
    assert "error" not in theirs
    assert differences(mine, theirs) == []


def test_thresholds_are_judged_alike_in_the_same_words(ours: Any, newer: Any) -> None:
    said = list(zip(THRESHOLDS, ours["verdicts"], newer["verdicts"], strict=True))
    assert [each for each in said if each[1] != each[2]] == []
    assert sum(verdict == "passed" for verdict in ours["verdicts"]) > 4
