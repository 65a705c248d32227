"""``evaluate``: what it takes, logs and returns, what it refuses, and what it keeps of failures."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pegboard
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard.errors import PegboardError
from pegboard_evaluation import default, explaining, pieces, tables, texts
from pegboard_evaluation.default import KINDS
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

pytestmark = pytest.mark.usefixtures("place")

X = pd.DataFrame({"a": np.arange(30.0), "b": np.tile([0.5, 2.0, 1.0], 10)})
Y = 2 * X.a - X.b + np.sin(X.a)
LABELS = pd.Series(np.where(X.a % 4 > 1, "yes", "no"))
TABLE = X.assign(y=Y, label=LABELS, out=Y + 1)
LINEAR = LinearRegression().fit(X, Y)
LOGISTIC = LogisticRegression().fit(X, LABELS)
QUIET = {"plots": False}


def regress(model: Any = None, **more: Any) -> Any:
    given = {"data": TABLE[["a", "b", "y"]], "targets": "y", "model_type": "regressor"}
    return pegboard.evaluate(model, **{**given, **more})


def static(**more: Any) -> Any:
    return regress(data=TABLE[["a", "y", "out"]], predictions="out", **more)


# -- models --------------------------------------------------------------------------------------


def test_a_model_may_be_given_in_many_ways() -> None:
    with pegboard.start_run():
        uri = pegboard.sklearn.log_model(LINEAR, name="model").model_uri
    loaded = pegboard.pyfunc.load_model(uri)
    ways = [LINEAR, uri, loaded, LINEAR.predict, lambda frame: list(LINEAR.predict(frame))]
    found = [regress(model).metrics for model in ways]
    scores = [metrics.pop("score", None) for metrics in found]
    assert all(metrics == pytest.approx(found[0]) for metrics in found)
    assert [score is not None for score in scores] == [True, True, True, False, False]


def test_metrics_are_of_the_logged_model_and_its_data() -> None:
    with pegboard.start_run():
        info = pegboard.sklearn.log_model(LINEAR, name="model")
    regress(info.model_uri)
    logged = pegboard.get_logged_model(info.model_id)
    measured = {metric.key: metric for metric in logged.metrics or ()}
    assert measured["r2_score"].dataset_digest
    run = pegboard.get_run(measured["r2_score"].run_id)
    assert [each.model_id for each in run.inputs.model_inputs] == [info.model_id]
    assert run.info.status == "FINISHED"


def test_an_active_run_is_used_and_stays_open() -> None:
    with pegboard.start_run() as run:
        result = static()
        assert pegboard.active_run() is not None
    assert result.run_id == run.info.run_id
    assert pegboard.get_run(run.info.run_id).data.metrics == result.metrics


def test_a_model_gets_pieces_of_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = regress(LINEAR.predict).metrics
    monkeypatch.setattr(pieces, "PIECE", 7)
    sizes: list[int] = []

    def model(frame: pd.DataFrame) -> Any:
        sizes.append(len(frame))
        frame["a"] = frame["a"] * 1  # It may write into what it gets.
        return LINEAR.predict(frame)

    assert regress(model).metrics == pytest.approx(whole)
    assert sizes == [2, 7, 7, 7, 7, 2]
    likely = pegboard.evaluate(
        LOGISTIC, X.assign(t=LABELS), targets="t", model_type="classifier", evaluator_config=QUIET
    )
    assert "log_loss" in likely.metrics


def test_an_endpoint_is_asked_row_by_row_and_rows_without_an_answer_count_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def words(predictions: Any) -> Any:
        counts = [None if text is None else len(text.split()) for text in predictions]
        return pegboard.metrics.MetricValue(scores=counts, aggregate_results={"mean": 1.5})

    table = pd.DataFrame({"question": ["one", "one two", "three"]})
    with FakeOpenAI() as server:
        monkeypatch.setenv("PEGBOARD_GATEWAY_URI", server.address)
        monkeypatch.setenv("PEGBOARD_GATEWAY_KEY", KEY)
        given = {"model": "endpoints:/chat", "data": table, "extra_metrics": [metric(words)]}
        result = pegboard.evaluate(**given, inference_params={"max_tokens": 9})
        assert list(result.tables["eval_results_table"]["outputs"]) == table.question.tolist()
        assert all(seen.body["max_tokens"] == 9 for seen in server.seen)

        server.faults.append(Fault(400))
        figure = pegboard.evaluate(**given).figures["words/mean"]
        assert (figure.count, figure.failed) == (2, 1)
        server.faults.extend([Fault(400)] * 3)
        with pytest.raises(PegboardError, match="broken"):
            pegboard.evaluate(**given)
        with pytest.raises(PegboardError, match="asked by one column; there are 'question', 'x'"):
            pegboard.evaluate(**{**given, "data": table.assign(x=1)})


def test_a_model_with_several_columns_names_its_output() -> None:
    def model(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"answer": LINEAR.predict(frame), "sure": 0.5})

    sure = pegboard.models.make_metric(
        eval_fn=lambda sure: float(np.mean(sure)), greater_is_better=True, name="sure_mean"
    )
    result = regress(model, predictions="answer", custom_metrics=[sure])
    assert result.metrics["sure_mean"] == 0.5
    with pytest.raises(PegboardError, match="several columns: 'answer', 'sure'"):
        regress(model)


# -- order and pieces ----------------------------------------------------------------------------


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(30)), piece=st.integers(1, 40), weighted=st.booleans())
def test_neither_the_order_of_rows_nor_the_size_of_pieces_changes_a_figure(
    order: list[int], piece: int, weighted: bool
) -> None:
    weights = np.linspace(0.5, 2, 30)

    def measured(rows: list[int]) -> Any:
        config = {"keep_rows": 0, "plots": False}
        if weighted:
            config["sample_weights"] = weights[rows]  # type: ignore[assignment]
        data = X.assign(t=LABELS).iloc[rows]
        return pegboard.evaluate(
            LOGISTIC, data, targets="t", model_type="classifier", evaluator_config=config
        ).metrics

    with pytest.MonkeyPatch.context() as patch, pegboard.start_run():
        before = measured(list(range(30)))
        patch.setattr(pieces, "PIECE", piece)
        assert measured(order) == pytest.approx(before, rel=1e-9)


# -- data ----------------------------------------------------------------------------------------


def test_data_may_have_many_forms() -> None:
    array = X.to_numpy()
    described = pegboard.data.from_pandas(TABLE[["a", "b", "y"]], targets="y")
    forms: list[dict[str, Any]] = [
        {},
        {"data": described, "targets": None},
        {"data": X, "targets": Y},
        {"data": X, "targets": Y.tolist()},
        {"data": array, "targets": Y.to_numpy()},
        {"data": array.tolist(), "targets": Y.to_numpy()},
        {"data": {"a": X.a, "b": X.b, "y": Y}},
        {"data": X.assign(y=Y, more=1), "feature_names": ["a", "b"]},
        {"data": X.assign(y=Y).set_index(X.index + 100)},
    ]
    found = [regress(LINEAR, **form).metrics for form in forms]
    assert all(metrics == pytest.approx(found[0]) for metrics in found)


def test_the_data_is_an_input_of_the_run() -> None:
    result = static(evaluator_config={"metric_prefix": "val_"})
    [used] = pegboard.get_run(result.run_id).inputs.dataset_inputs
    assert [tag.value for tag in used.tags] == ["val_"]
    assert set(result.metrics) == {name for name in result.metrics if name.startswith("val_")}


def test_a_description_keeps_its_data_no_longer_than_it_is_held() -> None:
    from pegboard_scripting import data

    description = pegboard.data.from_pandas(TABLE, targets="y")
    assert data.described_data(description).data is TABLE  # type: ignore[union-attr]
    before = len(data._kept)
    del description
    assert len(data._kept) == before - 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no data": ({"data": None}, "data argument cannot be None"),
    "no rows": ({"data": TABLE[:0]}, "has no rows"),
    "no such target": ({"targets": "z"}, "'targets' names 'z'.*\n.*'a', 'b', 'y'"),
    "no targets": ({"model": LINEAR, "targets": None}, "against 'targets', and there are none"),
    "ragged targets": ({"targets": [1, 2]}, "'targets' has 2 values, and the data 30 rows"),
    "columns twice": ({"data": TABLE[["a", "a", "y"]]}, "more than one column named 'a'"),
    "ragged rows": ({"data": {"a": [1, 2], "y": [1]}}, "'data' is ragged"),
    "a file": ({"data": "rows.csv"}, "read the file first"),
    "no predictions": ({}, "neither a model nor a column of predictions"),
    "unknown type": ({"model_type": "regresor"}, "'regresor'.*\n.*'classifier', 'regressor'"),
    "unknown evaluator": (
        {"model": LINEAR, "evaluators": "defalt"},
        "evaluator 'defalt'.*\n.*mean 'default'",
    ),
    "no evaluator": ({"evaluators": []}, "'evaluators' is empty"),
    "unknown setting": ({"model": LINEAR, "evaluator_config": {"pos_lable": 1}}, "pos_lable"),
    "flat settings": (
        {"evaluators": ["default", "cohorts"], "evaluator_config": {"pos_label": 1}},
        "evaluator_config has 'pos_label'",
    ),
    "no model": ({"model": 3}, "3 is not a model.*\n.*A model is a URI"),
    "an environment": ({"model": LINEAR, "env_manager": "conda"}, "env_manager is 'conda'"),
    "parameters": ({"model": LINEAR, "inference_params": {}}, "inference_params are for"),
    "weights": (
        {"model": LINEAR, "evaluator_config": {"sample_weights": [1, 2]}},
        "'sample_weights' has 2 values",
    ),
    "bad weights": (
        {"model": LINEAR, "evaluator_config": {"sample_weights": [-1] * 30}},
        "'sample_weights' are numbers of 0 and more",
    ),
    "no metric": ({"model": LINEAR, "extra_metrics": [abs]}, "is not a metric"),
    "nothing to measure": ({"model_type": None}, "nothing would be measured"),
    "no baseline": (
        {
            "validation_thresholds": {
                "r2_score": pegboard.MetricThreshold(min_absolute_change=1, greater_is_better=True)
            }
        },
        "there is no baseline_model",
    ),
    "few predictions": ({"model": lambda frame: [1]}, "predicted 1 values for 30 rows"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case: str) -> None:
    change, words = WRONG[case]
    with pytest.raises(PegboardError, match=words):
        regress(**change)


# -- classifiers ---------------------------------------------------------------------------------


def classify(model: Any = None, **more: Any) -> Any:
    data = {"data": X.assign(t=LABELS), "targets": "t", "evaluator_config": QUIET}
    return pegboard.evaluate(model, **{**data, "model_type": "classifier", **more})


def test_a_class_that_training_did_not_see_counts() -> None:
    unseen = LABELS.where(X.a < 25, "maybe")
    result = classify(LOGISTIC, data=X.assign(t=unseen))
    assert result.metrics["example_count"] == 30
    assert result.metrics["log_loss"] > 1
    assert 0 < result.metrics["roc_auc"] < 1


def test_a_class_without_rows_leaves_its_figures_out_and_says_why() -> None:
    result = classify(LOGISTIC, data=X.assign(t="no"))
    assert "roc_auc" not in result.metrics
    assert "there is none of ['yes']" in result.skipped["roc_auc"]
    assert result.metrics["true_positives"] == 0


def test_probabilities_may_be_columns_of_the_data() -> None:
    data = X.assign(t=LABELS, out=LOGISTIC.predict(X))
    data[["p_no", "p_yes"]] = LOGISTIC.predict_proba(X)
    config = {**QUIET, "probabilities": ["p_no", "p_yes"]}
    table = classify(data=data, predictions="out", evaluator_config=config)
    model = classify(LOGISTIC)
    assert table.metrics == {k: pytest.approx(v) for k, v in model.metrics.items() if k != "score"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": X.assign(t=LABELS.where(X.a > 3))}, "4 of 30 targets are missing"),
        ({"data": X.assign(t=1)}, "different types"),
        ({"evaluator_config": {"pos_label": "si"}}, "'pos_label' is 'si'; the labels are"),
        ({"evaluator_config": {"label_list": ["no", "si"]}}, "lacks labels that rows have"),
        ({"evaluator_config": {"average": "median"}}, "average"),
    ],
)
def test_labels_that_make_no_classification_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(PegboardError, match=words):
        classify(LOGISTIC, **change)


def test_without_matplotlib_plots_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from pegboard_evaluation import plots

    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    result = classify(LOGISTIC, evaluator_config={"log_model_explainability": False})
    assert "pip install 'pegboard-evaluation[plots]'" in result.skipped["roc_curve_plot"]
    assert result.artifacts == {}


def test_plots_are_pictures_in_the_run() -> None:
    result = classify(LOGISTIC, evaluator_config={"metric_prefix": "val_"})
    files = {each.path for each in pegboard.MlflowClient().list_artifacts(result.run_id)}
    assert {"val_roc_curve_plot.png", "val_lift_curve_plot.png"} <= files
    for name in ("roc_curve_plot", "calibration_curve_plot", "confusion_matrix"):
        assert result.artifacts[name].content.size[0] > 300


def test_bootstrap_gives_each_figure_an_interval() -> None:
    found = classify(LOGISTIC, evaluator_config={**QUIET, "bootstrap": 50}).figures
    for name in ("f1_score", "roc_auc", "log_loss"):
        low, high = found[name].interval
        assert low <= found[name].value <= high


# -- metrics of the user -------------------------------------------------------------------------


def metric(function: Any, **more: Any) -> Any:
    return pegboard.make_metric(eval_fn=function, greater_is_better=True, **more)


def test_a_metric_that_fails_on_the_first_rows_stops_all() -> None:
    def broken(predictions: Any) -> float:
        raise ZeroDivisionError("by nothing")

    def lost(predictions: Any) -> float:
        raise KeyError("x")

    with pytest.raises(PegboardError) as failure:
        static(extra_metrics=[metric(broken), metric(lost)])
    assert "broken: ZeroDivisionError: by nothing" in str(failure.value)
    assert "lost: KeyError" in str(failure.value)
    assert pegboard.get_run(pegboard.last_active_run().info.run_id).data.metrics == {}


def test_a_metric_that_fails_later_is_named_and_the_others_go_on() -> None:
    def later(predictions: Any) -> float:
        if len(predictions) > 5:
            raise ValueError("too many")
        return 1.0

    def endless(predictions: Any) -> float:
        if len(predictions) > 5:
            threading.Event().wait(30)
        return 1.0

    result = static(
        extra_metrics=[metric(later), metric(endless), pegboard.metrics.mae()],
        evaluator_config={"metric_timeout_s": 0.2},
    )
    assert "It failed: ValueError: too many" in result.skipped["later"]
    assert "took longer than metric_timeout_s = 0.2" in result.skipped["endless"]
    assert result.metrics["mean_absolute_error"] == pytest.approx(1.0)


def test_rows_without_a_score_are_counted_beside_the_mean() -> None:
    def scored(predictions: Any) -> Any:
        scores = [1.0] * len(predictions)
        scores[1:] = [float("nan"), *scores[2:]] if len(scores) > 2 else scores[1:]
        return pegboard.metrics.MetricValue(scores=scores)

    result = static(extra_metrics=[metric(scored)])
    figure = result.figures["scored/mean"]
    assert (figure.value, figure.count, figure.failed) == (1.0, 29, 1)
    table = result.tables["eval_results_table"]
    assert table["scored/score"].isna().sum() == 1
    assert list(table.columns[:3]) == ["a", "y", "out"]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: metric(lambda predictions: 1.0), "has no name"),
        (lambda: metric(abs, name="bad name!"), "cannot be the name of a metric"),
        (
            lambda: static(extra_metrics=[metric(lambda nowhere: 1, name="m")]),
            "'m' lacks 'nowhere'",
        ),
        (lambda: pegboard.metrics.precision_at_k(0), "k is 0"),
        (
            lambda: static(extra_metrics=[metric(lambda predictions: "x", name="m")]),
            "neither a num",
        ),
    ],
)
def test_a_metric_that_cannot_work_is_refused(made: Any, words: str) -> None:
    with pytest.raises(PegboardError, match=words):
        made()


def test_metrics_work_by_themselves() -> None:
    m = pegboard.metrics
    assert m.mae()(predictions=[1, 2], targets=[1, 4]).aggregate_results == {
        "mean_absolute_error": 1.0
    }
    assert m.recall_at_k(2)(predictions=[["a", "b"]], targets=[["b", "c"]]).scores == [0.5]
    assert m.exact_match()(predictions=["a"], targets=["A"]).aggregate_results == {
        "exact_match": 0.0
    }


# -- files, thresholds, and ends before the end --------------------------------------------------


def test_functions_of_the_user_make_files(place: Path) -> None:
    def files(eval_df: pd.DataFrame, builtin_metrics: Any, artifacts_dir: str) -> dict[str, Any]:
        (Path(artifacts_dir) / "note.txt").write_text("a note")
        return {
            "head": eval_df.head(2),
            "numbers": np.arange(3),
            "facts": {"error": builtin_metrics["max_error"].aggregate_results["max_error"]},
            "text": '{"a": 1}',
            "note": f"{artifacts_dir}/note.txt",
            "pickled": object(),
            "../outside": {"a": 1},
        }

    def nothing(eval_df: pd.DataFrame, builtin_metrics: Any, artifacts_dir: str) -> None:
        """Return no files."""

    result = static(custom_artifacts=[files, nothing])
    contents = {name: each.content for name, each in result.artifacts.items()}
    assert contents["facts"] == {"error": pytest.approx(1.0)}
    assert contents["text"] == {"a": 1}
    assert contents["note"] == "a note"
    assert contents["numbers"].tolist() == [0, 1, 2]
    assert list(contents["head"].columns) == ["prediction", "target"]
    assert "nothing is pickled" in result.skipped["pickled"]
    assert "cannot be a file's name" in result.skipped["../outside"]
    assert "returned None, not a dict" in result.skipped["nothing"]
    result.save(place / "saved")
    again = pegboard.models.EvaluationResult.load(place / "saved")
    assert again.metrics == result.metrics
    assert again.artifacts["note"].content == "a note"


def test_thresholds_are_checked_against_a_baseline() -> None:
    threshold = pegboard.MetricThreshold(min_absolute_change=1.0, greater_is_better=False)
    limits = {"mean_absolute_error": threshold}
    worse = LinearRegression().fit(X, Y + 5)
    result = regress(LINEAR, baseline_model=worse, validation_thresholds=limits)
    assert result.baseline_model_metrics["mean_absolute_error"] > 4
    with pytest.raises(PegboardError, match="minimum absolute change check failed"):
        regress(worse, baseline_model=LINEAR, validation_thresholds=limits)


def test_what_was_measured_before_an_interruption_is_kept() -> None:
    def interrupted(predictions: Any) -> float:
        if len(predictions) > 5:
            raise KeyboardInterrupt
        return 1.0

    scores = metric(lambda predictions: pegboard.metrics.MetricValue([1.0] * len(predictions)),
                    name="scores")  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        static(extra_metrics=[scores, metric(interrupted)])
    run = pegboard.last_active_run()
    logged = pegboard.get_run(run.info.run_id)
    assert logged.data.metrics["r2_score"]
    assert logged.info.status == "KILLED"
    assert len(pegboard.load_table("eval_results_table.json", [run.info.run_id])) == 30


def missing(_: str) -> None:
    """Find no library: where this is tested alone, those that are optional are there."""


def test_without_shap_that_is_said_if_explanations_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (explaining, default):
        if hasattr(module, "find_spec"):
            monkeypatch.setattr(module, "find_spec", missing)
    result = regress(LINEAR, evaluator_config={"log_model_explainability": True})
    assert "pip install 'pegboard-evaluation[shap]'" in result.skipped["feature_importance"]
    table = static(evaluator_config={"log_model_explainability": True})
    assert "no model to explain" in table.skipped["feature_importance"]
    assert "feature_importance" not in regress(LINEAR).skipped


@pytest.mark.parametrize(
    ("model", "algorithm"),
    [
        (DecisionTreeRegressor().fit(X, Y), "tree"),
        (RandomForestRegressor(n_estimators=2).fit(X, Y), "tree"),
        (LINEAR, "linear"),
        (KNeighborsRegressor().fit(X, Y), "permutation"),
        (
            VotingRegressor([("tree", DecisionTreeRegressor()), ("k", LINEAR)]).fit(X, Y),
            "permutation",
        ),
    ],
)
def test_the_explainer_that_fits_a_model_is_chosen(model: Any, algorithm: str) -> None:
    assert explaining.fitting(model) == algorithm


def test_contributions_of_every_form_become_one_size_a_feature() -> None:
    values = np.array([[1.0, -2.0], [-3.0, 0.0], [2.0, 1.0]])
    for form in (values, np.stack([values, values], axis=-1)):
        assert explaining.sizes(form, 2).tolist() == [2.0, 1.0]


def test_texts_are_measured_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "find_spec", missing)
    table = pd.DataFrame({"q": ["a", "b"], "gt": ["x", "y"], "out": ["x", "z"]})
    result = pegboard.evaluate(
        data=table, targets="gt", predictions="out", model_type="text-summarization"
    )
    assert result.metrics == {}
    named = ("token_count", "toxicity/v1", "ari_grade_level/v1", "rouge1/v1", "rougeLsum/v1")
    assert set(named) <= set(result.skipped)
    assert "pip install rouge-score" in result.skipped["rouge1/v1"]


_MILLION = """
import tracemalloc, numpy as np, pandas as pd, pegboard
from sklearn.linear_model import LinearRegression
X = pd.DataFrame(np.random.default_rng(0).normal(size=(1_000_000, 10)), columns=list("abcdefghij"))
model = LinearRegression().fit(X[:1000], X[:1000].sum(axis=1))
X["y"] = X.sum(axis=1)
small = pegboard.evaluate(model, X[:1000], targets="y", model_type="regressor")
tracemalloc.start()
found = pegboard.evaluate(model, X, targets="y", model_type="regressor")
assert found.metrics["example_count"] == 1_000_000
print(tracemalloc.get_traced_memory()[1])
"""


def test_a_million_rows_take_less_memory_than_a_copy_of_the_table(place: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _MILLION]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 88_000_000


def test_latency_is_taken_row_by_row() -> None:
    result = regress(LINEAR, extra_metrics=[pegboard.metrics.latency()])
    assert result.metrics["latency/mean"] > 0
    assert result.tables["eval_results_table"]["latency"].gt(0).all()
    table = static(extra_metrics=[pegboard.metrics.latency()])
    assert "no model is evaluated" in table.skipped["latency"]


def test_every_type_of_model_is_known() -> None:
    assert set(KINDS) >= {"classifier", "regressor", "retriever", "text"}
    assert tables.given(TABLE, "y", "out", static=True).count == 30
