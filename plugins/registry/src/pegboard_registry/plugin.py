"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import Backend, Command, hookimpl
from pegboard.uris import PLAIN_PATH

from pegboard_registry.hookspecs import Gate

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.host import Host
    from pegboard_wire.rooms import Room


@hookimpl
def pegboard_model_registries() -> Sequence[Backend[ModelRegistry]]:
    """Declare the SQLite registry (also for plain paths), and the one for tests."""
    return [
        Backend(
            "sqlite",
            "pegboard_registry.store.sqlite:open_registry",
            "In the SQLite file of a tracking store: sqlite:PATH",
            place="pegboard_registry.store.sqlite:file_of",
        ),
        Backend(
            PLAIN_PATH,
            "pegboard_registry.store.sqlite:open_registry",
            "The same, as a plain path to the file or its directory",
            place="pegboard_registry.store.sqlite:file_of",
        ),
        Backend(
            "file",
            "pegboard_registry.store.sqlite:open_registry",
            "The same, as a URI: file:///PATH",
            place="pegboard_registry.store.sqlite:file_of",
        ),
        Backend(
            "http",
            "pegboard_registry.client.registry:open_registry",
            "Of a server, MLflow's or ours: http://HOST:PORT",
        ),
        Backend(
            "https",
            "pegboard_registry.client.registry:open_registry",
            "The same, over TLS: https://HOST",
        ),
        Backend(
            "memory",
            "pegboard_registry.memory.registry:open_registry",
            "Kept in this process only, for tests: memory:NAME",
        ),
    ]


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module with the hook for gates."""
    return "pegboard_registry.hookspecs"


@hookimpl
def pegboard_model_registry_opened(registry: ModelRegistry, host: Host) -> None:
    """Give the registry its stages and gates."""
    from pegboard_registry.promotion import govern

    govern(registry, host)


@hookimpl
def pegboard_gates() -> Sequence[Gate]:
    """Declare the gates that a person's approval or an evaluation opens."""
    return [
        Gate(
            "approval",
            "pegboard_registry.gates:approval",
            "Others than its author have approved it.",
        ),
        Gate(
            "evaluation",
            "pegboard_registry.gates:evaluation",
            "Its run or logged model meets the conditions.",
        ),
    ]


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the commands that deal with registered models."""
    return [
        Command(
            "models",
            "pegboard_registry.commands.models:models",
            "List, register, promote and change registered models.",
        ),
        Command(
            "registry",
            "pegboard_registry.commands.registry:registry",
            "Show the history, roll back, approve.",
        ),
        Command(
            "lineage",
            "pegboard_registry.commands.lineage:lineage",
            "Show what a model was made from, and what came of it.",
        ),
    ]


@hookimpl
def pegboard_endpoints() -> Sequence[Room]:
    """Declare MLflow's REST endpoints of the registry and of webhooks, and our own."""
    from pegboard_registry.wire.endpoints import ROOMS

    return ROOMS


@hookimpl
def pegboard_server_started(host: Host, tracking_uri: str | None) -> Callable[[], None]:
    """Begin to deliver to webhooks."""
    from pegboard_registry.webhooks.background import Background

    return Background(host, tracking_uri).close


@hookimpl(optionalhook=True)
def pegboard_gateway_started(host: Host) -> Callable[[], None]:
    """Begin to deliver to webhooks, once there is a store on this machine that may have some."""
    from pegboard_registry.webhooks.background import Background

    return Background(host, None, creates=False).close


@hookimpl(optionalhook=True)
def pegboard_budget_exceeded(host: Host, data: Mapping[str, Any]) -> None:
    """Queue the webhook event of a gateway's budget that is spent."""
    from pegboard_registry.webhooks import background

    background.announce(host, "budget_policy.exceeded", data)


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.registry]."""
    return "pegboard_registry.settings:Settings"


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name those of secrets of webhooks."""
    return (
        "PEGBOARD_WEBHOOK_KEY",
        "PEGBOARD_WEBHOOK_SECRET",
    )
