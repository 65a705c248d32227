"""What values a parameter may have, in hyperopt's words, and how Optuna draws one of them.

A parameter has ``values``, a list, or a ``distribution`` with hyperopt's arguments. Bounds of
``loguniform`` and the like are logarithms, as hyperopt has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from attrs import frozen

from pegboard_recipes.configuration import Configuration

_PLACE = ("steps", "train", "tuning", "parameters")


@frozen(eq=False)
class Distribution:
    """How values are drawn, and which arguments say from what."""

    arguments: tuple[str, ...]
    draw: Callable[[Any, str, Mapping[str, Any]], Any]


def _uniform(trial: Any, name: str, given: Mapping[str, Any]) -> float:
    return float(trial.suggest_float(name, given["low"], given["high"]))


def _log_uniform(trial: Any, name: str, given: Mapping[str, Any]) -> float:
    low, high = math.exp(given["low"]), math.exp(given["high"])
    return float(trial.suggest_float(name, low, high, log=True))


def _whole(trial: Any, name: str, given: Mapping[str, Any]) -> int:
    return int(trial.suggest_int(name, given["low"], given["high"]))


def _below(trial: Any, name: str, given: Mapping[str, Any]) -> int:
    return int(trial.suggest_int(name, given.get("low", 0), given["upper"] - 1))


def _normal(trial: Any, name: str, given: Mapping[str, Any]) -> float:
    from statistics import NormalDist

    share = trial.suggest_float(name, 1e-9, 1 - 1e-9)
    return NormalDist(given["mu"], given["sigma"]).inv_cdf(float(share))


def _log_normal(trial: Any, name: str, given: Mapping[str, Any]) -> float:
    return math.exp(_normal(trial, name, given))


def _in_steps(draw: Callable[[Any, str, Mapping[str, Any]], float]) -> Callable[..., float]:
    def stepped(trial: Any, name: str, given: Mapping[str, Any]) -> float:
        return float(round(draw(trial, name, given) / given["q"]) * given["q"])

    return stepped


_BOUNDS, _BELL = ("low", "high"), ("mu", "sigma")
DISTRIBUTIONS: Mapping[str, Distribution] = {
    "uniform": Distribution(_BOUNDS, _uniform),
    "quniform": Distribution((*_BOUNDS, "q"), _in_steps(_uniform)),
    "loguniform": Distribution(_BOUNDS, _log_uniform),
    "qloguniform": Distribution((*_BOUNDS, "q"), _in_steps(_log_uniform)),
    "uniformint": Distribution(_BOUNDS, _whole),
    "randint": Distribution(("upper",), _below),
    "normal": Distribution(_BELL, _normal),
    "qnormal": Distribution((*_BELL, "q"), _in_steps(_normal)),
    "lognormal": Distribution(_BELL, _log_normal),
    "qlognormal": Distribution((*_BELL, "q"), _in_steps(_log_normal)),
}


def drawn(trial: Any, space: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each parameter of a space that ``check`` let pass."""
    found = {}
    for name, given in space.items():
        if "values" in given:
            # By number: a value may be a list, which Optuna does not take.
            number = trial.suggest_categorical(name, list(range(len(given["values"]))))
            found[name] = given["values"][number]
        else:
            kind = DISTRIBUTIONS[given["distribution"]]
            found[name] = kind.draw(trial, name, given)
    return found


def check(config: Configuration, space: Mapping[str, Any]) -> None:
    """Refuse a space that is not one; the error names file, line and parameter."""
    for name, given in space.items():
        place = (*_PLACE, name)
        if not isinstance(given, Mapping) or ("values" in given) == ("distribution" in given):
            raise config.wrong(
                place, f"The parameter {name!r} has neither 'values' nor a 'distribution', or both."
            )
        if "values" in given:
            if not isinstance(given["values"], list) or not given["values"]:
                raise config.wrong(place, f"The 'values' of {name!r} are not a list of values.")
            continue
        _check_distribution(config, name, given)


def _check_distribution(config: Configuration, name: str, given: Mapping[str, Any]) -> None:
    place = (*_PLACE, name)
    said = given["distribution"]
    kind = DISTRIBUTIONS.get(said)
    if kind is None:
        near = get_close_matches(str(said), DISTRIBUTIONS, 1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        known = ", ".join(DISTRIBUTIONS)
        raise config.wrong(
            place, f"There is no distribution {said!r}.", hint=f"{hint}There are: {known}."
        )
    for argument in kind.arguments:
        if not isinstance(given.get(argument), (int, float)):
            raise config.wrong(place, f"{name!r} is {said}, and lacks the number {argument!r}.")
    low, high = given.get("low"), given.get("high")
    if low is not None and high is not None and low > high:
        raise config.wrong(place, f"'low' of {name!r} is above 'high'.")
    for argument in ("q", "sigma"):
        if argument in kind.arguments and given[argument] <= 0:
            raise config.wrong(place, f"{argument!r} of {name!r} is not above 0.")
