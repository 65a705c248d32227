"""Servers that speak as OpenAI does, by address; ``presets.toml`` knows the usual ones.

For each of them there is a provider, ``pegboard_providers.compatible:NAME`` with ``_`` for ``-``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, ClassVar

from attrs import field, frozen
from pegboard.contracts.llm import Task
from pegboard.errors import ConfigError
from pegboard_llm.vendors import checked_url, key_of, variables_of

from pegboard_providers.openai_form import OpenAIForm
from pegboard_providers.settings import KeyAndAddress, extra_headers

_TASKS = {
    "chat": Task.CHAT,
    "completions": Task.COMPLETION,
    "embeddings": Task.EMBEDDING,
}


@frozen(kw_only=True)
class CompatibleSettings(KeyAndAddress):
    """A server that speaks as OpenAI does."""

    fields: list[str] = field(factory=list)
    """Fields of requests that the server takes beside those that are known of it."""


@frozen
class Preset:
    """What is known of a server; ``takes`` are the fields of each task that it offers."""

    title: str
    takes: Mapping[Task, frozenset[str]]
    base_url: str = ""
    key: tuple[str, ...] = ()
    keyless: bool = False


class Compatible(OpenAIForm):
    """A server that speaks as OpenAI does. Subclasses are made of presets."""

    preset: ClassVar[Preset]
    settings = CompatibleSettings
    renames: ClassVar[Mapping[str, str]] = {"max_completion_tokens": "max_tokens"}

    def __init__(self, options: CompatibleSettings) -> None:
        super().__init__(options)
        preset = self.preset
        address = options.base_url or preset.base_url
        if not address:
            raise ConfigError(
                f"There is no address of the {preset.title}.",
                hint='Set "base_url" in the settings of this provider, such as '
                "https://host.example/v1.",
            )
        self.base = checked_url(address, "base_url")
        variables = variables_of(self.base, preset.base_url, *preset.key)
        key = key_of(options.api_key, self.vendor, *variables, needed=not preset.keyless)
        if key:
            self._headers["authorization"] = f"Bearer {self.keep_secret(key)}"
        self._headers |= extra_headers(options.headers)
        more = frozenset(options.fields)
        self._takes = {task: known | more for task, known in preset.takes.items()}

    def root(self) -> str:
        """Return the address of the API."""
        return self.base

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:  # noqa: ARG002
        """Return what the server takes, with what the settings say."""
        return self._takes


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    text = resources.files("pegboard_providers").joinpath("presets.toml").read_text("utf-8")
    table = tomllib.loads(text)
    sets: Mapping[str, str] = table.pop("sets")
    return {name: _preset(said, sets) for name, said in table.items()}


def _preset(said: Mapping[str, Any], sets: Mapping[str, str]) -> Preset:
    takes = {
        task: frozenset(word for name in said[key] for word in sets.get(name, name).split())
        for key, task in _TASKS.items()
        if key in said
    }
    return Preset(
        said["title"],
        takes,
        said.get("base_url", ""),
        tuple(said.get("key", ())),
        said.get("keyless", False),
    )


@cache
def provider_of(name: str) -> type[Compatible]:
    """Return the provider of a preset; KeyError if there is none of that name."""
    preset = presets()[name]
    body = {
        "__doc__": f"{preset.title}.",
        "__module__": __name__,
        "preset": preset,
        "vendor": preset.title,
        "takes": preset.takes,
    }
    return type(name.replace("-", "_"), (Compatible,), body)


def __getattr__(name: str) -> type[Compatible]:
    """Return the provider of a preset."""
    try:
        return provider_of(name.replace("_", "-"))
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
