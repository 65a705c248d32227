"""What a function was called with, by the names of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_models.autologging.patching import Call


def arguments(call: Call) -> dict[str, Any]:
    """Return what a call gives, by name; TypeError if it does not fit the function."""
    bound = inspect.signature(call.function).bind(*call.args, **call.kwargs)
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[name] = value
    return found


def as_params(
    call: Call, given: Mapping[str, Any], left_out: Collection[str] = ()
) -> dict[str, Any]:
    """Return the arguments to log as params: those given, and the defaults of the others."""
    parameters = inspect.signature(call.function).parameters.values()
    defaults = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not parameter.empty
    }
    return {name: value for name, value in {**defaults, **given}.items() if name not in left_out}
