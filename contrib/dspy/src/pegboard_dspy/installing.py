"""Giving DSPy the callback that traces it, and looking at evaluations and optimizations."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from functools import wraps
from types import FunctionType
from typing import Any

import dspy
from dspy.dsp.utils.settings import main_thread_config
from pegboard_models.autologging import Call, Switches, training_run
from pegboard_tracing import calls

from pegboard_dspy import runs
from pegboard_dspy.tracing import INTEGRATION, TRACER, option

_before: dict[str, Any] = {}
"""The settings of DSPy that were changed, as they were."""


def enable(switches: Switches) -> None:
    """Work as the switches say from now on."""
    INTEGRATION.enable(switches, _install)
    if INTEGRATION.switches.disable:
        _uninstall()


def _install() -> None:
    # Not by dspy.configure, which from then on no other thread may call.
    with dspy.settings.lock:
        known = main_thread_config.get("callbacks") or []
        if TRACER not in known:
            main_thread_config["callbacks"] = [*known, TRACER]
        _before.setdefault("track_usage", main_thread_config.get("track_usage"))
        main_thread_config["track_usage"] = True
    INTEGRATION.observe_method(dspy.Evaluate, "__call__", an_evaluation)
    for kind in _below(dspy.teleprompt.Teleprompter):
        if "compile" in vars(kind):
            INTEGRATION.observe_method(kind, "compile", a_compilation)


def _uninstall() -> None:
    with dspy.settings.lock:
        known: list[Any] = main_thread_config.get("callbacks") or []
        main_thread_config["callbacks"] = [each for each in known if each is not TRACER]
        main_thread_config.update(_before)
        _before.clear()


def _below(kind: Any) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def a_compilation(call: Call) -> Generator[None, Any, None]:
    """Be silent while a program is optimized; log what came of it, if that is wanted."""
    with ExitStack() as stack:
        run = None
        if option("compiles") and not runs.compiling():
            run = stack.enter_context(training_run(INTEGRATION))
        stack.enter_context(runs.compilation())
        if not option("traces_from_compile"):
            stack.enter_context(TRACER.silence())
        program = yield
        if run is not None:
            given = calls.arguments(call.function, call.args, call.kwargs)
            with INTEGRATION.guard("logging an optimization"):
                runs.log_compilation(program, given)


def an_evaluation(call: Call) -> Generator[None, Any, None]:
    """Have what the metric says kept with the traces; or be silent, if that is wanted."""
    if not option("traces_from_eval"):
        with TRACER.silence():
            yield
        return
    if option("traces"):
        given = calls.arguments(call.function, call.args, call.kwargs)
        metric = given.get("metric") or call.args[0].metric
        if metric is not None:
            self, *others = call.args
            names = [name for name in given if name not in call.kwargs]
            given["metric"] = _telling(metric)
            call.args = (self, *(given.pop(name) for name in names[: len(others)]))
            call.kwargs = given
    yield


def _telling(metric: Callable[..., Any]) -> Callable[..., Any]:
    """Return a metric whose results are feedback on the trace that was made last."""
    name = getattr(metric, "__name__", type(metric).__name__)

    def judge(*args: Any, **kwargs: Any) -> Any:
        import pegboard

        trace_id = None
        with INTEGRATION.guard("finding a trace"):
            trace_id = pegboard.get_last_active_trace_id(thread_local=True)
        try:
            score = metric(*args, **kwargs)
        except Exception as error:
            with INTEGRATION.guard("keeping a fault of a metric"):
                if trace_id:
                    pegboard.log_feedback(trace_id=trace_id, name=name, error=error)
            raise
        with INTEGRATION.guard("keeping what a metric says"):
            if trace_id:
                value, why = score, None
                if isinstance(score, dspy.Prediction):
                    value, why = getattr(score, "score", None), getattr(score, "feedback", None)
                pegboard.log_feedback(trace_id=trace_id, name=name, value=value, rationale=why)
        return score

    if isinstance(metric, FunctionType):
        return wraps(metric)(judge)
    # DSPy names columns after the class of what is not a function.
    called: Callable[..., Any] = type(name, (), {"__call__": lambda _, *a, **k: judge(*a, **k)})()
    return called
