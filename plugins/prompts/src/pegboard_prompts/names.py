"""The names that scripts use for prompts, as attributes of ``pegboard`` and its modules."""

from __future__ import annotations

_PACKAGE = "pegboard_prompts"

_BOTH = [
    "delete_prompt_alias",
    "load_prompt",
    "register_prompt",
    "search_prompts",
    "set_prompt_alias",
    "search_prompt_versions",
    "rollback_prompt_alias",
    "set_prompt_traffic",
    "delete_prompt",
    "delete_prompt_version",
]
"""What is found in ``pegboard`` and in ``pegboard.genai``."""

_GENAI = [
    "get_prompt_tags",
    "set_prompt_tag",
    "delete_prompt_tag",
    "set_prompt_version_tag",
    "delete_prompt_version_tag",
    "set_prompt_model_config",
    "delete_prompt_model_config",
]
"""What MLflow has in ``genai`` alone."""

_METHODS = [
    "register_prompt",
    "load_prompt",
    "search_prompts",
    "search_prompt_versions",
    "get_prompt",
    "get_prompt_version",
    "get_prompt_version_by_alias",
    "delete_prompt",
    "delete_prompt_version",
    "set_prompt_alias",
    "delete_prompt_alias",
    "rollback_prompt_alias",
    "set_prompt_traffic",
    "set_prompt_tag",
    "delete_prompt_tag",
    "set_prompt_version_tag",
    "delete_prompt_version_tag",
    "set_prompt_model_config",
    "delete_prompt_model_config",
    "link_prompt_version_to_run",
    "link_prompt_version_to_model",
    "link_prompt_versions_to_trace",
    "list_linked_prompts",
]
"""What is found in ``pegboard.Client``."""

_ENTITIES = {
    "Prompt": "entities",
    "PromptVersion": "entities",
    "PromptModelConfig": "model_config",
    "PromptVariable": "entities:Variable",
}
"""What is found in ``pegboard.entities``."""


def _entity(name: str, place: str) -> str:
    return f"{_PACKAGE}.{place}" if ":" in place else f"{_PACKAGE}.{place}:{name}"


TARGETS = {
    **{name: f"{_PACKAGE}.api:{name}" for name in _BOTH},
    **{f"genai.{name}": f"{_PACKAGE}.api:{name}" for name in (*_BOTH, *_GENAI)},
    **{f"Client.{name}": f"{_PACKAGE}.client:{name}" for name in _METHODS},
    **{f"entities.{name}": _entity(name, place) for name, place in _ENTITIES.items()},
}
"""Where each name is."""
