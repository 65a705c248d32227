"""JSON schemas of traces and assessments, and what their endpoints have in common."""

from __future__ import annotations

from pegboard.entities.traces import TraceState
from pegboard_wire.schemas import page_limit
from pegboard_wire.shapes import BOOLEAN, INT64, PAIRS, TEXT, Schema, array, choice, mapping, record

from pegboard_tracking.wire import trace_codec

OLD, NEW = "/api/2.0/mlflow/traces", "/api/3.0/mlflow/traces"
TAGS = ("Traces",)
PAGE = {"filter": TEXT, "max_results": page_limit(), "order_by": array(TEXT), "page_token": TEXT}

_ANY: Schema = {}
_TIME: Schema = {"type": "string", "format": "date-time"}
_ERROR = record(error_code=TEXT, error_message=TEXT, stack_trace=TEXT)
ASSESSMENT = record(
    assessment_id=TEXT,
    assessment_name=TEXT,
    trace_id=TEXT,
    span_id=TEXT,
    source=record(source_type=choice(*trace_codec.SOURCE_TYPES), source_id=TEXT),
    create_time=_TIME,
    last_update_time=_TIME,
    feedback=record(value=_ANY, error=_ERROR),
    expectation=record(value=_ANY, serialized_value=record(serialization_format=TEXT, value=TEXT)),
    issue=record(issue_name=TEXT),
    rationale=TEXT,
    metadata=mapping(TEXT),
    overrides=TEXT,
    valid=BOOLEAN,
)
LOCATION = record(
    type=choice("MLFLOW_EXPERIMENT"), mlflow_experiment=record("experiment_id", experiment_id=TEXT)
)
INFO = record(
    trace_id=TEXT,
    client_request_id=TEXT,
    trace_location=LOCATION,
    request_preview=TEXT,
    response_preview=TEXT,
    request_time=_TIME,
    execution_duration=TEXT,
    state=choice(*TraceState),
    trace_metadata=mapping(TEXT),
    assessments=array(ASSESSMENT),
    tags=mapping(TEXT),
)
TRACE = record(trace_info=INFO, spans=array({"type": "object"}))
OLD_STATES = ("TRACE_STATUS_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS")
OLD_INFO = record(
    request_id=TEXT,
    experiment_id=TEXT,
    timestamp_ms=INT64,
    execution_time_ms=INT64,
    status=choice(*OLD_STATES),
    request_metadata=PAIRS,
    tags=PAIRS,
)
