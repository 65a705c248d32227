"""``pegboard.pydantic_ai``: tracing of Pydantic AI."""

from __future__ import annotations

from pegboard_models.autologging import Switches

__all__ = ["autolog"]


def autolog(
    log_traces: bool = True,
    disable: bool = False,
    silent: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
) -> None:
    """Trace runs of agents: what their models are asked, what their tools return.

    A run is a span within the one that is active where it begins, or else a trace of its own;
    requests to models, calls of tools and of MCP servers are spans within it. Spans hold what went
    in and out, the tokens and, of requests, what they cost. Whatever goes wrong in tracing is one
    warning; the run goes on as ever.
    """
    from pegboard_pydantic_ai.installing import INTEGRATION, install

    switches = Switches(
        disable=disable or not log_traces,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
    )
    INTEGRATION.enable(switches, install)
