"""The hooks that the gateway adds to the host's: ledgers, which count, guardrails, and budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from pegboard.hookspecs import hookspec
from pegboard.targets import check

if TYPE_CHECKING:
    from pegboard.host import Host


@frozen
class LedgerBackend:
    """A ledger that is chosen by the scheme of its URI.

    ``target`` names a function of the URI (a text) and the directory for the gateway's files (a
    Path); it returns a Ledger.
    """

    name: str
    target: str = field(validator=check)
    summary: str


@hookspec
def pegboard_gateway_ledgers() -> Sequence[LedgerBackend]:
    """Declare where the gateway can keep its counters."""
    return ()


@frozen
class GuardrailKind:
    """A kind of guardrail, chosen by name in the configuration of an endpoint.

    ``target`` names a function of the guardrail's table (a mapping, as it stands in the
    configuration) and a ``control.guardrails.Setting``; it returns a Guard, or raises ConfigError.
    """

    name: str
    target: str = field(validator=check)
    summary: str


@hookspec
def pegboard_guardrails() -> Sequence[GuardrailKind]:
    """Declare what can look at requests before they are sent, and at answers before clients do."""
    return ()


@hookspec
def pegboard_budget_exceeded(host: Host, data: Mapping[str, Any]) -> None:
    """Observe that a budget which only alerts is spent, in a thread of the gateway's.

    It happens once in each window of the budget, whichever process spends the last of it.

    Args:
        host: that of the gateway.
        data: what MLflow's event ``budget_policy.exceeded`` says: ``budget_policy_id`` (or the
            name of a budget of the configuration), ``budget_amount`` and ``current_spend`` in US
            dollars, ``duration_unit``, ``duration_value``, ``target_scope``, ``target_value``,
            ``workspace``, and ``window_start`` in milliseconds since 1970.

    Errors:
        An exception is logged and reaches nobody else.
    """


@hookspec
def pegboard_gateway_started(host: Host) -> Callable[[], None] | None:
    """Begin what goes on beside a gateway that is served alone, and return what ends it.

    Called in each of its processes (``pegboard gateway start``), where ``pegboard_server_started``
    is not. Must be quick: what takes time belongs in a thread, and so does what takes memory that
    most gateways need not give. An exception is logged and reaches nobody else.
    """


KINDS = {
    "gateway ledger": ("pegboard_gateway_ledgers", LedgerBackend),
    "guardrail": ("pegboard_guardrails", GuardrailKind),
}
