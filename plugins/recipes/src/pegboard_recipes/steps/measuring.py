"""How models of a recipe are measured: through ``pegboard.evaluate``, with the user's metrics."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from pegboard.errors import InvalidValue, quoted

from pegboard_recipes import measures, project
from pegboard_recipes.configuration import Configuration
from pegboard_recipes.names import METRICS
from pegboard_recipes.tracking import api


def measure(
    config: Configuration,
    model: Any,
    rows: Any,
    prefix: str,
    *,
    place: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Measure a model on rows with targets, log it to the active run; return metrics by bare name.

    ``prefix`` stands before the names that are logged. ``place`` is a directory for a copy of all
    that was found.

    Raises:
        InvalidValue: a metric that the recipe names was not computed.
        Exception: whatever a metric of the user's raises, as it was raised.
    """
    settings: dict[str, Any] = {"metric_prefix": prefix, "log_model_explainability": False}
    if config.task == measures.BINARY:
        settings["pos_label"] = config.positive_class
    extra = Extra(config)
    try:
        result = api("evaluate")(
            model=model,
            data=rows,
            targets=config.target,
            model_type="classifier" if config.is_classification else "regressor",
            evaluators="default",
            extra_metrics=extra.metrics(),
            evaluator_config={**settings, **(options or {})},
        )
    except InvalidValue as error:
        extra.reraise(error)
        raise
    extra.reraise(None)
    if place is not None:
        result.save(place)
    return {name.removeprefix(prefix): value for name, value in result.metrics.items()}


def need(config: Configuration, found: Mapping[str, float], name: str) -> float:
    """Return a metric; InvalidValue if it was not computed."""
    if name not in found:
        raise InvalidValue(
            f"The metric {name!r} was not computed for this model.",
            hint=f"It has: {', '.join(sorted(found))}. Probabilities need a model with "
            "predict_proba."
            if config.is_classification
            else f"It has: {', '.join(sorted(found))}.",
        )
    return found[name]


class Extra:
    """The metrics of a recipe beside those that ``evaluate`` computes by itself."""

    def __init__(self, config: Configuration) -> None:
        own = [each for each in config.measures().values() if each.function]
        self._calls = [_Call(config, each) for each in own]
        self._averages = _averages(config)

    def metrics(self) -> list[Any]:
        """Return them as ``evaluate`` takes metrics."""
        return [*self._averages, *(call.metric() for call in self._calls)]

    def reraise(self, cause: Exception | None) -> None:
        """Raise what one of the user's raised, if one did."""
        for call in self._calls:
            call.reraise(cause)


class _Call:
    """A metric of the user's; what it raises is kept, with the lines that raised it."""

    def __init__(self, config: Configuration, measure: measures.Measure) -> None:
        self.name, self.greater, self.root = measure.name, measure.greater_is_better, config.root
        key = f"custom_metrics.{measure.name}.function"
        self.function = project.function(config.root, METRICS, measure.function, key)
        self.error: Exception | None = None

    def metric(self) -> Any:
        """Return it as ``evaluate`` takes metrics."""

        @functools.wraps(self.function)
        def noted(*args: Any, **kwargs: Any) -> Any:
            try:
                return self._checked(self.function(*args, **kwargs))
            except Exception as error:
                self.error = error
                raise

        return api("make_metric")(eval_fn=noted, greater_is_better=self.greater, name=self.name)

    def _checked(self, found: Any) -> Any:
        """Return what the function returned; InvalidValue if that is no number."""
        is_number = isinstance(found, Real) or getattr(found, "size", 0) == 1
        if is_number or hasattr(found, "aggregate_results"):  # As MLflow's MetricValue has.
            return found
        what = f"The metric {self.name!r} returned {quoted(found)}, not a number."
        raise InvalidValue(project.located(self.root, self.function, what))

    def reraise(self, cause: Exception | None) -> None:
        """Raise what it raised."""
        if self.error is not None:
            raise self.error from cause


def _averages(config: Configuration) -> list[Any]:
    """Return the metrics of more than two classes that ``evaluate`` has in one average alone."""
    if config.task != measures.MULTICLASS:
        return []
    return [_average("macro"), _average("micro")]


def _average(kind: str) -> Any:
    def score(predictions: Any, targets: Any) -> float:
        from sklearn.metrics import f1_score

        return float(f1_score(targets, predictions, average=kind, zero_division=0))

    make: Callable[..., Any] = api("make_metric")
    return make(eval_fn=score, greater_is_better=True, name=f"f1_score_{kind}")
