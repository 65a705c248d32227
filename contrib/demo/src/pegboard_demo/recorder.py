"""Records the steps of a program as spans of a trace, by nothing but what pegboard's core offers.

Programs that are traced by MLflow or OpenTelemetry need none of this: their spans come to
``pegboard server`` by themselves.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import (
    SOURCE_RUN,
    SPAN_TYPE,
    TRACE_NAME,
    Span,
    SpanEvent,
    SpanStatusCode,
    TraceInfo,
    TraceState,
)

_MS = 1_000_000


@define
class Step:
    """A step while it goes on: what it returns and what is known of it are set meanwhile."""

    span_id: str
    attributes: dict[str, Any]
    events: list[SpanEvent] = field(factory=list)

    def returns(self, value: Any) -> None:
        """Keep what the step returns."""
        self.attributes["mlflow.spanOutputs"] = value

    def answers(self) -> None:
        """Note that the first token of an answer is there."""
        self.events.append(SpanEvent("first_token", time.time_ns()))


@define
class Recorder:
    """The spans of one trace."""

    name: str
    trace_id: str = field(factory=lambda: f"tr-{uuid.uuid4().hex}")
    spans: list[Span] = field(factory=list)
    _open: list[str] = field(factory=list)

    @contextmanager
    def step(self, name: str, kind: str, given: Any, **attributes: Any) -> Iterator[Step]:
        """Record a step within the one that is open; an error makes it fail, and goes on."""
        above = self._open[-1] if self._open else None
        known = {SPAN_TYPE: kind, "mlflow.spanInputs": given, **attributes}
        step = Step(uuid.uuid4().hex[:16], known)
        began, status, message = time.time_ns(), SpanStatusCode.OK, ""
        self._open.append(step.span_id)
        try:
            yield step
        except Exception as error:
            status, message = SpanStatusCode.ERROR, f"{type(error).__name__}: {error}"
            step.events.append(
                SpanEvent("exception", time.time_ns(), {"exception.message": str(error)})
            )
            raise
        finally:
            self._open.pop()
            self.spans.append(
                Span(self.trace_id, step.span_id, name, began, time.time_ns(), above, status,
                     message, "INTERNAL", step.attributes, step.events)
            )  # fmt: skip

    def keep(self, traces: TraceStore, experiment_id: str, run_id: str) -> str:
        """Put the trace into a store, as one of a run; return its id."""
        root = self.spans[-1]
        ended = root.end_time_ns or root.start_time_ns
        failed = root.status is SpanStatusCode.ERROR
        traces.log_spans(experiment_id, self.spans)
        traces.start(
            TraceInfo(
                self.trace_id,
                experiment_id,
                root.start_time_ns // _MS,
                TraceState.ERROR if failed else TraceState.OK,
                (ended - root.start_time_ns) // _MS,
                request_preview=str(root.attributes["mlflow.spanInputs"]["question"]),
                response_preview=str(root.attributes.get("mlflow.spanOutputs", "")),
                trace_metadata={SOURCE_RUN: run_id},
                tags={TRACE_NAME: self.name},
            )
        )
        return self.trace_id
