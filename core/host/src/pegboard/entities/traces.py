"""Traces of applications: what was asked, what was answered, and the steps in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import field, frozen

SPAN_TYPE = "mlflow.spanType"
TRACE_NAME = "mlflow.traceName"
SOURCE_RUN = "mlflow.sourceRun"


class TraceState(StrEnum):
    """The states of a trace."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    OK = "OK"
    ERROR = "ERROR"
    IN_PROGRESS = "IN_PROGRESS"


class SpanStatusCode(StrEnum):
    """How a span ended."""

    UNSET = "UNSET"
    OK = "OK"
    ERROR = "ERROR"


@frozen
class SpanEvent:
    """Something that happened during a span; ``timestamp`` in ns."""

    name: str
    timestamp: int
    attributes: Mapping[str, Any] = field(factory=dict)


@frozen
class SpanLink:
    """A span, perhaps of another trace, that a span is related to. Ids are hex digits."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any] = field(factory=dict)


@frozen
class Span:
    """One step of a trace. Times in ns since the Unix epoch; ids of spans are 16 hex digits.

    Attributes are what JSON can hold. ``kind`` is OpenTelemetry's: INTERNAL, SERVER, CLIENT…
    """

    trace_id: str
    span_id: str
    name: str
    start_time_ns: int
    end_time_ns: int | None = None
    parent_id: str | None = None
    status: SpanStatusCode = SpanStatusCode.UNSET
    status_message: str = ""
    kind: str = "UNSPECIFIED"
    attributes: Mapping[str, Any] = field(factory=dict)
    events: Sequence[SpanEvent] = ()
    links: Sequence[SpanLink] = ()

    @property
    def span_type(self) -> str:
        """What sort of step it is: LLM, TOOL, RETRIEVER and so on."""
        return str(self.attributes.get(SPAN_TYPE) or "UNKNOWN")


class AssessmentKind(StrEnum):
    """What an assessment says: how good something is, what was to be expected, what is amiss."""

    FEEDBACK = "feedback"
    EXPECTATION = "expectation"
    ISSUE = "issue"


@frozen
class AssessmentError:
    """Why an assessment could not be made."""

    error_code: str
    error_message: str = ""
    stack_trace: str = ""


@frozen
class Assessment:
    """A judgement on a trace or one of its spans, by a HUMAN, CODE or an LLM_JUDGE.

    ``value`` is what JSON can hold. One that ``overrides`` another makes that invalid.
    """

    trace_id: str
    name: str
    kind: AssessmentKind
    value: Any = None
    source_type: str = "CODE"
    source_id: str = ""
    error: AssessmentError | None = None
    rationale: str | None = None
    metadata: Mapping[str, str] = field(factory=dict)
    span_id: str | None = None
    assessment_id: str = ""
    create_time_ms: int = 0
    last_update_time_ms: int = 0
    overrides: str | None = None
    valid: bool = True


@frozen
class TraceInfo:
    """The outline of a trace. ``request_time`` and ``execution_duration`` in ms."""

    trace_id: str
    experiment_id: str
    request_time: int
    state: TraceState = TraceState.STATE_UNSPECIFIED
    execution_duration: int | None = None
    client_request_id: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    trace_metadata: Mapping[str, str] = field(factory=dict)
    tags: Mapping[str, str] = field(factory=dict)
    assessments: Sequence[Assessment] = ()


@frozen
class Trace:
    """A trace with its spans, in the order they began."""

    info: TraceInfo
    spans: Sequence[Span] = ()
