"""Autologging of scikit-learn."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Mapping
from types import ModuleType
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_models.autologging import Call, Integration, ObservedFunction, Switches, state

from pegboard_sklearn import fitting, posttraining, serialization

INTEGRATION = Integration("sklearn", "scikit-learn", ("1.4", "1.9"))

FITTING = ("fit", "fit_transform", "fit_predict")
PREDICTING = ("predict", "predict_proba", "predict_log_proba", "transform")

_VALIDATING = {
    "sklearn.model_selection": (
        "cross_validate",
        "cross_val_predict",
        "cross_val_score",
        "learning_curve",
        "permutation_test_score",
        "validation_curve",
    ),
    # What those call, for code that imported them before.
    "sklearn.model_selection._validation": (
        "_fit_and_predict",
        "_fit_and_score",
        "_incremental_fit_estimator",
        "_permutation_test_score",
    ),
}
"""Functions, by module, that fit many models which are thrown away."""

_NO_METRICS = frozenset({"check_scoring", "get_scorer", "get_scorer_names", "make_scorer"})


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    max_tuning_runs: int | None = 5,
    log_post_training_metrics: bool = True,
    serialization_format: str = serialization.SKOPS,
    registered_model_name: str | None = None,
    pos_label: Any = None,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log by itself what scikit-learn's estimators are fitted to, and what comes of it.

    A fit is logged to the active run, or to one of its own: the parameters, the training data, the
    model with its signature, metrics and figures of it on that data. In a search for parameters,
    the best ``max_tuning_runs`` results become runs in it (None: all do). A fit within another fit,
    as of a pipeline's steps, is part of that.

    After it, scores and metrics of ``sklearn.metrics`` that the user computes are logged too, if
    ``log_post_training_metrics``. ``pos_label`` is the class that precision and the like are of,
    for two classes. Models are saved by skops, so that they are safe to load; those that skops
    cannot hold need ``serialization_format='cloudpickle'``.
    """
    if max_tuning_runs is not None and max_tuning_runs < 0:
        raise InvalidValue(f"max_tuning_runs is {max_tuning_runs}; it should be 0 or more.")
    switches = Switches(
        disable=disable,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
        log_models=log_models,
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_datasets=log_datasets,
        registered_model_name=registered_model_name,
        extra_tags=extra_tags,
        options={
            "max_tuning_runs": max_tuning_runs,
            "log_post_training_metrics": log_post_training_metrics,
            "serialization_format": serialization.checked_format(serialization_format),
            "pos_label": pos_label,
        },
    )
    INTEGRATION.enable(switches, _install)


def _install() -> None:
    INTEGRATION.watch_imports("joblib.parallel", _patch_joblib)
    INTEGRATION.watch_imports("skops.io._general", _teach_skops)
    # Each module as it is imported: to import all of scikit-learn takes seconds.
    INTEGRATION.watch_imports("sklearn", _patch_module, below=True)


def _patch_module(module: ModuleType) -> None:
    for kind in list(vars(module).values()):
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            _patch_class(kind)
    for name in _VALIDATING.get(module.__name__, ()):
        if hasattr(module, name):
            INTEGRATION.observe_function(module, name, _log_nothing)
    if module.__name__ == "sklearn.metrics":
        patch_metrics(INTEGRATION, module)


def _patch_class(kind: type) -> None:
    """Observe the methods that a class itself defines, whether a mixin or an estimator."""
    defined = vars(kind)
    observers = observers_of_methods(INTEGRATION, fitting.observer(INTEGRATION))
    for name, observer in observers.items():
        if name in defined:
            INTEGRATION.observe_method(kind, name, observer)


def observers_of_methods(
    integration: Integration, fit: Callable[[Call], Generator[None, Any, None]]
) -> dict[str, Callable[[Call], Generator[None, Any, None]]]:
    """Return which observer looks at which methods of estimators."""
    observers = dict.fromkeys(FITTING, fit)
    if integration.switches.options.get("log_post_training_metrics", True):
        observers |= dict.fromkeys(PREDICTING, posttraining.observe_prediction(integration))
        observers["score"] = posttraining.observe_score(integration)
    return observers


def patch_metrics(integration: Integration, module: ModuleType) -> None:
    """Observe the functions of ``sklearn.metrics`` that compute a metric."""
    if not integration.switches.options.get("log_post_training_metrics", True):
        return
    observer = posttraining.observe_metric(integration)
    for name in module.__all__:
        function = getattr(module, name, None)
        is_function = inspect.isfunction(function) or isinstance(function, ObservedFunction)
        if name not in _NO_METRICS and is_function:
            integration.observe_function(module, name, observer)


def _log_nothing(call: Call) -> Generator[None, Any, None]:
    del call
    with state.paused():
        yield


def _teach_skops(general: ModuleType) -> None:
    """Let skops save functions that are observed, as the functions that they are."""
    from skops.io import _utils

    def state_of(function: ObservedFunction, context: Any) -> Any:
        return general.function_get_state(inspect.unwrap(function), context)

    _utils._get_state.register(ObservedFunction, state_of)


def _patch_joblib(module: ModuleType) -> None:
    """Let what threads of joblib fit be part of the fit that started them.

    Other processes know nothing of autologging anyway.
    """
    original = module.Parallel.__call__

    @functools.wraps(original)
    def parallel(self: Any, iterable: Any) -> Any:
        shares_memory = getattr(getattr(self, "_backend", None), "supports_sharedmem", False)
        if shares_memory and (state.current() is not None or state.here.paused):
            carry = state.carrier()
            iterable = ((carry(task[0]), *task[1:]) for task in iterable)
        return original(self, iterable)

    INTEGRATION.patches.replace(module.Parallel, "__call__", parallel)
