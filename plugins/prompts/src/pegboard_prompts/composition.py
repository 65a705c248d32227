"""Prompts that include others: ``{{> NAME@ALIAS }}`` or ``{{> NAME/3 }}``.

They are put together when a version is registered, not when it is loaded: a version stays what was
tested, and MLflow's clients read it whole. What was included is recorded, at which version.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pegboard.errors import InvalidValue, NotFound
from pegboard_llm import templates
from pegboard_llm.templates import Template

from pegboard_prompts import uris
from pegboard_prompts.entities import Include, PromptVersion
from pegboard_prompts.uris import Reference

_INCLUDE = re.compile(r"\{\{>\s*(.*?)\s*\}\}", re.S)
MOST = 100
"""How many other prompts one includes at the most."""


def includes_any(template: Template) -> bool:
    """Whether a template includes others."""
    return any(_INCLUDE.search(text) for text in templates.texts(template))


def names_in(template: Template) -> list[str]:
    """Return the names of the prompts that a template includes; what is malformed names none."""
    found = (text for each in templates.texts(template) for text in _INCLUDE.findall(each))
    names = [re.split("[/@]", asked.removeprefix(uris.SCHEME))[0] for asked in found]
    return list(dict.fromkeys(names))


def composed(
    name: str,
    template: Template,
    find: Callable[[Reference], PromptVersion],
    pinned: dict[str, int] | None = None,
) -> tuple[Template, list[Include]]:
    """Return a template with the texts of what it includes, and what that is.

    ``pinned`` maps NAME@ALIAS to the version to take, whatever the alias points at now.
    InvalidValue if one does not exist, is a chat, or includes the prompt itself.
    """
    found: dict[str, tuple[str, Include]] = {}

    def text_of(match: re.Match[str]) -> str:
        asked = match[1]
        if asked not in found:
            if len(found) == MOST:
                raise InvalidValue(f"A prompt includes {MOST} others at the most.")
            found[asked] = _found(name, asked, find, pinned or {})
        return found[asked][0]

    whole = templates.mapped(template, lambda text: _INCLUDE.sub(text_of, text))
    return whole, [include for _, include in found.values()]


def _found(
    name: str, asked: str, find: Callable[[Reference], PromptVersion], pinned: dict[str, int]
) -> tuple[str, Include]:
    reference = uris.parse(asked.removeprefix(uris.SCHEME))
    if asked in pinned:
        reference = Reference(reference.name, str(pinned[asked]), None)
    alias = uris.parse(asked.removeprefix(uris.SCHEME)).alias
    if reference.name == name:
        raise _cycle(name, [name])
    try:
        version = find(reference)
    except NotFound as error:
        raise InvalidValue(
            f"The prompt {name!r} includes {asked!r}, which there is not: {error.message}",
            hint=f"Register {reference.name!r} first, or give it that alias.",
        ) from None
    if not version.is_text_prompt:
        raise InvalidValue(
            f"The prompt {name!r} includes {asked!r}, which is a chat.",
            hint="Texts can be included; put the part that is shared into a prompt of its own.",
        )
    through = _path_to(name, version, find)
    if through:
        raise _cycle(name, through)
    return version.text, Include(name=version.name, version=version.version, alias=alias)


def _path_to(
    name: str, version: PromptVersion, find: Callable[[Reference], PromptVersion]
) -> list[str]:
    """Return the names from a version to a prompt that it includes, however deep; [] if none."""
    pending, seen = [(version, [version.name])], {version.uri}
    while pending:
        current, path = pending.pop()
        for each in current.includes:
            if each.name == name:
                return [*path, name]
            reference = Reference(each.name, str(each.version), None)
            if reference.uri not in seen:
                seen.add(reference.uri)
                try:
                    pending.append((find(reference), [*path, each.name]))
                except NotFound:
                    continue  # Deleted since; what it included is in the text.
    return []


def _cycle(name: str, path: list[str]) -> InvalidValue:
    return InvalidValue(
        f"The prompt {name!r} would include itself: {' → '.join([name, *path])}.",
        hint="Put the part that both need into a prompt of its own.",
    )
