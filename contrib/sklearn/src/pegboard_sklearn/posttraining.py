"""Metrics that the user computes of a trained model, logged to the run it was trained in.

A prediction of a model is remembered as long as it lives, and so is the name of the variable that
it was made from; a metric of it is ``METRIC_VARIABLE``, the second one ``METRIC-2_VARIABLE``.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Generator
from numbers import Real
from typing import Any

from attrs import define, field
from pegboard_models.autologging import Call, Integration, RunLog, describe, state

from pegboard_sklearn import variables

NO_NAME = "unknown_dataset"
_MOST_DATASETS = 100
"""How many pieces of data a run keeps apart; further ones are not recorded."""

_lock = threading.RLock()


@define(eq=False)
class _Evaluations:
    """What was evaluated of the models of one run."""

    datasets: dict[str, list[Callable[[], Any]]] = field(factory=dict)
    calls: dict[str, list[tuple[str, str]]] = field(factory=dict)

    def name_dataset(self, name: str, data: Any) -> tuple[str, bool]:
        """Return the name of data, with a number if it is not the first, and whether it is new."""
        with _lock:
            known = self.datasets.setdefault(name, [])
            for index, held in enumerate(known):
                if held() is data:
                    return _numbered(name, index), False
            if sum(map(len, self.datasets.values())) >= _MOST_DATASETS:
                return "", False
            known.append(_reference(data))
            return _numbered(name, len(known) - 1), True

    def name_metric(self, metric: str, dataset: str, call: str) -> str:
        """Return the key for a metric's value."""
        with _lock:
            calls = self.calls.setdefault(metric, [])
            key = f"{_numbered(metric, len(calls))}_{dataset}"
            calls.append((key, call))
            return key

    def all_calls(self) -> dict[str, str]:
        """Return by what call each metric was computed."""
        with _lock:
            return dict(sorted(item for calls in self.calls.values() for item in calls))


@define(eq=False)
class _Trained:
    """A model that was trained in a run."""

    run: RunLog
    model_id: str | None
    evaluations: _Evaluations


@define(eq=False)
class _Prediction:
    """What a model answered to a piece of data."""

    trained: _Trained
    dataset: str


_trained: dict[int, _Trained] = {}
"""By the ids of estimators that live."""
_predictions: dict[int, _Prediction] = {}
"""By the ids of predictions that live."""
_by_run: weakref.WeakValueDictionary[str, _Evaluations] = weakref.WeakValueDictionary()


def register(integration: Integration, estimator: Any, run: RunLog, model_id: str | None) -> None:
    """Remember in which run an estimator was trained."""
    if not integration.switches.options.get("log_post_training_metrics", True):
        return
    with _lock:
        evaluations = _by_run.get(run.run_id) or _Evaluations()
        _by_run[run.run_id] = evaluations
        _remember(_trained, estimator, _Trained(run, model_id, evaluations))


def _remember(known: dict[int, Any], key: Any, value: Any) -> None:
    """Keep a value for an object as long as that lives."""
    identity = id(key)
    try:
        weakref.finalize(key, known.pop, identity, None).atexit = False
    except TypeError:
        # It cannot be known when it ends, and then its id is another's.
        return
    known[identity] = value


def observe_prediction(integration: Integration) -> Callable[[Call], Generator[None, Any, None]]:
    """Return the observer of methods that predict."""

    def predict(call: Call) -> Generator[None, Any, None]:
        trained = _trained.get(id(call.args[0]))
        if trained is None or state.current() is not None:
            return
        data = _first_argument(call)
        with state.paused():
            result = yield
            name, is_new = trained.evaluations.name_dataset(variables.name_of(data, NO_NAME), data)
            if not name:
                return
            with _lock:
                _remember(_predictions, result, _Prediction(trained, name))
            if is_new and integration.switches.log_datasets:
                with integration.guard("describing evaluation data"):
                    dataset = describe(data)
                    if dataset is not None:
                        trained.run.dataset(dataset, "eval")

    return predict


def observe_score(integration: Integration) -> Callable[[Call], Generator[None, Any, None]]:
    """Return the observer of ``estimator.score``."""

    def score(call: Call) -> Generator[None, Any, None]:
        estimator = call.args[0]
        trained = _trained.get(id(estimator))
        if trained is None or state.current() is not None:
            return
        data = _first_argument(call)
        with state.paused():
            value = yield
            if not _is_number(value):
                return
            name, _ = trained.evaluations.name_dataset(variables.name_of(data, NO_NAME), data)
            kind = type(estimator).__name__
            text = variables.call_text(f"{kind}.score", call.function, call.args, call.kwargs)
            if name:
                _log(integration, _Prediction(trained, name), f"{kind}_score", value, text)

    return score


def observe_metric(integration: Integration) -> Callable[[Call], Generator[None, Any, None]]:
    """Return the observer of the functions of ``sklearn.metrics``."""

    def metric(call: Call) -> Generator[None, Any, None]:
        if state.current() is not None or not _predictions:
            return
        given = (*call.args, *call.kwargs.values())
        found = next((_predictions[id(item)] for item in given if id(item) in _predictions), None)
        if found is None:
            return
        with state.paused():
            value = yield
            if _is_number(value):
                name = call.function.__name__
                text = variables.call_text(name, call.function, call.args, call.kwargs)
                _log(integration, found, name, value, text)

    return metric


def _log(
    integration: Integration, prediction: _Prediction, metric: str, value: Any, text: str
) -> None:
    trained = prediction.trained
    with integration.guard("logging a metric after the training"):
        key = trained.evaluations.name_metric(metric, prediction.dataset, text)
        trained.run.metrics({key: value}, model_id=trained.model_id)
        client, run_id = trained.run.client, trained.run.run_id
        client.log_dict(run_id, trained.evaluations.all_calls(), "metric_info.json")


def _first_argument(call: Call) -> Any:
    return call.args[1] if len(call.args) > 1 else next(iter(call.kwargs.values()), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _numbered(name: str, index: int) -> str:
    return name if index == 0 else f"{name}-{index + 1}"


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        identity = id(value)
        return lambda: identity
