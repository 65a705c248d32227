"""Autologging of estimators that other libraries write for scikit-learn.

Their own ``train`` function logs parameters and metrics; what is added here is the model, as the
estimator that it is, and what the user computes of it later.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import ModuleType
from typing import Any

from pegboard_models.autologging import (
    Call,
    Integration,
    first_rows,
    log_trained_model,
    pending_model,
    state,
    training_run,
)

from pegboard_sklearn import autologging, estimators, posttraining

MODEL = "model"


def patch(
    integration: Integration, module: ModuleType, base: type, options: Mapping[str, Any]
) -> None:
    """Observe the estimators of a module: those that descend from ``base``.

    ``options`` are those that their models are saved with.
    """
    observers = autologging.observers_of_methods(integration, fit_observer(integration, options))
    library = module.__name__.partition(".")[0]
    kinds = {
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base) and _is_of(kind, library)
    }
    # Base classes first: what they define or are given, the others inherit.
    for kind in sorted(kinds, key=lambda kind: (len(kind.__mro__), kind.__name__)):
        for name, observer in observers.items():
            owner = next((owner for owner in kind.__mro__ if name in vars(owner)), None)
            if owner is not None and (owner is kind or not _is_of(owner, library)):
                integration.observe_method(kind, name, observer)
    integration.watch_imports(
        "sklearn.metrics", lambda metrics: autologging.patch_metrics(integration, metrics)
    )


def _is_of(kind: type, library: str) -> bool:
    return kind.__module__.partition(".")[0] == library


def fit_observer(
    integration: Integration, options: Mapping[str, Any]
) -> Callable[[Call], Generator[None, Any, None]]:
    """Return the observer of the methods that fit an estimator."""

    def fit(call: Call) -> Generator[None, Any, None]:
        estimator = call.args[0]
        if not state.would_log(estimator):
            return
        entering = state.session(estimator, allows_children=True)
        with entering as session, training_run(integration) as run:
            if run is None:
                yield
                return
            with pending_model(integration, run, MODEL) as model_id:
                session.model_id = model_id
                rows = None
                with integration.guard("taking an example of the training data"):
                    rows = _example(call)
                yield
                if model_id is not None:
                    with state.paused():
                        log_trained_model(
                            integration,
                            run,
                            estimator,
                            name=MODEL,
                            rows=rows,
                            predict=estimators.predict(estimator),
                            params=estimators.params(estimator),
                            options=options,
                            model_id=model_id,
                        )
            posttraining.register(integration, estimator, run, model_id)

    return fit


def _example(call: Call) -> Any:
    data = estimators.training_data(call.args[0], call.function, call.args, call.kwargs)
    return first_rows(data.X)
