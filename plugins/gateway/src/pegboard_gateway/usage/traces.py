"""Traces of calls in the tracking store, for the endpoints that want them.

They are made by a thread of their own from what waits in a queue. A store that is slow or down
costs no call anything: what does not fit into the queue is left out, and the log says so. Personal
data and credentials in what was asked and answered are replaced before anything is written.
"""

from __future__ import annotations

import json
import logging
import queue
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard.entities.traces import SPAN_TYPE, Span, SpanStatusCode, TraceInfo, TraceState
from pegboard.errors import PegboardError
from pegboard_llm.shapes import Merger

from pegboard_gateway.control.guardrails import Setting
from pegboard_gateway.control.guardrails.pii import PiiGuard
from pegboard_gateway.control.guardrails.texts import edited
from pegboard_gateway.entities import Asked, Attempt, Outcome, UsageRecord
from pegboard_gateway.money import DOLLAR
from pegboard_gateway.settings import Trace

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore

LINKED_PROMPTS = "mlflow.linkedPrompts"
_MOST_WAITING = 1_000
MOST_BYTES = 64 << 20
"""About how many bytes of requests and answers may wait."""
_PREVIEW = 1_000
_GOOD = frozenset({Outcome.DONE, Outcome.CACHED})

logger = logging.getLogger(__name__)


@frozen
class _Waiting:
    trace: Trace
    record: UsageRecord
    asked: Asked
    answer: Any
    size: int


class Tracer:
    """Writes traces."""

    def __init__(self, open_store: Callable[[], TrackingStore]) -> None:
        """``open_store`` is called by the thread, when the first trace comes."""
        self._open_store = open_store
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._experiments: dict[str, str] = {}
        self._left_out = False
        self._size, self._lock = 0, threading.Lock()
        self._redactor = PiiGuard({"stage": "both", "action": "rewrite"}, Setting(""))

    def add(self, trace: Trace, record: UsageRecord, asked: Asked, answer: Any) -> None:
        """Trace a call soon; never waits.

        ``answer`` is OpenAI's object, or the chunks of a stream, or None if there is none.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="gateway traces", daemon=True)
            self._thread.start()
        waiting = _Waiting(trace, record, asked, answer, _size(record, asked))
        if not self._takes(waiting) and not self._left_out:
            self._left_out = True
            logger.warning("Traces come faster than the store takes them; some are lost.")

    def _takes(self, waiting: _Waiting) -> bool:
        """Put a call behind those that wait; return whether there was room."""
        with self._lock:
            if self._size and self._size + waiting.size > MOST_BYTES:
                return False
            try:
                self._queue.put_nowait(waiting)
            except queue.Full:
                return False
            self._size += waiting.size
            return True

    def close(self) -> None:
        """Write what waits, and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (waiting := self._queue.get()) is not None:
            try:
                self._write(self._open_store(), waiting)
            except PegboardError as error:
                logger.warning("A call could not be traced: %s", error)
            except Exception:
                logger.exception("A call could not be traced.")
            with self._lock:
                self._size -= waiting.size

    def _write(self, store: TrackingStore, waiting: _Waiting) -> None:
        experiment = self._experiment(store, waiting.trace.experiment)
        trace_id = f"tr-{secrets.token_hex(16)}"
        content = waiting.trace.content
        inputs = self._redacted(dict(waiting.asked.body)) if content else None
        outputs = self._redacted(_whole(waiting.answer)) if content else None
        store.traces().start(_outline(trace_id, experiment, waiting.record, inputs, outputs))
        store.traces().log_spans(experiment, _spans(trace_id, waiting.record, inputs, outputs))

    def _redacted(self, value: Any) -> Any:
        return edited(value, self._redactor.edit)

    def _experiment(self, store: TrackingStore, name: str) -> str:
        known = self._experiments.get(name)
        if known is None:
            found = store.get_experiment_by_name(name) or store.create_experiment(name)
            known = self._experiments[name] = found.experiment_id
        return known


def _size(record: UsageRecord, asked: Asked) -> int:
    """Return about how many bytes a call has: as its client says, or by its tokens."""
    said = asked.headers.get("content-length") or ""
    given = int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else 0
    return max(given, 4 * record.tokens.input) + 4 * record.tokens.output


