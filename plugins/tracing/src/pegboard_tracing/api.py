"""What other distributions use of traces: making one, assessing it, reading it back."""

from __future__ import annotations

from pegboard_tracing.assessing import delete_assessment, log_assessment
from pegboard_tracing.entities.assessments import (
    SOURCE_RUN_ID,
    Assessment,
    AssessmentError,
    AssessmentSource,
    AssessmentSourceType,
    Expectation,
    Feedback,
)
from pegboard_tracing.entities.spans import Span
from pegboard_tracing.entities.status import SpanType
from pegboard_tracing.entities.traces import Trace
from pegboard_tracing.fluent import get_last_active_trace_id, set_trace_tag
from pegboard_tracing.frames import table
from pegboard_tracing.keys import SESSION, SOURCE_RUN
from pegboard_tracing.reading import search_traces, traces_of
from pegboard_tracing.scopes import start_span
from pegboard_tracing.tracing import context, in_context

__all__ = [
    "SESSION",
    "SOURCE_RUN",
    "SOURCE_RUN_ID",
    "Assessment",
    "AssessmentError",
    "AssessmentSource",
    "AssessmentSourceType",
    "Expectation",
    "Feedback",
    "Span",
    "SpanType",
    "Trace",
    "context",
    "delete_assessment",
    "get_last_active_trace_id",
    "in_context",
    "log_assessment",
    "search_traces",
    "set_trace_tag",
    "start_span",
    "table",
    "traces_of",
]
