"""``using: automl/flaml``: FLAML searches for an estimator and its parameters, within a time."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from attrs import frozen
from pegboard.errors import InvalidValue, PluginError
from sklearn.base import clone

from pegboard_recipes import names
from pegboard_recipes.step import Work
from pegboard_recipes.steps import measuring, trying

FLAML = "automl/flaml"
_SECONDS = 10
_SEED = 42


@frozen(eq=False)
class Searched:
    """The estimator that was found, not fitted, and the parameters that FLAML gave it."""

    estimator: Any
    params: Mapping[str, Any]


def searched(work: Work, rows: Any) -> Searched:
    """Return the best estimator for training rows, by the primary metric on validation rows.

    Raises:
        PluginError: FLAML is not installed.
        InvalidValue: no estimator was tried within the time, or ``flaml_params`` are wrong.
    """
    found = _flaml()()
    own, target = work.own, work.config.target
    validation = work.frame("transform", names.TRANSFORMED_VALIDATION)
    labels = _Labels(sorted(rows[target].unique()) if work.config.is_classification else None)
    budget = own.get("time_budget_secs", _SECONDS)
    settings = {
        "task": "classification" if work.config.is_classification else "regression",
        "metric": _metric(work, labels),
        "time_budget": budget,
        "seed": _SEED,
        "verbose": 0,
        "mlflow_logging": False,
        **(own.get("flaml_params") or {}),
    }
    try:
        found.fit(
            X_train=rows.drop(columns=[target]),
            y_train=labels.numbers(rows[target]),
            X_val=validation.drop(columns=[target]),
            y_val=labels.numbers(validation[target]),
            **settings,
        )
    except TypeError as error:
        raise work.config.wrong(
            ("steps", "train", "flaml_params"), f"FLAML refuses its parameters: {error}"
        ) from error
    if found.model is None:
        raise InvalidValue(
            f"FLAML found no estimator within {budget} seconds.",
            hint="Give it more: steps.train.time_budget_secs.",
        )
    _describe(work, found, budget)
    return Searched(clone(found.model.estimator), found.best_config)


def _flaml() -> Any:
    try:
        found = import_module("flaml").AutoML
    except (ImportError, AttributeError) as error:  # Without its packages it lacks the name.
        raise PluginError(
            f"using: {FLAML} searches by FLAML, which is not installed, or lacks a package: "
            f"{error}.",
            hint="Install it: pip install 'pegboard-recipes[automl]'. Or use 'custom' and tune.",
        ) from error
    logging.getLogger("flaml").setLevel(logging.WARNING)
    return found


def _metric(work: Work, labels: _Labels) -> Any:
    """Return the primary metric as FLAML takes metrics: a loss, and what else there is to say."""
    config = work.config
    primary = config.primary

    def loss(features: Any, truth: Any, estimator: Any, *_: Any, **__: Any) -> Any:
        rows = features.assign(**{config.target: labels.named(truth)})
        model = estimator if labels.classes is None else _Named(estimator, labels)
        value = measuring.need(config, trying.figures(work, model, rows), primary.name)
        return (-value if primary.greater_is_better else value), {primary.name: value}

    return loss


@frozen(eq=False)
class _Labels:
    """The classes in their order, which FLAML gets as numbers; None for a regression."""

    classes: Sequence[Any] | None

    def numbers(self, values: Any) -> Any:
        if self.classes is None:
            return values
        return values.map({label: number for number, label in enumerate(self.classes)})

    def named(self, numbers: Any) -> Any:
        if self.classes is None:
            return np.asarray(numbers)
        return np.array(self.classes)[np.asarray(numbers).astype(int)]


@frozen(eq=False)
class _Named:
    """A classifier of FLAML's, as one of scikit-learn that knows the names of classes."""

    estimator: Any
    labels: _Labels

    @property
    def classes_(self) -> Any:
        return np.array(self.labels.classes)

    def predict(self, features: Any) -> Any:
        return self.labels.named(self.estimator.predict(features))

    def predict_proba(self, features: Any) -> Any:
        return self.estimator.predict_proba(features)


def _describe(work: Work, found: Any, budget: float) -> None:
    name = work.config.primary.name
    sign = -1 if work.config.primary.greater_is_better else 1
    ranked = sorted(found.best_loss_per_estimator.items(), key=lambda each: each[1])
    rows = [
        [learner, sign * loss, str(found.best_config_per_estimator[learner])]
        for learner, loss in ranked
        if np.isfinite(loss)
    ]
    tab = work.card.tab("AutoML").facts(Search="FLAML", Seconds=budget)
    tab.table(["Estimator", f"Best val_{name}", "Parameters"], rows, strong=[0])
