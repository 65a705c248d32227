"""``pegboard.dspy``: tracing of DSPy."""

from __future__ import annotations

from pegboard_models.autologging import Switches

__all__ = ["autolog"]


def autolog(
    log_traces: bool = True,
    log_traces_from_compile: bool = False,
    log_traces_from_eval: bool = True,
    log_compiles: bool = False,
    log_evals: bool = False,
    disable: bool = False,
    silent: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
) -> None:
    """Trace programs of DSPy: modules, models, adapters, retrievers and tools.

    A call of a module is a span within the one that is active, or else a trace of its own. Spans
    hold what went in and out, and the tokens. In an evaluation, what the metric says is feedback on
    the trace of each prediction. With ``log_evals`` an evaluation is a run with its score and
    table, with ``log_compiles`` an optimization is one, with the program that came of it. Whatever
    goes wrong in tracing is one warning; the program goes on as ever.
    """
    from pegboard_dspy import installing

    switches = Switches(
        disable=disable,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
        options={
            "traces": log_traces,
            "traces_from_compile": log_traces_from_compile,
            "traces_from_eval": log_traces_from_eval,
            "compiles": log_compiles,
            "evals": log_evals,
        },
    )
    installing.enable(switches)
