"""Autologging of XGBoost: ``xgboost.train`` and the estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType

from pegboard.errors import InvalidValue
from pegboard_models.autologging import Integration, Switches

from pegboard_xgboost.flavor import FORMATS

INTEGRATION = Integration("xgboost", "xgboost", ("2.0", "3.2"))


def autolog(
    importance_types: Sequence[str] | None = None,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    model_format: str = FORMATS[0],
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log by itself what XGBoost trains: parameters, metrics of each round, the model.

    A training is logged to the active run, or to one of its own. With early stopping, the metrics
    of the best round are logged once more, as the last step. ``importance_types`` are the kinds of
    feature importance to log, ``["weight"]`` by default. ``model_format`` is ``ubj`` or ``json``.
    """
    if model_format not in FORMATS:
        raise InvalidValue(
            f"{model_format!r} is not a format of XGBoost models.",
            hint=f"model_format is one of: {', '.join(FORMATS)}.",
        )
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
            "importance_types": ["weight"] if importance_types is None else [*importance_types],
            "model_format": model_format,
        },
    )
    INTEGRATION.enable(switches, _install)


def _install() -> None:
    INTEGRATION.watch_imports("xgboost", _patch)


def _patch(xgboost: ModuleType) -> None:
    from pegboard_sklearn import wrappers

    from pegboard_xgboost import training

    training.patch(INTEGRATION, xgboost)
    options = {"model_format": INTEGRATION.switches.options["model_format"]}
    wrappers.patch(INTEGRATION, xgboost.sklearn, xgboost.sklearn.XGBModel, options)
