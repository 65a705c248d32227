"""One script of autologging, under MLflow and under pegboard: the same runs come of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from served import run_script, serving

DATA = """
import warnings; warnings.simplefilter("ignore")
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.model_selection import train_test_split

def split(load, **how):
    X, y = load(return_X_y=True, **how)
    return train_test_split(X, y, random_state=0)
"""

LOADERS = ", ".join(
    f"'{name}': {name}"
    for name in ("load_breast_cancer", "load_diabetes", "load_iris", "load_linnerud")
)

SKLEARN = {
    "a classifier with metrics computed later": """
        mlflow.sklearn.autolog()
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        X_train, X_test, y_train, y_test = split(load_breast_cancer, as_frame=True)
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
        predicted = model.predict(X_test)
        accuracy_score(y_test, predicted)
        accuracy_score(y_test, predicted, normalize=False)
        f1_score(y_true=y_test, y_pred=predicted)
        roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
        again = X_test.copy()
        accuracy_score(y_test, model.predict(again))
        model.score(X_test, y_test)
        """,
    "regressors, one after the other": """
        mlflow.sklearn.autolog(log_models=False)
        import numpy as np
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.linear_model import Ridge
        from sklearn.metrics import mean_squared_error

        X, X_new, y, y_new = split(load_diabetes)
        first = Ridge(alpha=0.5).fit(X, y)
        second = RandomForestRegressor(n_estimators=5, random_state=0)
        second.fit(X, y, sample_weight=np.linspace(0.5, 1, len(y)))
        second.score(X_new, y_new)
        mean_squared_error(y_new, first.predict(X_new))
        """,
    "what learns without labels": """
        mlflow.sklearn.autolog()
        from sklearn.cluster import KMeans
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        X, X_test, _, _ = split(load_iris)
        StandardScaler().fit(X)
        KMeans(3, n_init=1, random_state=0).fit_predict(X)
        PCA(2).fit_transform(X)
        """,
    "three classes, a switch and a tag": """
        mlflow.sklearn.autolog(log_datasets=False, extra_tags={"team": "a"}, log_models=False)
        from sklearn.tree import DecisionTreeClassifier

        X, X_test, y, y_test = split(load_iris)
        DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y)
        """,
    "several outputs": """
        mlflow.sklearn.autolog()
        from sklearn.linear_model import LinearRegression
        from sklearn.multioutput import MultiOutputRegressor

        X, X_test, Y, Y_test = split(load_linnerud)
        MultiOutputRegressor(LinearRegression()).fit(X, Y)
        """,
    "a search": """
        mlflow.sklearn.autolog(max_tuning_runs=2)
        from sklearn.model_selection import GridSearchCV
        from sklearn.svm import SVC

        X, X_test, y, y_test = split(load_iris, as_frame=True)
        search = GridSearchCV(SVC(), {"C": [0.01, 1.0], "kernel": ["rbf", "linear"]}, cv=2)
        with mlflow.start_run(run_name="search"):
            search.fit(X, y)
        search.score(X_test, y_test)
        """,
    "runs of the user": """
        mlflow.sklearn.autolog(exclusive=True, log_models=False)
        from sklearn.linear_model import Ridge
        from sklearn.model_selection import cross_val_score

        X, X_test, y, y_test = split(load_diabetes)
        with mlflow.start_run(run_name="mine"):
            Ridge().fit(X, y)
        cross_val_score(Ridge(), X, y)
        mlflow.sklearn.autolog(disable=True)
        Ridge().fit(X, y)
        """,
    "a training that fails": """
        mlflow.sklearn.autolog(log_models=False, log_datasets=False)
        from sklearn.linear_model import LogisticRegression

        X, X_test, y, y_test = split(load_iris)
        try:
            LogisticRegression(C=-1).fit(X, y)
        except ValueError:
            pass
        """,
}

BOOSTED = {
    "xgboost.train, stopped early": """
        mlflow.xgboost.autolog(importance_types=["weight", "gain"])
        import xgboost

        X, X_test, y, y_test = split(load_breast_cancer, as_frame=True)
        train, test = xgboost.DMatrix(X, y), xgboost.DMatrix(X_test, y_test)
        xgboost.train(
            {"objective": "binary:logistic", "max_depth": 2, "eval_metric": ["auc", "logloss"]},
            train, num_boost_round=30, evals=[(train, "train"), (test, "test")],
            early_stopping_rounds=3, verbose_eval=False,
        )
        """,
    "an estimator of XGBoost": """
        mlflow.xgboost.autolog()
        import xgboost

        X, X_test, y, y_test = split(load_iris, as_frame=True)
        model = xgboost.XGBClassifier(n_estimators=5, max_depth=2)
        model.fit(X, y, eval_set=[(X_test, y_test)], verbose=False)
        model.score(X_test, y_test)
        """,
    "lightgbm.train, stopped early": """
        mlflow.lightgbm.autolog()
        import lightgbm

        X, X_test, y, y_test = split(load_breast_cancer)
        train = lightgbm.Dataset(X, y)
        lightgbm.train(
            {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbose": -1,
             "num_threads": 1},
            train, num_boost_round=30, valid_names=["test"],
            valid_sets=[lightgbm.Dataset(X_test, y_test, reference=train)],
            callbacks=[lightgbm.early_stopping(3, verbose=False)],
        )
        """,
    "an estimator of LightGBM": """
        mlflow.lightgbm.autolog()
        import lightgbm

        X, X_test, y, y_test = split(load_iris, as_frame=True)
        model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)
        model.fit(X, y, eval_set=[(X_test, y_test)])
        model.score(X_test, y_test)
        """,
}

SUMMARY = """
def paths(run_id, path=None):
    found = []
    for item in client.list_artifacts(run_id, path):
        found += paths(run_id, item.path) if item.is_dir else [item.path]
    return [path for path in found if not path.startswith(("environment", "model/"))]

