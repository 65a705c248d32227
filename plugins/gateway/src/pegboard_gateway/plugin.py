"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import Command, Finding, hookimpl

from pegboard_gateway.hookspecs import GuardrailKind, LedgerBackend

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_wire.http import Identity
    from pegboard_wire.rooms import Room


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.gateway]."""
    return "pegboard_gateway.settings:Settings"


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare what serves models, and what shows and changes the configuration."""
    home = "pegboard_gateway.commands"
    return [
        Command("gateway", f"{home}.group:gateway", "Serve language models at one address."),
        Command("gateway start", f"{home}.start:start", "Serve language models over HTTP."),
        Command(
            "gateway endpoints",
            f"{home}.endpoints:endpoints",
            "List, show, add and remove endpoints.",
        ),
        Command(
            "gateway secrets", f"{home}.secrets:secrets", "List secrets, and change their key."
        ),
        Command("gateway keys", f"{home}.keys:keys", "Make, list and revoke keys of clients."),
        Command("gateway usage", f"{home}.usage:usage", "Show calls, tokens, money and times."),
        Command(
            "gateway budgets", f"{home}.usage:budgets", "Show what is left of limits and budgets."
        ),
        Command("gateway check", f"{home}.check:check", "Say whether a configuration is right."),
    ]


@hookimpl(optionalhook=True)
def pegboard_endpoints() -> Sequence[Room]:
    """Serve the faces of the gateway, and its administration."""
    from pegboard_gateway.endpoints import ROOMS

    return ROOMS


@hookimpl(optionalhook=True)
def pegboard_server_started(
    host: Host, tracking_uri: str | None, workers: int
) -> Callable[[], None]:
    """Begin to serve models, and return what ends it."""
    from pegboard_gateway import starting

    return starting.begin(host, workers, tracking_uri=tracking_uri)


@hookimpl(optionalhook=True)
def pegboard_callers(host: Host) -> Callable[[Mapping[bytes, bytes]], Identity | None]:
    """Let client keys of the gateway in, to models and nothing else."""
    from pegboard_gateway import key_callers

    return key_callers.known_keys(host)


@hookimpl(optionalhook=True)
def pegboard_collectors(host: Host) -> Sequence[Any]:
    """Show the numbers of the gateway among the server's."""
    from pegboard_gateway import service

    controls = service.controls_of(host)
    return () if controls is None else controls.collectors()


@hookimpl
def pegboard_checks(host: Host) -> Iterable[Finding]:
    """Check the endpoints that are configured."""
    from pegboard_gateway.catalog.checks import findings

    return findings(host)


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module with the hooks for ledgers and guardrails."""
    return "pegboard_gateway.hookspecs"


@hookimpl
def pegboard_gateway_ledgers() -> Sequence[LedgerBackend]:
    """Declare the counters of one process and of one machine."""
    return [
        LedgerBackend(
            "memory", "pegboard_gateway.control.ledgers.memory:make", "Counts in this process."
        ),
        LedgerBackend(
            "sqlite",
            "pegboard_gateway.control.ledgers.sqlite:make",
            "Counts for all workers of one machine: sqlite:PATH",
        ),
    ]


@hookimpl
def pegboard_guardrails() -> Sequence[GuardrailKind]:
    """Declare the guardrails that come with the gateway."""
    home = "pegboard_gateway.control.guardrails"
    return [
        GuardrailKind("pii", f"{home}.pii:make", "Personal data and credentials."),
        GuardrailKind("regex", f"{home}.patterns:make", "Regular expressions of your own."),
        GuardrailKind("judge", f"{home}.judge:make", "Another endpoint that says what may pass."),
    ]


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name those that hold the key of the secrets."""
    return (
        "PEGBOARD_GATEWAY_SECRET_KEY",
        "PEGBOARD_GATEWAY_NEXT_SECRET_KEY",
    )
