"""What the commands share: the client, naming prompts and versions, and files in their place."""

from __future__ import annotations

from pathlib import Path

import click
from pegboard.cli.opening import open_host
from pegboard.errors import InvalidValue, NotFound
from pegboard_scripting.client import Client

from pegboard_prompts import uris
from pegboard_prompts.client import prompts_of
from pegboard_prompts.entities import Prompt, PromptVersion
from pegboard_prompts.store import PromptStore

VERSION = "NAME[/VERSION|@ALIAS]"
"""How a version is named; the newest one by the name alone."""


def client(*, create: bool = False) -> Client:
    """Return a client of what the configuration and options name; NoStore, unless ``create``."""
    config = open_host(click.get_current_context(), creates_stores=create).config
    return Client(config.pegboard.tracking_uri, config.pegboard.models_uri)


def store(*, create: bool = False) -> PromptStore:
    """Return the prompts of the registry in use."""
    return prompts_of(client(create=create))


def alias_of(reference: str) -> tuple[str, str]:
    """Return the name and the alias in NAME@ALIAS; InvalidValue."""
    found = uris.parse(reference)
    if found.alias is None or "@" not in reference:
        raise InvalidValue(f"{reference!r} is not of the form NAME@ALIAS.")
    return found.name, found.alias


def known_alias(prompts: PromptStore, name: str, alias: str) -> Prompt:
    """Return a prompt that has an alias; NotFound says which of the two there is not."""
    found = prompts.get(name)
    if alias not in found.aliases:
        raise NotFound(
            f"The prompt {name!r} has no alias {alias!r}.",
            hint=f"It has: {', '.join(sorted(found.aliases)) or 'none'}.",
        )
    return found


def name_of(reference: str) -> str:
    """Return the name of a prompt; InvalidValue for that of a version."""
    found = uris.parse(reference)
    if reference != found.name:
        raise InvalidValue(
            f"{reference!r} names a version, not a prompt.", hint=f"Write {found.name}."
        )
    return found.name


def version_in(prompts: PromptStore, reference: str) -> PromptVersion:
    """Return a version by its name, or what a file holds if there is one of that name."""
    path = Path(reference)
    if path.suffix and path.is_file():
        from pegboard_prompts import files  # YAML, which what a registry holds does not need.

        return files.read(path).version()
    return prompts.load(reference)
