"""``{{ variable }}`` in texts: replaced by what a case has, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pegboard.errors import InvalidValue

from pegboard_evaluation.genai.texts import as_json
from pegboard_evaluation.suites.source import At, listed, meant

_HOLE = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.S)
_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")


def check(at: At, value: Any) -> None:
    """Refuse what is not replaced here: filters, conditions, loops."""
    for text in _texts(value):
        for hole in _HOLE.findall(text):
            if _NAME.fullmatch(hole) is None:
                raise at.wrong(
                    f"{{{{ {hole} }}}} is not a variable.",
                    "Only {{ name }} and {{ name.field }} are replaced. What needs more is a "
                    "Python function: FILE.py:FUNCTION.",
                )
        if "{%" in text:
            raise at.wrong(
                "{% … %} is not known here.",
                "Only {{ name }} is replaced. What needs more is a Python function: "
                "FILE.py:FUNCTION.",
            )


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a text, or what holds texts, with variables replaced; InvalidValue if one is missing.

    A text that is one variable and nothing else becomes its value.
    """
    if isinstance(value, str):
        whole = _HOLE.fullmatch(value)
        if whole is not None:
            return _of(whole[1], variables)
        return _HOLE.sub(lambda match: as_json(_of(match[1], variables)), value)
    if isinstance(value, Mapping):
        return {key: filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, variables) for each in value]
    return value


def _of(name: str, variables: Mapping[str, Any]) -> Any:
    found: Any = variables
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = list(variables)
            raise InvalidValue(
                f"There is no variable {name!r}.",
                hint=f"{meant(name, known)}There are: {listed(known) or 'none'}.",
            )
        found = found[part]
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
