"""The estimator that is trained: the user's, with its parameters, tuned if that is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen
from pegboard.errors import InvalidValue

from pegboard_recipes import names
from pegboard_recipes.step import Work
from pegboard_recipes.steps import automl, balancing, trying, tuning
from pegboard_recipes.steps.balancing import Balanced
from pegboard_recipes.tracking import Tracked

Make = Callable[[Mapping[str, Any]], Any]
"""Returns an estimator that is not fitted, with parameters."""


@frozen(eq=False)
class Chosen:
    """An estimator that is not fitted yet, and where its parameters are from."""

    estimator: Any
    params: Mapping[str, Any] = field(factory=dict)
    """Those of the recipe."""
    tuned: Mapping[str, Any] = field(factory=dict)
    """Those that tuning found."""

    def all_params(self) -> dict[str, Any]:
        """Return all parameters, the estimator's defaults among them."""
        get = getattr(self.estimator, "get_params", None)
        return {**(get() if get else {}), **self.params, **self.tuned}


def chosen(work: Work, balanced: Balanced, tracked: Tracked, run_id: str) -> Chosen:
    """Return the estimator that a recipe asks for."""
    own = work.own
    if own.get("using", "custom") == automl.FLAML:
        searched = automl.searched(work, balanced.rows)
        return Chosen(searched.estimator, tuned=searched.params)
    params, make = _params(work, balanced), _maker(work)
    if not (own.get("tuning") or {}).get("enabled"):
        return Chosen(make(params), params)
    found = tuning.tuned(work, tries_of(work), tracked, run_id)
    return Chosen(make({**params, **found.params}), params, found.params)


def tries_of(work: Work) -> trying.Tries:
    """Return what tries of parameters are made with."""
    rows = balancing.balanced(work, work.frame("transform", names.TRANSFORMED))
    return trying.tries(work, _maker(work), fitted, _params(work, rows), rows.rows)


def _params(work: Work, balanced: Balanced) -> dict[str, Any]:
    """Return the parameters that the recipe says, with weights of classes if rows were left out."""
    params = dict(work.own.get("estimator_params") or {})
    if balanced.weights and "class_weight" not in params:
        params = _with_weights(work, params, balanced.weights)
    return params


def _maker(work: Work) -> Make:
    function = work.function("estimator_method")

    def make(params: Mapping[str, Any]) -> Any:
        made = function(dict(params)) if params or _needs_params(function) else function()
        for method in ("fit", "predict"):
            if not callable(getattr(made, method, None)):
                kind = "nothing" if made is None else f"an object of the type {type(made).__name__}"
                raise InvalidValue(
                    f"{work.said_of('estimator_method')} returned {kind}, which has no method "
                    f"{method!r}.",
                    hint="Return an estimator of scikit-learn that is not fitted.",
                )
        return made

    return make


def _needs_params(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(p.default is p.empty and p.kind not in kinds for p in parameters)


def _with_weights(
    work: Work, params: dict[str, Any], weights: Mapping[Any, float]
) -> dict[str, Any]:
    """Add weights of classes, if the estimator takes them."""
    plain = _maker(work)(params)
    get = getattr(plain, "get_params", None)
    if get is not None and "class_weight" in get():
        return {**params, "class_weight": dict(weights)}
    said = (
        f"{type(plain).__name__} has no class_weight: rows of the common class were left out, and "
        "the classes are not weighted as they were."
    )
    work.card.tab("Warning Logs").text(said)
    work.card.notes.append(said)
    return params


def fitted(work: Work, estimator: Any, features: Any, target: Any) -> Any:
    """Fit an estimator; a classifier that takes no texts as labels gets numbers."""
    method = work.own.get("calibrate_proba")
    if method and work.config.is_classification:
        from sklearn.calibration import CalibratedClassifierCV

        estimator = CalibratedClassifierCV(estimator, method=method)
    if not work.config.is_classification:
        estimator.fit(features.copy(), target.copy())
        return estimator
    try:
        estimator.fit(features.copy(), target.copy())
    except ValueError as error:
        if not _wants_numbers(error, target):
            raise
        from pegboard_recipes.steps.labels import Labelled

        return Labelled(estimator).fit(features.copy(), target.copy())
    return estimator


def _wants_numbers(error: ValueError, target: Any) -> bool:
    """Whether an estimator refuses labels that are not 0, 1, 2, …, as XGBoost's does."""
    return target.dtype.kind not in "iu" or "classes" in str(error)


def inner(estimator: Any) -> Any:
    """Return the user's own estimator."""
    return getattr(estimator, "estimator", estimator) if _is_ours(estimator) else estimator


def _is_ours(estimator: Any) -> bool:
    return type(estimator).__module__.startswith("pegboard_recipes.")


def write_best(work: Work, tracked: Tracked, run_id: str, made: Chosen) -> None:
    """Write the parameters of the model, by where they are from, and log the file."""
    import yaml

    given = {key: value for key, value in made.params.items() if key not in made.tuned}
    everything = made.all_params()
    default = {key: everything[key] for key in everything.keys() - given.keys() - made.tuned.keys()}
    parts = []
    for title, params in (
        ("tuned hyperparameters", made.tuned),
        ("hardcoded parameters", given),
        ("default parameters", default),
    ):
        if params:
            plain = {key: _plain(value) for key, value in params.items()}
            parts.append(f"# {title}\n{yaml.safe_dump(plain, default_flow_style=False)}")
    if parts:
        file = work.directory / names.BEST
        file.write_text("\n".join(parts), encoding="utf-8")
        tracked.client.log_artifact(run_id, file, "train")


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
