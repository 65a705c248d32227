"""``pegboard.langchain``: tracing of LangChain and LangGraph."""

from __future__ import annotations

from pegboard_models.autologging import Switches

__all__ = ["autolog"]


def autolog(
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    log_traces: bool = True,
    run_tracer_inline: bool = False,
) -> None:
    """Trace what LangChain and LangGraph run, by a callback that every run gets.

    Chains, nodes of graphs, models, tools and retrievers are spans, within one another as they
    were run, and within the span of yours that is active. They hold inputs, outputs, tools, tokens
    and costs. With ``run_tracer_inline``, asynchronous code runs the callback in its own task, so
    that spans that your nodes begin are within theirs. Whatever goes wrong in tracing is one
    warning; the run goes on as ever.
    """
    from pegboard_langchain.installing import INTEGRATION, install

    switches = Switches(
        disable=disable or not log_traces,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
        options={"run_inline": run_tracer_inline},
    )
    INTEGRATION.enable(switches, install)
