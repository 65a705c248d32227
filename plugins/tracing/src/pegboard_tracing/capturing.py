"""The arguments of a call, by the names of the function's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Capture: TypeAlias = Callable[[Sequence[Any], Mapping[str, Any]], dict[str, Any] | None]

_NAMED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def capture_of(function: Callable[..., Any]) -> Capture:
    """Return what names the arguments of calls of a function.

    It returns all parameters with their values, without the object that a method belongs to; None
    if the function cannot be called so, which the call itself will tell.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return _unnamed
    parameters = list(signature.parameters.values())
    skipped = parameters[0].name if parameters and parameters[0].name in ("self", "cls") else None
    slow = _bind(signature, skipped)
    if any(each.kind not in _NAMED for each in parameters):
        return slow
    return _quick(parameters, skipped, slow)


def _quick(parameters: list[inspect.Parameter], skipped: str | None, slow: Capture) -> Capture:
    names = [each.name for each in parameters if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    count, total = len(names), len(parameters)
    empty = inspect.Parameter.empty
    order = [each.name for each in parameters]
    defaults = {each.name: each.default for each in parameters if each.default is not empty}

    def capture(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        given = len(args)
        if not kwargs and given == total:
            found = dict(zip(names, args, strict=True))
        elif given > count or kwargs.keys() & names[:given]:
            return None
        else:
            known = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
            if len(known) != total:
                return slow(args, kwargs)
            found = {name: known[name] for name in order if name in known}
        if skipped is not None:
            _without_owner(found, skipped)
        return found

    return capture


def _bind(signature: inspect.Signature, skipped: str | None) -> Capture:
    def capture(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return None
        bound.apply_defaults()
        found: dict[str, Any] = dict(bound.arguments)
        if skipped is not None:
            _without_owner(found, skipped)
        return found

    return capture


def _without_owner(found: dict[str, Any], name: str) -> None:
    if name == "self" or isinstance(found.get(name), type):
        found.pop(name, None)


def _unnamed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a function that does not tell its parameters."""
    return {"args": list(args), "kwargs": dict(kwargs)}
