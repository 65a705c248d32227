"""Trainings in rounds by one function ``train(params, data, …)``, as of boosted trees."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from typing import Any, ClassVar

from attrs import define, field

from pegboard_models.autologging import state
from pegboard_models.autologging.arguments import arguments, as_params
from pegboard_models.autologging.integration import Integration
from pegboard_models.autologging.models import log_trained_model, pending_model
from pegboard_models.autologging.patching import Call
from pegboard_models.autologging.runs import PointBuffer, RunLog, training_run

MODEL = "model"


@define(eq=False)
class RoundsTraining:
    """One call of ``train`` that is logged. A library's own is a subclass."""

    not_params: ClassVar[Collection[str]] = frozenset()
    """Arguments of ``train`` that are not logged as params."""

    integration: Integration
    run: RunLog
    given: dict[str, Any] = field(factory=dict)
    """What ``train`` was called with."""
    params: dict[str, Any] = field(factory=dict)
    results: list[dict[str, float]] = field(factory=list)
    """The metrics of each round."""
    rows: Any = None
    """An example of the training data."""
    model_id: str | None = None
    """The logged model to put the result in; None if none is to be filled here."""
    metrics_of: str | None = None
    """The logged model that the metrics are of."""
    points: PointBuffer | None = None

    # -- what a library knows ------------------------------------------------------------------

    def log_datasets(self) -> None:
        """Log which data is used."""
        raise NotImplementedError

    def example(self) -> Any:
        """Return the first rows of the training data, or None."""
        raise NotImplementedError

    def callback(self) -> Any:
        """Return what the library is to call after each round, which calls ``record``."""
        raise NotImplementedError

    def log_results(self, model: Any) -> None:
        """Log what is known of a trained model."""
        raise NotImplementedError

    def predict(self, model: Any, rows: Any) -> Any:
        """Return what a model answers to rows."""
        raise NotImplementedError

    def options(self) -> Mapping[str, Any]:
        """Return the options to save the model with."""
        return {}

    # -- what is the same for all --------------------------------------------------------------

    def begin(self, call: Call) -> None:
        """Log what is known before the training, and add a callback that logs each round."""
        guard, switches = self.integration.guard, self.integration.switches
        with guard("looking at the call"):
            self.given = arguments(call)
            self.params = as_params(call, self.given, self.not_params)
        with guard("logging the parameters"):
            self.run.params({**dict(self.given.get("params") or {}), **self.params})
        if switches.log_datasets:
            with guard("describing the training data"):
                self.log_datasets()
        if self.model_id is not None:
            with guard("taking an example of the training data"):
                self.rows = self.example()
        with guard("adding a callback"):
            self.points = PointBuffer(self.run, self.metrics_of)
            callbacks = [*(self.given.get("callbacks") or ()), self.callback()]
            call.args, call.kwargs = (), {**self.given, "callbacks": callbacks}

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Log the metrics of a round."""
        # MLflow's names: the character that they replace is not allowed in a metric's name.
        named = {name.replace("@", "_at_"): float(value) for name, value in values.items()}
        self.results.append(named)
        if named and self.points is not None:
            self.points.add(named, step)

    def log_best(self, best: int, *, index: int, stopped: int) -> None:
        """Log which round was the best, and its metrics once more, as the last step."""
        found = {"stopped_iteration": stopped, "best_iteration": best}
        self.run.metrics(found, model_id=self.metrics_of)
        self.run.metrics(self.results[index], len(self.results), model_id=self.metrics_of)

    def finish(self, model: Any) -> None:
        """Log what the training has made."""
        guard = self.integration.guard
        if self.points is not None:
            with guard("logging the metrics"):
                self.points.flush()
        with guard("logging the results"):
            self.log_results(model)
        if self.model_id is not None:
            log_trained_model(
                self.integration,
                self.run,
                model,
                name=MODEL,
                rows=self.rows,
                predict=lambda rows: self.predict(model, rows),
                params=self.params,
                options=self.options(),
                model_id=self.model_id,
            )


def train_observer(
    integration: Integration, training_class: type[RoundsTraining], *, logs_model: bool
) -> Callable[[Call], Generator[None, Any, None]]:
    """Return the observer of a function ``train``."""

    def train(call: Call) -> Generator[None, Any, None]:
        if not state.would_log(call.function):
            return
        around = state.current()
        with state.session(call.function), training_run(integration) as run:
            if run is None:
                yield
                return
            training = training_class(integration, run)
            if logs_model:
                with pending_model(integration, run, MODEL) as model_id:
                    training.model_id = training.metrics_of = model_id
                    yield from _steps(training, call)
            else:
                training.metrics_of = around.model_id if around is not None else None
                yield from _steps(training, call)

    return train


def _steps(training: RoundsTraining, call: Call) -> Generator[None, Any, None]:
    with state.paused():
        training.begin(call)
    model = yield
    with state.paused():
        training.finish(model)
