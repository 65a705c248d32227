"""Autologging of LightGBM: ``lightgbm.train`` and the estimators."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from pegboard_models.autologging import Integration, Switches

INTEGRATION = Integration("lightgbm", "lightgbm", ("4.3", "4.7"))


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Log by itself what LightGBM trains: parameters, metrics of each round, the model.

    A training is logged to the active run, or to one of its own. With early stopping, the metrics
    of the best round are logged once more, as the last step. Feature importance is logged by
    ``split`` and by ``gain``.
    """
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
    )
    INTEGRATION.enable(switches, _install)


def _install() -> None:
    INTEGRATION.watch_imports("lightgbm", _patch)


def _patch(lightgbm: ModuleType) -> None:
    from pegboard_sklearn import wrappers

    from pegboard_lightgbm import training

    training.patch(INTEGRATION, lightgbm)
    wrappers.patch(INTEGRATION, lightgbm.sklearn, lightgbm.sklearn.LGBMModel, {})
