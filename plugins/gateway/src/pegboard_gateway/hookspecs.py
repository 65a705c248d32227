"""The hooks that the gateway adds to the host's: ledgers, which count, and guardrails."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen
from pegboard.hookspecs import hookspec
from pegboard.targets import check


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


KINDS = {
    "gateway ledger": ("pegboard_gateway_ledgers", LedgerBackend),
    "guardrail": ("pegboard_guardrails", GuardrailKind),
}