def described(run):
    return {
        "status": run.info.status,
        "params": run.data.params,
        "metrics": run.data.metrics,
        "history": {
            key: {point.step: point.value for point in history(run, key)}
            for key in run.data.metrics
        },
        "tags": {
            key: value for key, value in run.data.tags.items()
            if not key.startswith(("mlflow.", "pegboard.")) or key == "mlflow.autologging"
        },
        "artifacts": sorted(paths(run.info.run_id)),
        "data": sorted(
            [item.dataset.name, item.tags[0].value] for item in run.inputs.dataset_inputs
        ),
        "nested": "mlflow.parentRunId" in run.data.tags,
    }

def history(run, key):
    return client.get_metric_history(run.info.run_id, key)

client = mlflow.MlflowClient()
runs = client.search_runs([experiment])
models = client.search_logged_models([experiment])
answer = {
    "runs": [described(run) for run in runs],
    "models": sorted([model.name, str(model.status).rpartition(".")[2]] for model in models),
}
"""


def under_pegboard(place: Path, code: str) -> Any:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    script = f"import json, pegboard as mlflow\n{code}\nprint(json.dumps(answer))\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=place,
        env={**kept, "PEGBOARD_TRACKING_URI": f"sqlite:{place}/ours.db"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def all_of(scenarios: dict[str, str]) -> str:
    """Return a script that plays all scenarios, each with variables and an experiment of its own.

    One process for all of them, as importing the libraries takes most of the time.
    """
    played = {name: textwrap.dedent(code) for name, code in scenarios.items()}
    return (
        (
            f"{DATA}\nanswer = {{}}\nfor name, code in {played!r}.items():\n"
            "    experiment = mlflow.set_experiment(name).experiment_id\n"
            "    mlflow.sklearn.autolog(disable=True)\n"
            "    exec(code, {'mlflow': mlflow, 'split': split, **loaders})\n"
            "    exec(summary, where := {'mlflow': mlflow, 'experiment': experiment})\n"
            "    answer[name] = where['answer']\n"
        )
        .replace("**loaders", LOADERS)
        .replace("exec(summary", f"exec({SUMMARY!r}")
    )


def both(python: Path, place: Path, scenarios: dict[str, str]) -> tuple[Any, Any]:
    code = all_of(scenarios)
    with serving(place) as url:
        theirs = run_script(python, url, place, code)
    return under_pegboard(place, code), theirs


def compare(ours: Any, theirs: Any) -> None:
    assert ours["models"] == theirs["models"]
    assert len(ours["runs"]) == len(theirs["runs"])
    for mine, other in zip(in_order(ours["runs"]), in_order(theirs["runs"]), strict=True):
        if other["status"] == "FAILED":
            # MLflow logs in another thread, so what is there by then is up to chance.
            assert mine["status"] == "FAILED"
            continue
        for what in ("status", "params", "tags", "artifacts", "data", "nested"):
            assert mine[what] == other[what], what
        for logged in (mine["metrics"], mine["history"], other["metrics"], other["history"]):
            for key in [key for key in logged if key.endswith("_time")]:
                logged[key] = 0
        assert mine["metrics"] == pytest.approx(other["metrics"], nan_ok=True)
        assert mine["history"].keys() == other["history"].keys()
        for key, points in mine["history"].items():
            assert points == pytest.approx(other["history"][key], nan_ok=True), key


def in_order(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return runs in an order that does not depend on the clock."""
    return sorted(runs, key=lambda run: (run["nested"], sorted(run["params"].items())))


@pytest.fixture(scope="module")
def sklearn_runs(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return both(mlflow_python, tmp_path_factory.mktemp("sklearn"), SKLEARN)


@pytest.fixture(scope="module")
def boosted_runs(boosted_python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return both(boosted_python, tmp_path_factory.mktemp("boosted"), BOOSTED)


@pytest.mark.parametrize("name", SKLEARN)
def test_scikit_learn_is_logged_alike(sklearn_runs: tuple[Any, Any], name: str) -> None:
    compare(sklearn_runs[0][name], sklearn_runs[1][name])


@pytest.mark.parametrize("name", BOOSTED)
def test_boosted_trees_are_logged_alike(boosted_runs: tuple[Any, Any], name: str) -> None:
    compare(boosted_runs[0][name], boosted_runs[1][name])