def _whole(answer: Any) -> Any:
    """Return an answer as a whole, though it was streamed."""
    if not isinstance(answer, list):
        return answer
    merger = Merger()
    for chunk in answer:
        merger.add(chunk)
    return merger.answer() if answer else None


def _outline(
    trace_id: str, experiment: str, record: UsageRecord, inputs: Any, outputs: Any
) -> TraceInfo:
    tokens = {
        "input_tokens": record.tokens.input,
        "output_tokens": record.tokens.output,
        "total_tokens": record.tokens.total,
    }
    metadata = {
        "mlflow.trace.tokenUsage": json.dumps(tokens),
        "mlflow.trace.cost": _cost(record) and json.dumps(_cost(record)),
        "mlflow.trace.user": record.caller.user,
        "pegboard.gateway.endpoint": record.endpoint,
        "pegboard.gateway.key_id": record.caller.key_id,
        "pegboard.gateway.outcome": str(record.outcome),
    }
    return TraceInfo(
        trace_id=trace_id,
        experiment_id=experiment,
        request_time=record.started_ms,
        execution_duration=int(record.seconds * 1000),
        state=TraceState.OK if record.outcome in _GOOD else TraceState.ERROR,
        client_request_id=record.id or None,
        request_preview=_preview(inputs),
        response_preview=_preview(outputs),
        trace_metadata={name: value for name, value in metadata.items() if value},
        tags={"mlflow.traceName": f"gateway {record.endpoint}", **_linked(record), **record.tags},
    )


def _linked(record: UsageRecord) -> dict[str, str]:
    """Return the tag that links a trace to the version of its prompt, as MLflow has it."""
    if not record.prompt:
        return {}
    name, _, version = record.prompt.rpartition("/")
    return {LINKED_PROMPTS: json.dumps([{"name": name, "version": version}])}


def _cost(of: UsageRecord | Attempt) -> dict[str, float] | None:
    """Return what it cost; None if nobody knows."""
    return None if of.is_unpriced else {"total_cost": of.cost / DOLLAR}


def _preview(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)[:_PREVIEW]


def _spans(trace_id: str, record: UsageRecord, inputs: Any, outputs: Any) -> list[Span]:
    start = record.started_ms * 1_000_000
    root = secrets.token_hex(8)
    kind = "EMBEDDING" if record.task.endswith("embeddings") else "CHAT_MODEL"
    given = {"mlflow.spanInputs": inputs, "mlflow.spanOutputs": outputs}
    good = record.outcome in _GOOD
    spans = [
        Span(
            trace_id=trace_id,
            span_id=root,
            name=f"gateway {record.endpoint}",
            start_time_ns=start,
            end_time_ns=start + int(record.seconds * 1e9),
            status=SpanStatusCode.OK if good else SpanStatusCode.ERROR,
            status_message=record.trouble,
            kind="SERVER",
            attributes={
                SPAN_TYPE: kind,
                **{name: value for name, value in given.items() if value is not None},
            },
        )
    ]
    began = start
    for attempt in record.attempts:
        over = began + int(attempt.seconds * 1e9)
        spans.append(
            Span(
                trace_id=trace_id,
                span_id=secrets.token_hex(8),
                parent_id=root,
                name=f"{attempt.provider} {attempt.model}",
                start_time_ns=began,
                end_time_ns=over,
                status=SpanStatusCode.ERROR if attempt.trouble else SpanStatusCode.OK,
                status_message=attempt.trouble,
                kind="CLIENT",
                attributes={
                    SPAN_TYPE: kind,
                    "mlflow.llm.model": attempt.model,
                    "mlflow.llm.provider": attempt.provider,
                    "mlflow.chat.tokenUsage": {
                        "input_tokens": attempt.tokens.input,
                        "output_tokens": attempt.tokens.output,
                        "total_tokens": attempt.tokens.total,
                    },
                    **({"mlflow.llm.cost": cost} if (cost := _cost(attempt)) else {}),
                },
            )
        )
        began = over
    return spans
