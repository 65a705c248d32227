"""``pegboard.register_prompt``, ``load_prompt`` and the like, under MLflow's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pegboard import paging
from pegboard_llm.templates import Template
from pegboard_scripting.fluent import experiments, runs
from pegboard_scripting.fluent.experiments import client

from pegboard_prompts import client as methods
from pegboard_prompts import linking
from pegboard_prompts.entities import Prompt, PromptVersion
from pegboard_prompts.model_config import PromptModelConfig
from pegboard_prompts.trials import tried

__all__ = [
    "Prompt",
    "PromptVersion",
    "delete_prompt",
    "delete_prompt_alias",
    "delete_prompt_model_config",
    "delete_prompt_tag",
    "delete_prompt_version",
    "delete_prompt_version_tag",
    "get_prompt_tags",
    "load_prompt",
    "register_once",
    "register_prompt",
    "rollback_prompt_alias",
    "search_prompt_versions",
    "search_prompts",
    "set_prompt_alias",
    "set_prompt_model_config",
    "set_prompt_tag",
    "set_prompt_traffic",
    "set_prompt_version_tag",
    "tried",
]

_PAGE = 1000


def register_prompt(
    name: str,
    template: Template,
    commit_message: str | None = None,
    tags: Mapping[str, Any] | None = None,
    response_format: Any = None,
    model_config: PromptModelConfig | Mapping[str, Any] | None = None,
    *,
    variables: Mapping[str, Any] | None = None,
) -> PromptVersion:
    """Add the next version to a prompt, which is created if need be, and return it.

    ``template`` is a text with ``{{ variables }}``, or the messages of a chat: a list of dicts with
    'role' and 'content'. ``{{> NAME@ALIAS }}`` includes another prompt, as it is now.

    ``response_format`` is a JSON schema, or a class of pydantic; ``model_config`` says which model
    it is for, with which settings. ``variables`` describes variables: {"count": {"type": "integer",
    "default": 3, "description": "…"}}. ``tags`` are set on the version and on the prompt.
    """
    return methods.register_prompt(
        client(),
        name,
        template,
        commit_message,
        tags,
        response_format,
        model_config,
        variables=variables,
        experiment_id=_experiment_id(),
    )


def _experiment_id() -> str | None:
    """Return the experiment that was chosen; the default one has prompts of everybody."""
    name, by_id = experiments.of_environment()
    if experiments.chosen_experiment_id() is None and name is None and by_id is None:
        return None
    return experiments.current_experiment_id()


def register_once(
    base: PromptVersion, template: Template, commit_message: str, run_id: str
) -> PromptVersion:
    """Add a version that is as another one but for its template, and return it.

    A run adds one: if it has added one before it broke off, that is returned. ``run_id`` may be
    empty.
    """
    return methods.prompts_of(client()).register_once(
        base, template, commit_message, run_id, client()._author(None, commit_message)
    )


def load_prompt(
    name_or_uri: str,
    version: int | str | None = None,
    allow_missing: bool = False,
    link_to_model: bool = True,
    model_id: str | None = None,
    cache_ttl_seconds: float | None = None,
    *,
    key: str | None = None,
) -> PromptVersion | None:
    """Return a version of a prompt, and link it to the active run, model and trace.

    ``name_or_uri`` is ``prompts:/NAME/3``, ``prompts:/NAME@ALIAS``, ``prompts:/NAME@latest``, or a
    name: then ``version`` says which, by default the newest. NotFound if there is none; None with
    ``allow_missing``.

    ``key`` says for whom, such as the id of a user: where the callers of an alias are shared
    between versions (``set_prompt_traffic``), a key always gets the same one.

    Versions are kept in this process, by number for ever and by alias for 60 s; see
    ``MLFLOW_ALIAS_PROMPT_CACHE_TTL_SECONDS``. ``cache_ttl_seconds=0`` asks the registry.
    """
    found = methods.load_prompt(
        client(), name_or_uri, version, allow_missing, cache_ttl_seconds, key=key
    )
    if found is not None:
        linking.to_active(found, (model_id or runs.here.model_id) if link_to_model else None)
    return found


def search_prompts(
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Prompt]:
    """Return all prompts that match, by ``name``, ``tags.KEY`` and ``experiment_id``."""
    search = partial(client().search_prompts, filter_string=filter_string, order_by=order_by)
    return paging.first(search, max_results, _PAGE)


def search_prompt_versions(name: str, max_results: int | None = None) -> list[PromptVersion]:
    """Return the versions of a prompt, the newest first."""
    return paging.first(partial(_versions, name), max_results, _PAGE)


def _versions(name: str, max_results: int, page_token: str | None) -> Any:
    return methods.search_prompt_versions(client(), name, max_results, page_token)


def set_prompt_alias(name: str, alias: str, version: int | str, *, reason: str = "") -> None:
    """Let an alias point at a version, from wherever it points now; refused by a gate."""
    methods.set_prompt_alias(client(), name, alias, version, reason=reason)


def delete_prompt_alias(name: str, alias: str, *, reason: str = "") -> None:
    """Remove an alias, if it is there."""
    methods.delete_prompt_alias(client(), name, alias, reason=reason)


def rollback_prompt_alias(name: str, alias: str, *, reason: str = "") -> PromptVersion:
    """Take the last move of an alias back, and return the version that it points at now."""
    return methods.rollback_prompt_alias(client(), name, alias, reason=reason)


def set_prompt_traffic(
    name: str, shares: Mapping[Any, float], alias: str = "production"
) -> dict[int, float]:
    """Share the callers of an alias between versions: {3: 90, 4: 10}; {} ends it.

    It is for those who say for whom they load: ``load_prompt("prompts:/NAME@production", key=…)``.
    All others, and MLflow's clients, get the alias's version. The gates of the alias are asked for
    each version.
    """
    return methods.set_prompt_traffic(client(), name, shares, alias)


def get_prompt_tags(name: str) -> dict[str, str]:
    """Return the tags of a prompt; NotFound."""
    return methods.prompts_of(client()).get(name).tags


def set_prompt_tag(name: str, key: str, value: Any) -> None:
    """Set or change a tag of a prompt."""
    methods.set_prompt_tag(client(), name, key, value)


def delete_prompt_tag(name: str, key: str) -> None:
    """Remove a tag of a prompt, if it is there."""
    methods.delete_prompt_tag(client(), name, key)


def set_prompt_version_tag(name: str, version: int | str, key: str, value: Any) -> None:
    """Set or change a tag of a version."""
    methods.set_prompt_version_tag(client(), name, version, key, value)


def delete_prompt_version_tag(name: str, version: int | str, key: str) -> None:
    """Remove a tag of a version, if it is there."""
    methods.delete_prompt_version_tag(client(), name, version, key)


def set_prompt_model_config(
    name: str, version: int | str, model_config: PromptModelConfig | Mapping[str, Any]
) -> None:
    """Set or change which model a version is for, and with which settings."""
    methods.set_prompt_model_config(client(), name, version, model_config)


def delete_prompt_model_config(name: str, version: int | str) -> None:
    """Forget which model a version is for."""
    methods.delete_prompt_model_config(client(), name, version)


def delete_prompt(name: str, *, reason: str = "") -> None:
    """Remove a prompt with all its versions; its history is kept."""
    methods.delete_prompt(client(), name, reason=reason)


def delete_prompt_version(name: str, version: int | str, *, reason: str = "") -> None:
    """Remove a version, and the aliases that point at it."""
    methods.delete_prompt_version(client(), name, version, reason=reason)
