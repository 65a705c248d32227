"""Guardrails: what looks at requests before they are sent, and at answers before clients get them.

Which ones guard an endpoint stands in its configuration, in their order; nothing that a client
sends changes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen
from pegboard.errors import ConfigError, quoted
from pegboard.targets import resolve

from pegboard_gateway.control.contract import Guard
from pegboard_gateway.control.guardrails.chain import Chain
from pegboard_gateway.control.guardrails.faults import Faults, SafeGuard
from pegboard_gateway.entities import Caller
from pegboard_gateway.settings import Guardrail

if TYPE_CHECKING:
    from pegboard.host import Host

__all__ = ["FACE", "Ask", "Setting", "guard_of"]

FACE = "guardrail"
"""The face of what guardrails ask themselves: it is not guarded again."""

Ask = Callable[[str, str, Caller], Awaitable[str]]
"""Asks the endpoint of a name with a prompt, for a caller; returns the answer's text."""


async def ask_nobody(endpoint: str, prompt: str, caller: Caller) -> str:  # noqa: ARG001
    """Answer nothing: where guardrails are only checked, or ask nobody, no endpoint is reached."""
    raise RuntimeError(f"A guardrail asked the endpoint {endpoint!r} where it cannot be reached.")


@frozen
class Setting:
    """Where a guardrail works."""

    endpoint: str
    """The endpoint that it guards."""
    ask: Ask = ask_nobody
    where: str = ""
    """Where it is configured, for messages."""
    seconds: float = 300.0
    """How long one answer of it is waited for; then nothing passes."""


def guard_of(
    host: Host, tables: Sequence[Guardrail], setting: Setting, *, skip_face: str = FACE
) -> Guard | None:
    """Return what guards an endpoint; None without any. ConfigError for what is wrong."""
    if not tables:
        return None
    known = host.declared("guardrail")
    guards: list[Guard] = []
    for table in tables:
        if table.use not in known:
            raise ConfigError(
                f"There is no guardrail {quoted(table.use)}.",
                hint=f"Available are: {', '.join(sorted(known)) or 'none'}.",
            )
        given: dict[str, Any] = {**table.options, "stage": table.stage, "action": table.action}
        made = cast("Guard", resolve(known[table.use].target)(given, setting))
        faults = Faults(table.use, setting.endpoint, setting.seconds)
        guards.append(SafeGuard(made, faults))
    return Chain(guards, skip_face)
