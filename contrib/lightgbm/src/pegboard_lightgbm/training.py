"""What is logged of ``lightgbm.train``."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar

from attrs import define
from pegboard_models.autologging import (
    Integration,
    RoundsTraining,
    describe,
    first_rows,
    importances,
    train_observer,
)

_IMPORTANCES = ("split", "gain")


def patch(integration: Integration, lightgbm: ModuleType) -> None:
    """Observe the two names of ``train``."""
    # Estimators call the second one, and log the model themselves.
    for module, logs_model in ((lightgbm, True), (lightgbm.sklearn, False)):
        observer = train_observer(integration, Training, logs_model=logs_model)
        integration.observe_function(module, "train", observer)


@define(eq=False)
class Training(RoundsTraining):
    """One call of ``lightgbm.train`` that is logged."""

    not_params: ClassVar[frozenset[str]] = frozenset(
        {
            "params",
            "train_set",
            "valid_sets",
            "valid_names",
            "fobj",
            "feval",
            "init_model",
            "learning_rates",
            "callbacks",
        }
    )

    def log_datasets(self) -> None:
        """Log the data for training and evaluation, unless the library made its own of it."""
        wanted: list[tuple[Any, str | None, str]] = [(self.given.get("train_set"), None, "train")]
        wanted += [(data, name, "eval") for data, name in self._evaluated()]
        for data, name, context in wanted:
            raw: Any = getattr(data, "data", None)
            dataset = describe(raw, data.label, name) if hasattr(raw, "shape") else None
            if dataset is not None:
                self.run.dataset(dataset, context)

    def _evaluated(self) -> Iterator[tuple[Any, str | None]]:
        sets = self.given.get("valid_sets") or ()
        names = self.given.get("valid_names") or ()
        sets = sets if isinstance(sets, (list, tuple)) else [sets]
        names = [names] if isinstance(names, str) else names
        for index, data in enumerate(sets):
            yield data, names[index] if index < len(names) else None

    def example(self) -> Any:
        """Return the first rows of the data, unless the library made its own of it."""
        raw = getattr(self.given.get("train_set"), "data", None)
        return first_rows(raw) if hasattr(raw, "shape") else None

    def callback(self) -> Any:
        """Return a callback of LightGBM's kind."""

        def record(environment: Any) -> None:
            with self.integration.guard("logging the metrics of a round"):
                # Name of the data, metric, value, and more that depends.
                values = {f"{item[0]}-{item[1]}": item[2] for item in evaluated(environment)}
                self.record(environment.iteration, values)

        def evaluated(environment: Any) -> Any:
            return environment.evaluation_result_list or ()

        return record

    def log_results(self, model: Any) -> None:
        """Log the best round and the feature importance."""
        if model.best_iteration > 0:
            # LightGBM counts rounds from 1.
            best, last = model.best_iteration, len(self.results)
            self.log_best(best, index=best - 1, stopped=last)
        for kind in _IMPORTANCES:
            with self.integration.guard(f"logging the feature importance by {kind}"):
                values = model.feature_importance(importance_type=kind).tolist()
                named = dict(zip(model.feature_name(), values, strict=True))
                importances.log(self.run, kind, named)

    def predict(self, model: Any, rows: Any) -> Any:
        """Return what a booster answers to rows."""
        return model.predict(rows)
