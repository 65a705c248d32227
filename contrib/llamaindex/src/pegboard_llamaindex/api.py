"""``pegboard.llama_index``: tracing of LlamaIndex."""

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
    """Trace what LlamaIndex runs, by handlers of its root dispatcher.

    Engines, agents, models, retrievers, embeddings and tools are spans, within one another as they
    were run, and within the span of yours that is active. The span of a stream ends with it. Spans
    hold what went in and out, the tokens and, of models, what they cost. Whatever goes wrong in
    tracing is one warning; the run goes on as ever.
    """
    from pegboard_llamaindex import handlers

    switches = Switches(
        disable=disable or not log_traces,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
    )
    handlers.enable(switches)
