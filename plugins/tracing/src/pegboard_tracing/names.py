"""The names that scripts trace with, as attributes of ``pegboard`` and its modules."""

from __future__ import annotations

_PACKAGE = "pegboard_tracing"

_NAMES: dict[str, str] = {
    "assessing": "delete_assessment get_assessment log_assessment log_expectation log_feedback "
    "log_issue override_feedback update_assessment",
    "decorating": "trace",
    "fluent": "delete_trace_tag get_active_trace_id get_current_active_span "
    "get_last_active_trace_id log_trace set_trace_tag update_current_trace",
    "merging": "add_trace",
    "reading": "get_trace search_sessions search_traces",
    "scopes": "start_span start_span_no_context",
}

_ENTITIES: dict[str, str] = {
    "live": "LiveSpan",
    "noop": "NoOpSpan",
    "entities.assessments": "Assessment AssessmentError AssessmentSource AssessmentSourceType "
    "Expectation Feedback IssueReference",
    "entities.spans": "Span",
    "entities.status": "Link SpanEvent SpanLogLevel SpanStatus SpanType",
    "entities.traces": "MlflowExperimentLocation Session Trace TraceData TraceInfo TraceLocation",
}
"""What is found in ``pegboard.entities``."""

_METHODS = (
    "delete_trace_tag delete_traces end_span end_trace get_trace link_traces_to_run search_traces "
    "set_trace_tag start_span start_trace"
)
"""What is found in ``pegboard.Client``."""


def _targets(names: dict[str, str], prefix: str = "") -> dict[str, str]:
    return {
        f"{prefix}{name}": f"{_PACKAGE}.{module}:{name}"
        for module, group in names.items()
        for name in group.split()
    }


TARGETS = {
    "tracing": f"{_PACKAGE}.tracing",
    **_targets(_NAMES),
    **_targets(_ENTITIES, "entities."),
    **_targets({"client": _METHODS}, "Client."),
}
"""Where each name is."""
