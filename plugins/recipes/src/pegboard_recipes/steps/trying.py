"""One try of parameters: an estimator is fitted, and measured on the validation rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard import host as hosts
from pegboard.contracts.evaluation import EvaluationTable, Figure
from pegboard.contracts.evaluation import Work as Evaluation

from pegboard_recipes import measures, names
from pegboard_recipes.step import Work
from pegboard_recipes.steps import measuring
from pegboard_recipes.steps.search_space import drawn

_FIRST = 0.25
"""The share of rows that a try begins with; if it does badly there, it is given up."""

_LEAST = 1000
"""Rows from which on that is worth it."""

_SEED = 42


@frozen(eq=False)
class Tries:
    """All that tries of parameters have in common."""

    work: Work
    make: Callable[[Mapping[str, Any]], Any]
    fit: Callable[[Work, Any, Any, Any], Any]
    params: Mapping[str, Any]
    """Those that stay."""
    rows: Any
    validation: Any

    @property
    def space(self) -> Mapping[str, Any]:
        """What the others may be."""
        found: Mapping[str, Any] = self.work.own["tuning"]["parameters"]
        return found

    def objective(self, trial: Any) -> float:
        """Return the value of the primary metric for parameters that a trial draws."""
        import optuna

        chosen = drawn(trial, self.space)
        trial.set_user_attr("params", chosen)
        if len(self.rows) >= _LEAST:
            part = self.rows.sample(frac=_FIRST, random_state=_SEED)
            trial.report(self.value({**self.params, **chosen}, part), step=0)
            if trial.should_prune():
                raise optuna.TrialPruned
        return self.value({**self.params, **chosen}, self.rows)

    def value(self, params: Mapping[str, Any], rows: Any) -> float:
        """Return the value of the primary metric for parameters."""
        config = self.work.config
        fitted = self.fit(
            self.work, self.make(params), rows.drop(columns=[config.target]), rows[config.target]
        )
        found = figures(self.work, fitted, self.validation)
        return measuring.need(config, found, config.primary.name)


def tries(
    work: Work,
    make: Callable[[Mapping[str, Any]], Any],
    fit: Callable[[Work, Any, Any, Any], Any],
    params: Mapping[str, Any],
    rows: Any,
) -> Tries:
    """Return what tries are made with; of ``rows`` so many are used as the recipe says."""
    share = float(work.own["tuning"].get("sample_fraction") or 1.0)
    if share < 1.0:
        rows = rows.sample(frac=share, random_state=_SEED)
    validation = work.frame("transform", names.TRANSFORMED_VALIDATION)
    return Tries(work, make, fit, params, rows, validation)


def figures(work: Work, model: Any, rows: Any) -> dict[str, float]:
    """Measure a model as ``evaluate`` does, without logging anything."""
    config = work.config
    features, targets = rows.drop(columns=[config.target]), rows[config.target]
    scored = config.is_classification and hasattr(model, "predict_proba")
    settings: dict[str, Any] = {"plots": False, "log_model_explainability": False}
    if config.task == measures.BINARY:
        settings["pos_label"] = config.positive_class
    table = EvaluationTable(
        count=len(rows),
        kind="classifier" if config.is_classification else "regressor",
        inputs=features,
        targets=targets.to_numpy(),
        outputs=model.predict(features.copy()),
        probabilities=model.predict_proba(features.copy()) if scored else None,
        labels=list(model.classes_) if scored else None,
        model=model,
    )
    extra = measuring.Extra(config)
    settings["extra_metrics"] = extra.metrics()
    evaluator = hosts.current().evaluator("default", settings, "tuning")
    with tempfile.TemporaryDirectory() as place:
        found = {
            each.name: each.value
            for each in evaluator.evaluate(table, Evaluation(directory=Path(place)))
            if isinstance(each, Figure) and each.value is not None
        }
    extra.reraise(None)
    return found
