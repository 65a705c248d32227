"""Which registered models are prompts: those that MLflow's clients have tagged so."""

from __future__ import annotations

from collections.abc import Mapping

from pegboard_registry.prompts import IS_PROMPT

TEXT = "mlflow.prompt.text"
TYPE = "_mlflow_prompt_type"


def is_prompt(tags: Mapping[str, str]) -> bool:
    """Whether these are the tags of a prompt, or of a version of one."""
    return tags.get(IS_PROMPT, "").lower() == "true"


def shown_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that a user has given a prompt."""
    return {key: value for key, value in tags.items() if key not in (IS_PROMPT, TEXT, TYPE)}
