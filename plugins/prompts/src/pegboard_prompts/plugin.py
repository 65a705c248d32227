"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, hookimpl

from pegboard_prompts.names import TARGETS


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.load_prompt`` and the like, under MLflow's names."""
    return [ApiName(name, target, "Prompts") for name, target in TARGETS.items()]


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name those that say how long prompts are kept in a process, and how many."""
    return (
        "PEGBOARD_ALIAS_PROMPT_CACHE_TTL_SECONDS",
        "PEGBOARD_PROMPT_CACHE_MAX_SIZE",
        "PEGBOARD_VERSION_PROMPT_CACHE_TTL_SECONDS",
    )
