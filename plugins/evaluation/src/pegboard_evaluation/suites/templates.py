"""``{{ variable }}`` in the texts of a form, as prompts of the registry have it.

A text that is one variable and nothing else becomes its value; so a form can compare numbers and
lists with what a case has. All else is that of ``pegboard_llm.templates``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_llm import filling, templates

from pegboard_evaluation.genai.texts import as_json
from pegboard_evaluation.suites.source import At, listed, meant

_HOLE = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.S)


def check(at: At, value: Any) -> None:
    """Refuse what would stay as it is: what stands in braces and is not the name of a variable."""
    for text in _texts(value):
        if templates.is_jinja(text):
            try:
                filling.check(text)
            except InvalidValue as error:
                raise at.wrong(error.message, error.hint) from None
            continue
        for hole in _HOLE.findall(text):
            if templates.NAME.fullmatch(hole) is None:
                raise at.wrong(
                    f"{{{{ {hole} }}}} is not a variable.",
                    "{{ name }} and {{ name.field }} are replaced; names have letters from a to "
                    "z, digits and _. Filters are for templates of Jinja, which have {% … %}; "
                    "what needs more is a Python function: FILE.py:FUNCTION.",
                )


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a text, or what holds texts, with variables replaced; InvalidValue if one is missing.

    A text that is one variable and nothing else becomes its value.
    """
    if isinstance(value, Mapping):
        return {key: filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, variables) for each in value]
    if not isinstance(value, str):
        return value
    if templates.is_jinja(value):
        return filling.rendered(value, variables)
    whole = templates.VARIABLE.fullmatch(value)
    if whole is not None:
        return _of(whole[1], variables)
    shown = {name: as_json(_of(name, variables)) for name in templates.variables(value)}
    return templates.filled(value, shown)


def _of(name: str, variables: Mapping[str, Any]) -> Any:
    found = templates.lookup(name, variables)
    if found is templates.MISSING:
        known = list(variables)
        raise InvalidValue(
            f"There is no variable {name!r}.",
            hint=f"{meant(name, known)}There are: {listed(known) or 'none'}.",
        )
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
