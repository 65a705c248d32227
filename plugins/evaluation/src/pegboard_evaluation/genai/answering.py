"""One trace for each row: of the user's function, or of the answer that is there already."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from pegboard_tracing import api
from pegboard_tracing.api import SpanType, Trace

from pegboard_evaluation import distance, pool
from pegboard_evaluation.genai import limits, patience, spending
from pegboard_evaluation.genai.cases import Case
from pegboard_evaluation.genai.patience import Patience
from pegboard_evaluation.workers import Workers

ROW = "pegboard.evaluation.row"
"""The key of a row, in the metadata of its trace."""

_TRACED = "__mlflow_traced__"

ASKS, MODEL = "__pegboard_asks__", "__pegboard_model__"
"""What a ``predict_fn`` would ask, for an estimate: a function of the same keywords; and whom."""


def to_predict_fn(endpoint_uri: str) -> Callable[..., Any]:
    """Return a function that asks a model: its keywords are ``messages`` and other fields.

    ``endpoint_uri`` is ``endpoints:/NAME``, ``gateway:/NAME`` or ``PROVIDER:/MODEL``. It returns
    OpenAI's object.
    """

    def predict_fn(*, messages: Any, **fields: Any) -> Any:
        given = {"retries": limits.retries(), **fields}
        return spending.complete(endpoint_uri, messages, **given).raw

    def asks(*, messages: Any, **fields: Any) -> spending.Counted:
        return spending.counted(endpoint_uri, messages, fields)

    setattr(predict_fn, ASKS, asks)
    setattr(predict_fn, MODEL, endpoint_uri)
    return predict_fn


@define
class Answer:
    """What became of a row."""

    outputs: Any = None
    trace_id: str | None = None
    error: str | None = None
    """Why there are no outputs."""
    span_id: str | None = None
    """The first span of the trace."""
    trace: Trace | None = None
    """The whole trace, once it was read."""


@frozen
class Place:
    """Where answers go, and how often rows are answered and scored."""

    run_id: str
    experiment_id: str
    predicting: Patience = field(factory=patience.of_predictions)
    scoring: Patience = field(factory=patience.of_scorers)
    workers: Workers | None = None
    """Who calls functions; None: threads of this process."""

    def function(self, predict: Callable[..., Any]) -> Callable[..., Any]:
        """Return what answers a row: ``predict``, called by workers if there are any.

        One that asks a model itself waits for it here, where its budget is.
        """
        workers = self.workers
        if workers is None or hasattr(predict, MODEL):
            return predict
        return lambda **given: distance.traced(workers, predict, given)


def answer(
    case: Case, place: Place, predict: Callable[..., Any] | None, seconds: float | None
) -> Answer:
    """Return the outputs of a row and its trace; a function that raises is no error here."""
    if predict is None and case.trace is not None:
        return _given(case, case.trace, place.run_id)
    metadata = {api.SOURCE_RUN: place.run_id, ROW: case.key}
    with api.kept(place.experiment_id, metadata, case.tags):
        if predict is None:
            return _recorded(case)
        return _predicted(case, predict, seconds, place)


def _given(case: Case, trace: Trace, run_id: str) -> Answer:
    api.traces_of().link_to_run([trace.trace_id], run_id)
    for key, value in case.tags.items():
        api.set_trace_tag(trace.trace_id, key, value)
    root = trace.data.root
    span_id = None if root is None else root.span_id
    return Answer(case.outputs, trace.trace_id, None, span_id, trace)


def _recorded(case: Case) -> Answer:
    with api.start_span("root_span", SpanType.CHAIN) as span:
        span.set_inputs(case.inputs)
        span.set_outputs(case.outputs)
    return Answer(case.outputs, span.trace_id, None, span.span_id)


def _predicted(
    case: Case, predict: Callable[..., Any], seconds: float | None, place: Place
) -> Answer:
    made = Answer()
    is_async = inspect.iscoroutinefunction(predict)
    if seconds is None and is_async:
        seconds = limits.async_seconds()

    function = place.function(predict)

    def call() -> Any:
        found = function(**case.inputs)
        return asyncio.run(_whole(found)) if inspect.isawaitable(found) else found

    def traced() -> Any:
        before = api.get_last_active_trace_id(thread_local=True)
        try:
            return call()
        finally:
            last = api.get_last_active_trace_id(thread_local=True)
            made.trace_id = None if last == before else last

    def within_span() -> Any:
        with api.start_span(getattr(predict, "__name__", None) or "predict_fn") as span:
            made.trace_id, made.span_id = span.trace_id, span.span_id
            span.set_inputs(case.inputs)
            found = call()
            span.set_outputs(found)
            return found

    # What happens in another task than ours is not seen from here, so that gets a span of ours.
    has_own = getattr(predict, _TRACED, False) and not is_async and function is predict

    def attempt() -> Any:
        if made.trace_id is not None:
            # The call before this one was refused: there is nothing to be seen in its trace.
            api.traces_of().delete(place.experiment_id, trace_ids=[made.trace_id])
            made.trace_id = made.span_id = None
        return pool.within(seconds, traced if has_own else within_span)

    try:
        made.outputs = place.predicting.call(attempt)
    except Exception as error:
        made.error = f"predict_fn failed: {type(error).__name__}: {error}"
    if made.trace_id is None:
        _record_failure(case, made)
    return made


async def _whole(found: Any) -> Any:
    return await found


def _record_failure(case: Case, made: Answer) -> None:
    """Make a trace of a call that left none, so that its scores have a place."""
    with api.start_span("predict_fn") as span:
        span.set_inputs(case.inputs)
        span.set_outputs(made.outputs)
        if made.error is not None:
            span.record_exception(made.error)
    made.trace_id, made.span_id = span.trace_id, span.span_id
