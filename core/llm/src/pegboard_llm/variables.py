"""What is known of the variables of a prompt: type, default and description."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from attrs import frozen
from pegboard.errors import InvalidValue

from pegboard_llm import templates
from pegboard_llm.values import json_of

TYPES = ("string", "integer", "number", "boolean", "array", "object")
"""Types have JSON Schema's names."""

_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (Mapping,),
}
_KEYS = ("type", "default", "description")


@frozen(kw_only=True)
class Variable:
    """What a variable takes. ``default`` is used where no value is given; None: there is none."""

    type: str = "string"
    default: Any = None
    description: str = ""

    def plain(self) -> dict[str, Any]:
        """Return what is told of it, without what is as always."""
        found: dict[str, Any] = {"type": self.type}
        if self.default is not None:
            found["default"] = self.default
        if self.description:
            found["description"] = self.description
        return found

    def check(self, name: str, value: Any) -> None:
        """InvalidValue if a value has not its type. What has no type of its own, None, passes."""
        fits = isinstance(value, _PYTHON[self.type])
        if isinstance(value, bool) and self.type != "boolean":
            fits = False
        if value is not None and not fits:
            raise InvalidValue(
                f"The variable {name!r} takes {_with_article(self.type)}, not {value!r:.60} "
                f"({type(value).__name__})."
            )


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def read(given: Mapping[str, Any], known: Iterable[str]) -> dict[str, Variable]:
    """Return variables from what a user gives: each a Variable, its keys as a dict, or its type.

    InvalidValue for a variable that is not among those ``known``, which the template has.
    """
    there = list(known)
    roots = {name.partition(".")[0] for name in there}
    found: dict[str, Variable] = {}
    for name, each in given.items():
        if name not in there and name not in roots:
            near = get_close_matches(str(name), there, 1)
            raise InvalidValue(
                f"The prompt has no variable {name!r}.",
                hint=f"Do you mean {near[0]!r}?" if near else f"It has: {', '.join(there) or '-'}.",
            )
        found[name] = _variable(name, each)
    return found


def _variable(name: str, given: Any) -> Variable:
    if isinstance(given, str):
        given = {"type": given}
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in _KEYS]
        if unknown:
            raise InvalidValue(
                f"The variable {name!r} has the unknown key {unknown[0]!r}.",
                hint=f"Known are: {', '.join(_KEYS)}.",
            )
        given = Variable(**given)
    if not isinstance(given, Variable):
        raise InvalidValue(
            f"The variable {name!r} is described by {given!r:.60}.",
            hint='Write {"type": "integer", "default": 3, "description": "…"}.',
        )
    if given.type not in TYPES:
        raise InvalidValue(
            f"The variable {name!r} has the unknown type {given.type!r}.",
            hint=f"Types are: {', '.join(TYPES)}.",
        )
    if not isinstance(given.description, str):
        raise InvalidValue(f"The description of the variable {name!r} is not a text.")
    if given.default is not None:
        given.check(name, given.default)
    return given


def plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables from what a user gives, as what is kept of them; InvalidValue."""
    return {name: _variable(name, each).plain() for name, each in given.items()}


def dumped(variables: Mapping[str, Variable]) -> str:
    """Return variables as the text of a tag."""
    try:
        told = {name: each.plain() for name, each in variables.items()}
        return json.dumps(told, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"A default cannot be kept as JSON: {error}.") from None


def loaded(text: str | None) -> dict[str, Variable]:
    """Return variables from the text of a tag; what others wrote there wrongly is passed over."""
    try:
        told = json_of(text or "{}")
    except ValueError:
        return {}
    found: dict[str, Variable] = {}
    for name, each in told.items() if isinstance(told, dict) else ():
        try:
            found[name] = _variable(name, each)
        except InvalidValue:
            continue
    return found


def _written(text: str) -> Any:
    try:
        return json_of(text)
    except ValueError:
        return text


def completed(
    names: Sequence[str],
    known: Mapping[str, Variable],
    values: Mapping[str, Any],
    *,
    written: bool = False,
) -> dict[str, Any]:
    """Return values with defaults where there are none; InvalidValue for one of a wrong type.

    With ``written``, a text is taken for the value that it is as JSON, where the variable takes no
    text: people write texts.
    """
    found = dict(values)
    for name, variable in known.items():
        value = templates.lookup(name, values)
        if written and isinstance(value, str) and variable.type != "string":
            value = found[name] = _written(value)
        if value is templates.MISSING:
            if variable.default is not None:
                found[name] = variable.default
        elif name in names or any(each.startswith(f"{name}.") for each in names):
            variable.check(name, value)
    return found
