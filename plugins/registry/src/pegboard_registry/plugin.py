"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import Backend, Command, Gate, hookimpl
from pegboard.uris import PLAIN_PATH

if TYPE_CHECKING:
    from pegboard.contracts.http import Endpoint
    from pegboard.contracts.registry import ModelRegistry, Promotion, Verdict
    from pegboard.host import Host
    from pegboard.uris import Uri

NAME = "registry"
"""The name of the entry point, and of the table in the configuration."""


def _sqlite(uri: Uri, settings: Mapping[str, Any]) -> ModelRegistry:
    from pegboard_registry.store import open_registry

    return open_registry(uri, settings)


def _memory(uri: Uri, settings: Mapping[str, Any]) -> ModelRegistry:
    from pegboard_registry.memory import open_registry

    return open_registry(uri, settings)


def _file(uri: Uri, settings: Mapping[str, Any]) -> Path:
    from pegboard_registry.store import file_of

    del settings
    return file_of(uri)


def _server(uri: Uri, settings: Mapping[str, Any]) -> ModelRegistry:
    from pegboard_registry.rest.registry import open_registry

    return open_registry(uri, settings)


@hookimpl
def pegboard_model_registries() -> Sequence[Backend[ModelRegistry]]:
    """Declare the SQLite registry (also for plain paths), and the one for tests."""
    return [
        Backend("sqlite", _sqlite, "In the SQLite file of a tracking store: sqlite:PATH", _file),
        Backend(
            PLAIN_PATH, _sqlite, "The same, as a plain path to the file or its directory", _file
        ),
        Backend("file", _sqlite, "The same, as a URI: file:///PATH", _file),
        Backend("http", _server, "Of a server, MLflow's or ours: http://HOST:PORT"),
        Backend("https", _server, "The same, over TLS: https://HOST"),
        Backend("memory", _memory, "Kept in this process only, for tests: memory:NAME"),
    ]


def _approval(promotion: Promotion, registry: ModelRegistry, host: Host) -> Verdict:
    from pegboard_registry.gates import approval

    return approval(promotion, registry, host)


def _evaluation(promotion: Promotion, registry: ModelRegistry, host: Host) -> Verdict:
    from pegboard_registry.gates import evaluation

    return evaluation(promotion, registry, host)


@hookimpl
def pegboard_gates() -> Sequence[Gate]:
    """Declare the gates that a person's approval or an evaluation opens."""
    return [
        Gate("approval", _approval, "Others than its author have approved it."),
        Gate("evaluation", _evaluation, "Its run or logged model meets the conditions."),
    ]


def _models() -> Any:
    from pegboard_registry.commands.models import models

    return models


def _registry() -> Any:
    from pegboard_registry.commands.registry import registry

    return registry


def _lineage() -> Any:
    from pegboard_registry.commands.lineage import lineage

    return lineage


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the commands that deal with registered models."""
    return [
        Command("models", _models, "List, register, promote and change registered models."),
        Command("registry", _registry, "Show the history, roll back, approve."),
        Command("lineage", _lineage, "Show what a model was made from, and what came of it."),
    ]


@hookimpl
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Declare MLflow's REST endpoints of the registry and of webhooks, and our own."""
    from pegboard_registry.wire.endpoints import endpoints

    return endpoints()


@hookimpl
def pegboard_server_started(host: Host, tracking_uri: str | None) -> Callable[[], None]:
    """Begin to deliver to webhooks."""
    from pegboard_registry.webhooks.background import Background

    return Background(host, tracking_uri).close


@hookimpl
def pegboard_settings() -> Mapping[str, object]:
    """Declare the settings of [plugins.registry]."""
    return {
        # The gates: how many people have to approve, and what has to hold, as filters of runs do.
        "approvals_needed": 1,
        "evaluation": [],
        # Hosts that webhooks may call though they are not public, with or without a port.
        "webhook_allow": [],
        "webhook_attempts": 8,
        "webhook_pause_seconds": 2.0,
        "webhook_timeout_seconds": 10.0,
    }
