"""What is logged of a fit: parameters and data before it, the model and its metrics after it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define
from pegboard_models.autologging import (
    Call,
    Integration,
    RunLog,
    describe,
    first_rows,
    log_trained_model,
    state,
    training_run,
)

from pegboard_sklearn import estimators, plots, posttraining, search, training_metrics
from pegboard_sklearn.estimators import TrainingData

if TYPE_CHECKING:
    from pegboard.entities import Dataset

MODEL = "model"


def observer(integration: Integration) -> Callable[[Call], Generator[None, Any, None]]:
    """Return the observer of the methods that fit an estimator."""

    def fit(call: Call) -> Generator[None, Any, None]:
        estimator = call.args[0]
        if not state.would_log(estimator) or not estimators.is_logged(type(estimator)):
            return
        with state.session(estimator), training_run(integration) as run:
            if run is None:
                yield
                return
            training = Training(integration, run, estimator)
            with state.paused():
                training.begin(call)
            yield
            with state.paused():
                training.finish()
            posttraining.register(integration, estimator, run, training.model_id)

    return fit


@define(eq=False)
class Training:
    """One fit that is logged."""

    integration: Integration
    run: RunLog
    estimator: Any
    data: TrainingData | None = None
    rows: Any = None
    dataset: Dataset | None = None
    model_id: str | None = None

    def begin(self, call: Call) -> None:
        """Log what is known before the fit."""
        guard, estimator = self.integration.guard, self.estimator
        with guard("logging the parameters"):
            self.run.params(estimators.params(estimator))
        with guard("logging the tags"):
            self.run.tags(estimators.info_tags(estimator))
        with guard("looking at the training data"):
            self.data = estimators.training_data(estimator, call.function, call.args, call.kwargs)
        if self.data is None:
            return
        if self.integration.switches.log_datasets:
            with guard("describing the training data"):
                self.dataset = describe(self.data.X, self.data.y)
                if self.dataset is not None:
                    self.run.dataset(self.dataset, "train")
        if self.integration.switches.log_models:
            # Before the fit, which may change it.
            with guard("taking an example of the training data"):
                self.rows = first_rows(self.data.X)

    def finish(self) -> None:
        """Log what the fit has made."""
        switches, guard = self.integration.switches, self.integration.guard
        if switches.log_models:
            with guard("logging the model"):
                self.model_id = self.log_model(self.estimator, MODEL)
        if self.data is not None:
            self._log_metrics(self.data)
            if plots.are_possible():
                with guard("drawing figures"):
                    self._log_figures(self.data)
        with guard("logging the estimator as HTML"):
            self._log_html()
        if estimators.is_search(self.estimator):
            search.log(self)

    def log_model(self, estimator: Any, name: str, *, register: bool = True) -> str | None:
        """Log a fitted estimator as a model; return its id."""
        params = estimators.params(estimator) | search.best_params(estimator)
        return log_trained_model(
            self.integration,
            self.run,
            estimator,
            name=name,
            rows=self.rows,
            predict=estimators.predict(estimator),
            params=params,
            options={
                "serialization_format": self.integration.switches.options["serialization_format"]
            },
            register=register,
        )

    def _log_metrics(self, data: TrainingData) -> None:
        found = training_metrics.compute(
            self.integration,
            self.estimator,
            data,
            self.integration.switches.options.get("pos_label"),
        )
        if found:
            with self.integration.guard("logging training metrics"):
                self.run.metrics(found, model_id=self.model_id, dataset=self.dataset)
        elif data.y is None:
            self.integration.tell("No training metrics are logged, as there are no labels.")

    def _log_figures(self, data: TrainingData) -> None:
        from sklearn.base import is_classifier

        if data.y is None or not is_classifier(self.estimator):
            return
        drawn = {"confusion_matrix": plots.confusion_matrix}
        if len(getattr(self.estimator, "classes_", ())) == 2:
            drawn["roc_curve"] = plots.roc_curve
            drawn["precision_recall_curve"] = plots.precision_recall_curve
        with tempfile.TemporaryDirectory(prefix="pegboard-") as place:
            for name, draw in drawn.items():
                with self.integration.guard(f"drawing the {name.replace('_', ' ')}"):
                    file = Path(place) / f"{training_metrics.PREFIX}{name}.png"
                    plots.save(draw(self.estimator, data), file)
            self.run.client.log_artifacts(self.run.run_id, place)

    def _log_html(self) -> None:
        from sklearn.utils import estimator_html_repr

        page = (
            '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="UTF-8"/></head>\n<body>\n'
            f"{estimator_html_repr(self.estimator)}\n</body>\n</html>\n"
        )
        self.run.client.log_text(self.run.run_id, page, "estimator.html")
