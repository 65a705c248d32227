"""``pegboard.anthropic``: tracing of the anthropic library."""

from __future__ import annotations

from pegboard_models.autologging import Switches

__all__ = ["autolog"]


def autolog(
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    log_traces: bool = True,
) -> None:
    """Trace the calls of every client of the anthropic library, those that exist already, too.

    Each call of ``messages.create`` and ``messages.stream`` is a span: within the span that is
    active, or else a trace of its own. It holds what was asked and answered, the tools, the tokens
    and what they cost. A stream is passed through piece by piece, and its span ends with it.
    Whatever goes wrong in tracing is one warning; the call goes on as ever.
    """
    from pegboard_anthropic.calls import INTEGRATION, install

    switches = Switches(
        disable=disable or not log_traces,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
    )
    INTEGRATION.enable(switches, install)
