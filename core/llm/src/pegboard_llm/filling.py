"""Templates that may be Jinja's, rendered in its sandbox where it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.errors import InvalidValue

from pegboard_llm import templates
from pegboard_llm.templates import Template


def rendered(template: Template, values: Mapping[str, Any]) -> Template:
    """Return a template of Jinja, each text of it rendered; InvalidValue says why one cannot be."""
    found: Template = _jinja().rendered(template, values)
    return found


def check(template: Template) -> None:
    """Refuse a template of Jinja that can never be rendered; InvalidValue."""
    if templates.is_jinja(template):
        _jinja().check(template)


def names(template: Template) -> list[str]:
    """Return the names of what a template is given, in their order; InvalidValue for a broken one.

    Of ``{{ user.name }}`` in a template of Jinja that is ``user``, and else ``user.name``.
    """
    if not templates.is_jinja(template):
        return templates.variables(template)
    found: list[str] = _jinja().names(template)
    return found


def _jinja() -> Any:
    try:
        from pegboard_llm import jinja
    except ModuleNotFoundError:
        raise InvalidValue(
            "The template has statements of Jinja, which is not installed.",
            hint="Install it: pip install 'pegboard-llm[jinja]'",
        ) from None
    return jinja
