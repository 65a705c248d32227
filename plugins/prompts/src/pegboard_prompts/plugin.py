"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Command, Flavor, hookimpl

from pegboard_prompts.names import TARGETS

if TYPE_CHECKING:
    from pegboard_wire.rooms import Room


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


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare ``pegboard prompts``."""
    home = "pegboard_prompts.commands"
    return [
        Command(
            "prompts",
            f"{home}.group:prompts",
            "List, register, compare and promote prompts; keep them as files in git.",
        ),
        Command("prompts list", f"{home}.reading:list_prompts", "List prompts."),
        Command("prompts versions", f"{home}.reading:versions", "List the versions of a prompt."),
        Command("prompts show", f"{home}.reading:show", "Show a version of a prompt."),
        Command("prompts diff", f"{home}.reading:diff", "Compare two versions word by word."),
        Command("prompts register", f"{home}.changing:register", "Add a version to a prompt."),
        Command("prompts alias", f"{home}.changing:alias", "Let an alias point at a version."),
        Command("prompts unalias", f"{home}.changing:unalias", "Remove an alias."),
        Command("prompts rollback", f"{home}.changing:rollback", "Take back an alias's last move."),
        Command("prompts traffic", f"{home}.changing:share", "Share callers between versions."),
        Command("prompts delete", f"{home}.changing:delete", "Remove a prompt, or a version."),
        Command("prompts export", f"{home}.folders:export", "Write prompts into a folder."),
        Command("prompts import", f"{home}.folders:import_folder", "Register a folder's prompts."),
    ]


@hookimpl
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare models that are a prompt and an endpoint."""
    return [
        Flavor(
            "promptlab",
            "pegboard_prompts.promptlab.model:Promptlab",
            "A prompt and an endpoint of a gateway, of MLflow's Prompt Engineering",
        )
    ]


@hookimpl(optionalhook=True)
def pegboard_endpoints() -> Sequence[Room]:
    """Declare what MLflow's 2.x page saves a prompt by."""
    from pegboard_wire.rooms import Room

    module = "pegboard_prompts.promptlab.endpoint"
    return [Room(f"{module}:ENDPOINTS", "POST /api/2.0/mlflow/runs/create-promptlab-run")]
