"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Command, Provider, hookimpl


@hookimpl
def pegboard_llm_providers() -> Sequence[Provider]:
    """Declare the provider of models in this process."""
    return [
        Provider(
            "llamacpp",
            "pegboard_llamacpp.provider:LlamaCpp",
            "GGUF files in this process, with llama.cpp",
        )
    ]


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare what fetches weights, in the group ``llm``."""
    return [
        Command("llm", "pegboard_llamacpp.commands:llm", "Language models on this machine."),
        Command("llm fetch", "pegboard_llamacpp.commands:fetch", "Fetch a model's weights."),
        Command("llm list", "pegboard_llamacpp.commands:list_models", "List the known models."),
    ]
