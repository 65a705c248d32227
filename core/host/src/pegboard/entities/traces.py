"""Traces of applications: what was asked, what was answered, and the steps in between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from pegboard.errors import InvalidValue

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
    """A span, perhaps of another trace, that a span has to do with. Ids are hex digits."""

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


class MetricViewType(StrEnum):
    """What a metric of traces is about: whole traces, spans, or assessments."""

    TRACES = "TRACES"
    SPANS = "SPANS"
    ASSESSMENTS = "ASSESSMENTS"


class AggregationType(StrEnum):
    """What many values become."""

    COUNT = "COUNT"
    SUM = "SUM"
    AVG = "AVG"
    PERCENTILE = "PERCENTILE"
    MIN = "MIN"
    MAX = "MAX"


@frozen
class MetricAggregation:
    """What many values become; ``percentile_value``, from 0 to 100, is for PERCENTILE alone."""

    aggregation_type: AggregationType
    percentile_value: float | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse a percentile that is none, or is not asked for."""
        value = self.percentile_value
        if self.aggregation_type is not AggregationType.PERCENTILE:
            if value is not None:
                raise InvalidValue(f"A percentile was given for {self.aggregation_type}.")
        elif value is None or not 0 <= value <= 100:
            raise InvalidValue(f"The percentile is {value}, not from 0 to 100.")

    def __str__(self) -> str:
        """Return the name of the value in a data point: ``SUM``, or ``P99.0``."""
        if self.aggregation_type is not AggregationType.PERCENTILE:
            return str(self.aggregation_type)
        return f"P{self.percentile_value}"


@frozen
class MetricDataPoint:
    """One group of values: what they have in common, and what became of them."""

    metric_name: str
    dimensions: Mapping[str, str]
    values: Mapping[str, float]


@frozen
class TraceMetricsQuery:
    """What is to be aggregated, and how it is grouped; times in ms, both ends included.

    ``dimensions`` are names such as ``trace_name``; with ``time_interval_seconds``, for which both
    times are needed, there is a group for each interval too. Each of the ``filters`` is one
    comparison like ``trace.status = 'OK'``, and all must hold.
    """

    experiment_ids: Sequence[str]
    view_type: MetricViewType
    metric_name: str
    aggregations: Sequence[MetricAggregation]
    dimensions: Sequence[str] = ()
    filters: Sequence[str] = ()
    time_interval_seconds: int | None = None
    start_time_ms: int | None = None
    end_time_ms: int | None = None
    max_results: int = 1000


@frozen
class TraceFilterCorrelation:
    """How many traces fit two filters: the one, the other, both; and of how many."""

    filter1_count: int
    filter2_count: int
    joint_count: int
    total_count: int

    @property
    def npmi(self) -> float:
        """How much the two go together: 1 always, 0 as by chance, -1 never; NaN if undefined.

        This is the normalized pointwise mutual information.
        """
        if self.joint_count == 0 < min(self.filter1_count, self.filter2_count):
            return -1.0
        return self._npmi(0)

    @property
    def npmi_smoothed(self) -> float:
        """The same, with half a trace added to each case, which is steadier for few traces."""
        return self._npmi(0.5)

    def _npmi(self, more: float) -> float:
        only1 = self.filter1_count - self.joint_count
        only2 = self.filter2_count - self.joint_count
        neither = self.total_count - self.joint_count - only1 - only2
        if not self.filter1_count or not self.filter2_count or min(only1, only2, neither) < 0:
            return math.nan
        if only1 == only2 == neither == 0:
            return 1.0
        joint, total = self.joint_count + more, self.total_count + 4 * more
        one, other = self.filter1_count + 2 * more, self.filter2_count + 2 * more
        found = math.log(joint * total / (one * other)) / -math.log(joint / total)
        return max(-1.0, min(1.0, found))
