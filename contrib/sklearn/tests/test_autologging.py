"""What is logged of fits, whoever calls them and however they end."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
import pegboard
import pytest
import sklearn.metrics
from pegboard.entities import Run, RunStatus
from pegboard.errors import InvalidValue, StoreError
from pegboard_sklearn import fitting, training_metrics
from pegboard_sklearn.estimators import TrainingData
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)
PATIENTS, PROGRESS = load_diabetes(return_X_y=True)


@pytest.fixture(autouse=True)
def switched_off() -> Iterator[None]:
    yield
    pegboard.sklearn.autolog(disable=True)


def tree() -> Any:
    return DecisionTreeClassifier(max_depth=2, random_state=0)


def runs() -> list[Run]:
    return pegboard.search_runs(["0"], output_format="list")


def only_run() -> Run:
    (run,) = runs()
    return run


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), tree()),
        BaggingClassifier(tree(), 3),
        VotingClassifier([("tree", tree()), ("line", LogisticRegression(max_iter=500))]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_fitted_in_a_fit_is_part_of_it(model: Any) -> None:
    pegboard.sklearn.autolog(log_models=False)
    model.fit(IRIS, SPECIES)
    assert only_run().data.tags["estimator_name"] == type(model).__name__


def test_threads_of_joblib_are_part_of_the_fit_that_started_them() -> None:
    pegboard.sklearn.autolog(log_models=False, max_tuning_runs=0)
    with joblib.parallel_backend("threading", n_jobs=2):
        GridSearchCV(tree(), {"max_depth": [1, 2, 3]}, cv=2).fit(IRIS, SPECIES)
        cross_val_score(tree(), IRIS, SPECIES)
    assert only_run().data.params["best_max_depth"] in "123"


def test_threads_of_the_user_have_runs_of_their_own() -> None:
    pegboard.sklearn.autolog(log_models=False)
    models = [tree().set_params(max_depth=depth) for depth in (1, 2, 3)]
    threads = [threading.Thread(target=model.fit, args=(IRIS, SPECIES)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(run.data.params["max_depth"] for run in runs()) == ["1", "2", "3"]
    assert {run.info.status for run in runs()} == {RunStatus.FINISHED}


def test_a_model_is_logged_with_its_signature_and_can_be_loaded() -> None:
    pegboard.sklearn.autolog(log_input_examples=True)
    model = make_pipeline(StandardScaler(), tree()).fit(IRIS, SPECIES)
    (output,) = only_run().outputs.model_outputs
    logged = pegboard.get_logged_model(output.model_id)
    assert logged.params["decisiontreeclassifier__max_depth"] == "2"
    assert {metric.key for metric in logged.metrics} >= {"training_score", "training_log_loss"}
    generic = pegboard.pyfunc.load_model(logged.model_uri)
    assert generic.metadata.signature.inputs.input_names() == list(IRIS.columns)
    np.testing.assert_array_equal(generic.predict(IRIS), model.predict(IRIS))


def test_a_fit_in_a_run_of_the_user_is_logged_there() -> None:
    pegboard.sklearn.autolog(log_models=False)
    with pegboard.start_run() as mine:
        tree().fit(IRIS, SPECIES)
        assert pegboard.active_run() is mine
    assert only_run().info.run_id == mine.info.run_id
    assert "mlflow.autologging" not in only_run().data.tags


def test_an_exception_of_the_fit_is_the_users_and_its_run_has_failed() -> None:
    pegboard.sklearn.autolog()
    with pytest.raises(ValueError, match="max_depth"):
        DecisionTreeClassifier(max_depth=-1).fit(IRIS, SPECIES)
    assert only_run().info.status == RunStatus.FAILED
    with pytest.raises(TypeError):
        tree().fit()


def test_a_store_that_breaks_while_a_fit_is_logged_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pegboard.sklearn.autolog()

    def broken(*args: Any, **kwargs: Any) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(pegboard.MlflowClient, "log_batch", broken)
    for _ in range(2):
        model = tree().fit(IRIS, SPECIES)
    assert model.score(IRIS, SPECIES) > 0.9
    messages = [record.getMessage() for record in caplog.records]
    assert messages
    assert len(set(messages)) == len(messages)
    assert all("the disk is gone" in message for message in messages)


@pytest.mark.parametrize("name", ["begin", "finish"])
def test_a_fault_of_the_autologger_is_one_warning_and_the_fit_is_what_it_was(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise AttributeError("a bug")

    monkeypatch.setattr(fitting.Training, name, broken)
    pegboard.sklearn.autolog()
    for _ in range(2):
        assert tree().fit(IRIS, SPECIES).get_depth() == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert pegboard.active_run() is None


def test_no_warning_of_another_library_is_added() -> None:
    pegboard.sklearn.autolog()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # One class is never predicted.
        DecisionTreeClassifier(max_depth=1).fit(IRIS, SPECIES)
    assert only_run().data.metrics["training_precision_score"] == pytest.approx(0.5)


def test_data_that_the_fit_may_overwrite_is_kept_for_the_metrics() -> None:
    expected = LinearRegression().fit(PATIENTS * 3 + 5, PROGRESS)
    pegboard.sklearn.autolog(log_models=False)
    model = LinearRegression(copy_X=False).fit(PATIENTS * 3 + 5, PROGRESS)
    assert only_run().data.metrics["training_score"] == pytest.approx(
        expected.score(PATIENTS * 3 + 5, PROGRESS)
    )
    assert model.coef_ == pytest.approx(expected.coef_)


def test_a_model_that_cannot_be_saved_safely_is_a_warning_that_says_what_can_be_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pegboard.sklearn.autolog()
    model = make_pipeline(FunctionTransformer(lambda x: x), Ridge())
    model.fit(PATIENTS, PROGRESS)
    assert "serialization_format='cloudpickle'" in caplog.text
    assert "training_r2_score" in only_run().data.metrics
    pegboard.sklearn.autolog(serialization_format="cloudpickle")
    model.fit(PATIENTS, PROGRESS)
    assert any(run.outputs.model_outputs for run in runs())


def test_a_search_has_runs_for_its_best_results() -> None:
    pegboard.sklearn.autolog(log_models=False, max_tuning_runs=2)
    search = RandomizedSearchCV(SVC(), {"C": [0.01, 0.1, 1, 10]}, n_iter=4, cv=2, random_state=0)
    search.fit(IRIS, SPECIES)
    parent = next(run for run in runs() if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in runs() if "mlflow.parentRunId" in run.data.tags]
    assert len(children) == 2
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert sorted(run.data.metrics["rank_test_score"] for run in children)[0] == 1
    assert parent.data.params["best_C"] == str(search.best_params_["C"])
    assert {run.info.status for run in children} == {RunStatus.FINISHED}


def test_metrics_of_predictions_are_named_after_the_variable() -> None:
    pegboard.sklearn.autolog(log_models=False)
    model = tree().fit(IRIS, SPECIES)
    held_out = IRIS[::2]
    predicted = model.predict(held_out)
    truth = SPECIES[::2]

    def evaluate(true: Any, given: Any) -> float:
        return float(sklearn.metrics.accuracy_score(true, given))

    expected = evaluate(truth, predicted)
    sklearn.metrics.accuracy_score(truth, predicted.copy())
    model.score(X=held_out, y=truth)
    model.predict(IRIS[:5])
    sklearn.metrics.accuracy_score(SPECIES[:5], model.predict(IRIS[:5]))
    later = {k: v for k, v in only_run().data.metrics.items() if not k.startswith("training_")}
    assert later == {
        "accuracy_score_held_out": expected,
        "DecisionTreeClassifier_score_held_out": expected,
        "accuracy_score-2_unknown_dataset-2": 1.0,
    }


def test_metrics_of_what_was_not_logged_are_not() -> None:
    before = tree().fit(IRIS, SPECIES)
    pegboard.sklearn.autolog(log_post_training_metrics=False, log_models=False)
    model = tree().fit(IRIS, SPECIES)
    for trained in (before, model):
        sklearn.metrics.accuracy_score(SPECIES, trained.predict(IRIS))
        trained.score(IRIS, SPECIES)
    assert all(name.startswith("training_") for name in only_run().data.metrics)


def test_what_the_user_wrote_for_scikit_learn_is_left_alone_unless_it_descends_from_it() -> None:
    class Constant(ClassifierMixin, BaseEstimator):
        def fit(self, features: Any, labels: Any) -> Any:
            self.classes_ = np.unique(labels)
            return self

    class Stump(DecisionTreeClassifier):
        pass

    pegboard.sklearn.autolog(log_models=False)
    Constant().fit(IRIS, SPECIES)
    StandardScaler().fit_transform(IRIS)
    assert not runs()
    Stump(max_depth=1).fit(IRIS, SPECIES)
    assert only_run().data.tags["estimator_name"] == "Stump"


def test_switched_off_nothing_is_left() -> None:
    accuracy, fit, search = sklearn.metrics.accuracy_score, Ridge.fit, vars(GridSearchCV)
    joblib_call, before = joblib.Parallel.__call__, dict(search)
    pegboard.sklearn.autolog()
    assert Ridge.fit is not fit
    pegboard.sklearn.autolog(disable=True)
    assert sklearn.metrics.accuracy_score is accuracy
    assert Ridge.fit is fit
    assert joblib.Parallel.__call__ is joblib_call
    assert dict(vars(GridSearchCV)) == before
    Ridge().fit(PATIENTS, PROGRESS)
    assert not runs()


def test_two_classes_have_figures_and_a_positive_one() -> None:
    cells, malignant = load_breast_cancer(return_X_y=True)
    pegboard.sklearn.autolog(log_models=False, pos_label=0)
    model = tree().fit(cells, malignant)
    expected = sklearn.metrics.recall_score(malignant, model.predict(cells), pos_label=0)
    assert only_run().data.metrics["training_recall_score"] == pytest.approx(expected)
    files = {item.path for item in pegboard.MlflowClient().list_artifacts(only_run().info.run_id)}
    assert files >= {
        "estimator.html",
        "training_confusion_matrix.png",
        "training_precision_recall_curve.png",
        "training_roc_curve.png",
    }


def test_without_labels_there_are_no_metrics() -> None:
    data = TrainingData(PATIENTS)
    assert training_metrics.compute(None, Ridge(), data, None) == {}  # type: ignore[arg-type]


def test_a_switch_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidValue, match="max_tuning_runs"):
        pegboard.sklearn.autolog(max_tuning_runs=-1)
    with pytest.raises(InvalidValue, match="serialization format"):
        pegboard.sklearn.autolog(serialization_format="xml")
