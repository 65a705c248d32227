"""Reads the ``parameters`` of a sweep: W&B's form, each with its distribution or values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from pegboard_sweeps.distributions import (
    CHOICES,
    FORMS,
    NAMES,
    OF_VALUES,
    Choice,
    Number,
    Parameter,
    Whole,
    text_of,
)
from pegboard_sweeps.faults import Faults, number

_PLACE = "parameters"
_NAME = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_KEYS = {
    "constant": ("value",),
    "categorical": ("values",),
    "categorical_w_probabilities": ("values", "probabilities"),
    "int_uniform": ("min", "max"),
}
_ALL = ("distribution", "value", "values", "probabilities", "min", "max", "mu", "sigma", "q")


def read(faults: Faults, method: str | None, notes: list[str]) -> dict[str, Parameter]:
    """Return the parameters of a sweep; what is odd and does no harm goes to ``notes``."""
    if faults.document.at(_PLACE) in (None, {}):
        faults.add("the sweep needs 'parameters', at least one.", _PLACE)
    found = {}
    for name in faults.mapping(_PLACE):
        before = len(faults.found)
        if not _NAME.fullmatch(name):
            faults.add(f"{name!r} cannot be the name of a parameter.", _PLACE, name)
        parameter = _parameter(faults, name)
        if parameter is None or len(faults.found) > before:
            continue
        found[name] = parameter
        _fits(faults, method, parameter)
        notes += _odd(faults, parameter)
    return found


def _parameter(faults: Faults, name: str) -> Parameter | None:
    place = (_PLACE, name)
    given = faults.mapping(*place)
    if not given:
        if faults.document.at(*place) in (None, {}):
            faults.add(f"{name} needs 'values', or 'min' and 'max'.", *place)
        return None
    if _PLACE in given:
        faults.add(
            "parameters inside of parameters are not supported: name them flat, "
            f"such as {name}.{next(iter(given[_PLACE] or ['rate']))}.",
            *place,
        )
        return None
    faults.unknown(_ALL, *place)
    kind = faults.one_of(NAMES, _usual(given), *place, "distribution")
    if kind is None:
        if "distribution" not in given:
            faults.add(f"{name} needs 'values', or 'min' and 'max'.", *place)
        return None
    keys = _keys(kind)
    for key in given:
        if key in _ALL and key not in (*keys, "distribution"):
            faults.add(
                f"{key} does not go with {kind}, which takes {', '.join(keys)}.", *place, key
            )
    if kind in CHOICES:
        return _choice(faults, name, kind)
    return _whole(faults, name) if kind == "int_uniform" else _number(faults, name, kind)


def _usual(given: Any) -> str | None:
    """Return the distribution of a parameter that names none, as W&B has it."""
    if "value" in given:
        return "constant"
    if "probabilities" in given:
        return "categorical_w_probabilities"
    if "values" in given:
        return "categorical"
    if "min" in given or "max" in given:
        ends = [number(given.get(key)) for key in ("min", "max")]
        return "int_uniform" if all(isinstance(end, int) for end in ends) else "uniform"
    return None


def _keys(kind: str) -> tuple[str, ...]:
    if kind == "categorical":
        return ("values", "probabilities")
    if kind in _KEYS:
        return _KEYS[kind]
    form = FORMS[kind.removeprefix("q_")]
    return (*form.keys, "q") if kind.startswith("q_") else form.keys


def _choice(faults: Faults, name: str, kind: str) -> Parameter | None:
    place = (_PLACE, name)
    given = faults.mapping(*place)
    if kind == "constant":
        if "value" not in given:
            faults.add(f"{name} is constant, and needs a 'value'.", *place)
            return None
        return Choice(name=name, values=[given["value"]])
    values, shares = given.get("values"), given.get("probabilities")
    if not isinstance(values, list) or not values:
        faults.add(f"{name} needs 'values', a list.", *place, "values")
        return None
    texts = list(map(text_of, values))
    twice = {text for text in texts if texts.count(text) > 1}
    if twice:
        faults.add(f"{name} has the value {min(twice)!r} twice.", *place, "values")
    if shares is not None and not _are_shares(shares, len(values)):
        faults.add(
            f"the probabilities of {name} are not {len(values)} numbers with the sum 1.",
            *(*place, "probabilities"),
        )
        return None
    return Choice(name=name, values=values, probabilities=shares)


def _are_shares(given: Any, count: int) -> bool:
    if not isinstance(given, list) or len(given) != count:
        return False
    numbers = [number(each) for each in given]
    if any(each is None or each < 0 for each in numbers):
        return False
    return math.isclose(sum(each or 0 for each in numbers), 1, abs_tol=1e-6)


def _whole(faults: Faults, name: str) -> Parameter | None:
    ends = _ends(faults, name, ("min", "max"))
    if ends is None:
        return None
    for key, end in zip(("min", "max"), ends, strict=True):
        if not float(end).is_integer():
            faults.add(f"{key} is {end:g}, not a whole number.", _PLACE, name, key)
            return None
    return Whole(name=name, least=int(ends[0]), most=int(ends[1]))


def _number(faults: Faults, name: str, kind: str) -> Parameter | None:
    form = FORMS[kind.removeprefix("q_")]
    place = (_PLACE, name)
    ends = _ends(faults, name, form.keys)
    step = faults.number(*place, "q")
    if ends is None:
        return None
    if not form.is_bounded and ends[1] <= 0:
        faults.add(f"sigma is {ends[1]:g}, not above 0.", *place, "sigma")
        return None
    if kind.removeprefix("q_") in OF_VALUES and ends[0] <= 0:
        faults.add(f"{kind} needs a 'min' above 0, not {ends[0]:g}.", *place, "min")
        return None
    if kind.startswith("q_"):
        step = 1 if step is None else step
        if step <= 0:
            faults.add(f"q is {step:g}, not above 0.", *place, "q")
            return None
    found = Number(name=name, distribution=kind, first=ends[0], second=ends[1], step=step)
    least, most = found.counts()
    if least > most:
        faults.add(f"no multiple of {step:g} is between min and max.", *place, "q")
        return None
    return found


def _ends(faults: Faults, name: str, keys: Sequence[str]) -> tuple[float, float] | None:
    """Return the bounds of a parameter, or its moments, which have defaults."""
    place = (_PLACE, name)
    given = faults.mapping(*place)
    usual = {"mu": 0.0, "sigma": 1.0}
    found = []
    for key in keys:
        if key not in given and key not in usual:
            faults.add(f"{name} needs a {key!r}.", *place)
            return None
        end = faults.number(*place, key) if key in given else usual[key]
        if end is None:
            return None
        found.append(end)
    if keys == ("min", "max") and found[0] > found[1]:
        faults.add(f"min is {found[0]:g}, greater than max, {found[1]:g}.", *place, "min")
        return None
    return found[0], found[1]


def _fits(faults: Faults, method: str | None, parameter: Parameter) -> None:
    """Note a parameter that a method cannot search."""
    place = (_PLACE, parameter.name)
    if method == "grid" and parameter.choices() is None:
        faults.add(
            f"grid search needs values that can be counted; {parameter.name} is a "
            f"{parameter.summary}. Give 'values', or q_uniform with a 'q'.",
            *place,
        )
    if isinstance(parameter, Choice) and parameter.probabilities is not None and method == "grid":
        faults.add("grid search tries all values: it has no probabilities.", *place)


def _odd(faults: Faults, parameter: Parameter) -> list[str]:
    """Return what to say of bounds that are values, where exponents are meant."""
    if not isinstance(parameter, Number) or parameter.first <= 0 or parameter.second > 1:
        return []
    if parameter.distribution.removeprefix("q_") != "log_uniform":
        return []
    where = faults.document.where(_PLACE, parameter.name)
    low, high = parameter.at(0.0), parameter.at(1.0)
    return [
        f"{where}: the bounds of log_uniform are exponents, so {parameter.name} is {low:g} … "
        f"{high:g}. Is log_uniform_values meant?"
    ]
