"""How versions of prompts lie in the model registry: in MLflow's tags, and a few beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidState, InvalidValue
from pegboard_llm import templates
from pegboard_llm.templates import Template
from pegboard_stores import prompt_tags as keys

from pegboard_prompts import model_config as config
from pegboard_prompts import tagging
from pegboard_prompts.entities import Prompt, PromptVersion

if TYPE_CHECKING:
    from pegboard.entities.registry import ModelVersion, RegisteredModel


def unregistered(
    name: str,
    template: Template,
    *,
    response_format: Any = None,
    model_config: config.PromptModelConfig | Mapping[str, Any] | None = None,
    described: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> PromptVersion:
    """Return version 0 of a prompt, which no registry has; InvalidValue if something is wrong."""
    given = tagging.tags_of(
        templates.checked(template),
        response_format=response_format,
        model_config=model_config,
        described=described,
        tags=tags,
    )
    return PromptVersion.of_tags(name, 0, given)


def version_of(found: ModelVersion) -> PromptVersion:
    """Return a version from what the registry keeps; InvalidValue if it is one of a model."""
    if not keys.is_prompt(found.tags):
        raise not_a_prompt(found.name)
    if keys.TEXT not in found.tags:
        raise InvalidState(
            f"Version {found.version} of the prompt {found.name!r} has no text.",
            hint=f"Its tag {keys.TEXT!r} was removed; register another version.",
        )
    return PromptVersion.of_tags(
        found.name,
        int(found.version),
        found.tags,
        found.description or None,
        found.creation_timestamp,
        found.last_updated_timestamp,
        found.user_id,
        tuple(found.aliases),
    )


def not_a_prompt(name: str) -> InvalidValue:
    """Return the error that a name is that of a registered model."""
    return InvalidValue(
        f"{name!r} is a registered model, not a prompt.",
        hint="Models and prompts share their names; choose another one for the prompt.",
    )


def prompt_of(found: RegisteredModel) -> Prompt:
    """Return a prompt from what the registry keeps; InvalidValue if it is a model."""
    if not keys.is_prompt(found.tags):
        raise not_a_prompt(found.name)
    newest = [int(each.version) for each in found.latest_versions]
    return Prompt(
        found.name,
        found.description or None,
        found.creation_timestamp,
        {key: value for key, value in found.tags.items() if key != keys.IS_PROMPT},
        found.last_updated_timestamp,
        {alias: int(version) for alias, version in found.aliases.items()},
        max(newest, default=None),
    )
