"""``pegboard.gemini``: tracing of the google-genai library."""

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
    """Trace the calls of every client of the google-genai library, those that exist already, too.

    Contents and embeddings that are generated, tokens that are counted and messages that are sent
    in a chat are spans: within the span that is active, or else a trace of its own. They hold what
    was asked and answered, the tools, the tokens and what they cost. Whatever goes wrong in tracing
    is one warning; the call goes on as ever.
    """
    from pegboard_gemini.calls import INTEGRATION, install

    switches = Switches(
        disable=disable or not log_traces,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
    )
    INTEGRATION.enable(switches, install)
