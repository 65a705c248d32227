"""Bayesian search: Optuna proposes, from what the other trials found.

Each proposal is made by a study of its own, which is filled with the trials that there are: so a
sweep that goes on proposes what it would have proposed. Numbers are searched in the unit interval
that their distribution is drawn from.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from pegboard.errors import PluginError

from pegboard_sweeps.distributions import Choice, Number, Parameter, Whole
from pegboard_sweeps.sweep import Metric, Sweep
from pegboard_sweeps.trials import State, Trial

_NUMBERS = 1_000_003
"""By how much seeds of two sweeps differ at least."""


def check() -> None:
    """Raise PluginError, with what to install, if Optuna is not there; it takes long to import."""
    if find_spec("optuna") is None:
        raise PluginError(
            "The method 'bayes' is Optuna's, which is not installed.",
            hint="Install it: pip install optuna",
        )


def library() -> Any:
    """Return Optuna."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def values(sweep: Sweep, number: int, others: Sequence[Trial]) -> dict[str, Any]:
    """Return what Optuna proposes for the trial of a number."""
    optuna, metric = library(), sweep.metric
    assert metric is not None
    space = {name: _distribution(optuna, sweep.parameters[name]) for name in sweep.varying}
    with warnings.catch_warnings():
        # That names and arguments of Optuna are experimental.
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(
            seed=(sweep.seed * _NUMBERS + number) % 2**32, constant_liar=True
        )
        study = optuna.create_study(sampler=sampler)
        for trial in others:
            if frozen := _observed(optuna, sweep, trial, space):
                study.add_trial(frozen)
        asked = study.ask(space).params
    return {
        name: _value(parameter, asked[name]) if name in asked else parameter.at(0.0)
        for name, parameter in sweep.parameters.items()
    }


def _distribution(optuna: Any, parameter: Parameter) -> Any:
    if isinstance(parameter, Choice):
        # By number: a value may be a list, which Optuna does not take.
        return optuna.distributions.CategoricalDistribution(range(len(parameter.values)))
    return optuna.distributions.FloatDistribution(0.0, 1.0)


def _value(parameter: Parameter, asked: Any) -> Any:
    return parameter.values[asked] if isinstance(parameter, Choice) else parameter.at(asked)


def _share(parameter: Parameter, value: Any) -> Any:
    if isinstance(parameter, Choice):
        return list(parameter.values).index(value)
    assert isinstance(parameter, (Number, Whole))
    return parameter.share(value)


def _observed(optuna: Any, sweep: Sweep, trial: Trial, space: dict[str, Any]) -> Any:
    """Return a trial as Optuna has it; None if it says nothing."""
    metric, states = sweep.metric, optuna.trial.TrialState
    assert metric is not None
    params = {name: _share(sweep.parameters[name], trial.values[name]) for name in space}
    known: dict[str, Any] = {"params": params, "distributions": space}
    if trial.state is State.RUNNING:
        return optuna.trial.create_trial(state=states.RUNNING, **known)
    if trial.state is State.FINISHED and trial.value is not None:
        return optuna.trial.create_trial(value=_key(metric, trial.value), **known)
    if trial.state is State.STOPPED and trial.value is not None:
        seen = {trial.points: _key(metric, trial.value)}
        return optuna.trial.create_trial(state=states.PRUNED, intermediate_values=seen, **known)
    return None


def _key(metric: Metric, value: float) -> float:
    """Return what is to be small; bounded, as a sampler reckons with it."""
    return math.copysign(min(abs(metric.key(value)), 1e300), metric.key(value))
