"""Under which names the user knows the objects that a function was called with."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

_OURS = ("pegboard_models.autologging", "pegboard_sklearn", "pegboard_xgboost", "pegboard_lightgbm")
_LONGEST = 32


def name_of(value: Any, fallback: str) -> str:
    """Return the name of the variable that holds an object where it was first passed on.

    Functions that only pass it on are left out; what is an expression has no name.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame = frame.f_back
    while frame is not None:
        variables = frame.f_locals
        if not _was_passed(frame, variables, value):
            return next((name for name, held in variables.items() if held is value), fallback)
        frame = frame.f_back
    return fallback


def _was_passed(frame: FrameType, variables: Mapping[str, Any], value: Any) -> bool:
    arguments = inspect.getargs(frame.f_code)
    held = [variables.get(name) for name in arguments.args]
    if arguments.varargs:
        held += variables.get(arguments.varargs, ())
    if arguments.varkw:
        held += variables.get(arguments.varkw, {}).values()
    return any(item is value for item in held)


def call_text(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> str:
    """Return a call as text, with the names of variables: ``accuracy_score(y_true=y_test, …)``.

    ``args`` and ``kwargs`` are those of ``function``; a first parameter ``self`` is left out.
    """
    names = list(inspect.signature(function).parameters)
    if names and names[0] == "self":
        names, args = names[1:], args[1:]
    given = [*zip(names, args, strict=False), *kwargs.items()]
    return f"{name}({', '.join(f'{key}={_shown(value)}' for key, value in given)})"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, complex)):
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
    return name_of(value, f"<{type(value).__name__}>")
