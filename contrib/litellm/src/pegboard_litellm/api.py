"""``pegboard.litellm``: tracing of litellm."""

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
    """Trace the calls of litellm, by a callback of its own.

    Each call is a span: within the span that is active where it is made, or else a trace of its
    own, which gets the call's tags. It holds what was asked and answered, the tokens and what they
    cost. The span of a stream ends with it. Whatever goes wrong in tracing is one warning; the call
    goes on as ever.
    """
    from pegboard_litellm import calls

    switches = Switches(
        disable=disable or not log_traces,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
    )
    calls.INTEGRATION.enable(switches, calls.install)
    if calls.INTEGRATION.switches.disable:
        calls.uninstall()
