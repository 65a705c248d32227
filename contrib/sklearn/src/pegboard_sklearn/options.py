"""Checks that the model flavors for scikit-learn and its kin share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue

if TYPE_CHECKING:
    from pegboard.contracts.models import ModelFlavor


def check_known(flavor: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise InvalidValue if there is an option that a flavor does not have."""
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InvalidValue(
            f"The flavor {flavor!r} has no option {', '.join(map(repr, unknown))}.",
            hint=f"Its options are: {', '.join(sorted(known))}.",
        )


def check_accepted(flavor: ModelFlavor, model: Any) -> None:
    """Raise InvalidValue if an object is not a model of a flavor's library."""
    if not flavor.accepts(model):
        raise InvalidValue(
            f"An object of the type {class_name(model)} is not a model of the flavor "
            f"{flavor.name!r}."
        )


def pinned(*distributions: str) -> list[str]:
    """Return requirements for the installed versions of distributions."""
    return [f"{name}=={version(name)}" for name in distributions]


def descends_from(model: Any, module: str, name: str) -> bool:
    """Whether an object's class is that class or one below it, told without importing it."""
    return any(base.__name__ == name and base.__module__ == module for base in type(model).__mro__)


def class_name(model: Any) -> str:
    """Return the fully qualified name of an object's class."""
    kind = type(model)
    return f"{kind.__module__}.{kind.__qualname__}"


def accepted(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those keyword arguments that a function takes."""
    if not given:
        return {}
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(given)
    return {name: value for name, value in given.items() if name in parameters}
