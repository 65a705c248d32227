"""What is logged of ``xgboost.train``."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Mapping
from types import ModuleType
from typing import Any, ClassVar

from attrs import define
from pegboard_models.autologging import (
    Call,
    Integration,
    RoundsTraining,
    describe,
    first_rows,
    importances,
    train_observer,
)

_ROUNDS = "early_stopping_rounds"


@define(eq=False)
class _Source:
    """What a matrix was made of: its first rows, and all of it as long as the user keeps it."""

    rows: Any
    data: Callable[[], Any]


_sources: weakref.WeakKeyDictionary[Any, _Source] = weakref.WeakKeyDictionary()


def patch(integration: Integration, xgboost: ModuleType) -> None:
    """Observe the two names of ``train``, and what matrices are made of."""
    # Estimators call the second one, and log the model themselves.
    for module, logs_model in ((xgboost, True), (xgboost.sklearn, False)):
        observer = train_observer(integration, Training, logs_model=logs_model)
        integration.observe_function(module, "train", observer)
    for kind in (xgboost.DMatrix, xgboost.QuantileDMatrix):
        integration.observe_method(kind, "__init__", matrix)


def matrix(call: Call) -> Generator[None, Any, None]:
    """Observe the creation of a matrix, which does not give its data back unchanged."""
    data = call.args[1] if len(call.args) > 1 else call.kwargs.get("data")
    if not hasattr(data, "shape"):
        return
    rows = first_rows(data)
    yield
    try:
        reference: Callable[[], Any] = weakref.ref(data)
    except TypeError:
        reference = _nothing
    _sources[call.args[0]] = _Source(rows, reference)


def _nothing() -> None:
    return None


@define(eq=False)
class Training(RoundsTraining):
    """One call of ``xgboost.train`` that is logged."""

    not_params: ClassVar[frozenset[str]] = frozenset(
        {
            "params",
            "dtrain",
            "evals",
            "obj",
            "feval",
            "evals_result",
            "xgb_model",
            "callbacks",
            "learning_rates",
        }
    )

    def log_datasets(self) -> None:
        """Log the data for training and evaluation, unless it is no longer there."""
        wanted = [(self.given.get("dtrain"), None, "train")]
        wanted += [(data, name, "eval") for data, name in self.given.get("evals") or ()]
        for data, name, context in wanted:
            source = _sources.get(data) if data is not None else None
            dataset = describe(source.data(), name=name) if source is not None else None
            if dataset is not None:
                self.run.dataset(dataset, context)

    def example(self) -> Any:
        """Return the first rows that the matrix was made of."""
        source = _sources.get(self.given.get("dtrain"))
        return source.rows if source is not None else None

    def callback(self) -> Any:
        """Return a callback of XGBoost's kind."""
        from xgboost.callback import TrainingCallback

        training = self

        class Recorder(TrainingCallback):
            """Logs the metrics of each round."""

            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                """Return whether training should stop: never."""
                del model
                with training.integration.guard("logging the metrics of a round"):
                    training.record(epoch, _latest(evals_log))
                return False

        return Recorder()

    def log_results(self, model: Any) -> None:
        """Log the best round and the feature importance."""
        if self.given.get(_ROUNDS):
            best, last = model.best_iteration, len(self.results) - 1
            self.log_best(best, index=best, stopped=last)
        for kind in self.integration.switches.options["importance_types"]:
            with self.integration.guard(f"logging the feature importance by {kind}"):
                importances.log(self.run, kind, model.get_score(importance_type=kind))

    def predict(self, model: Any, rows: Any) -> Any:
        """Return what a booster answers to rows."""
        import xgboost

        return model.predict(xgboost.DMatrix(rows, enable_categorical=True))

    def options(self) -> Mapping[str, Any]:
        """Return the format to save in."""
        return {"model_format": self.integration.switches.options["model_format"]}


def _latest(evaluated: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the last value of each metric of each set of data, as ``DATA-METRIC``."""
    return {
        f"{data}-{metric}": history[-1]
        for data, metrics in evaluated.items()
        for metric, history in metrics.items()
    }
