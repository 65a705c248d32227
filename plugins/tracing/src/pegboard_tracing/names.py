"""The names that scripts trace with, as attributes of ``pegboard`` and its modules."""

from __future__ import annotations

_PACKAGE = "pegboard_tracing"

_NAMES: dict[str, str] = {
    "decorating": "trace",
    "fluent": "delete_trace_tag get_active_trace_id get_current_active_span "
    "get_last_active_trace_id log_trace set_trace_tag update_current_trace",
    "reading": "get_trace search_sessions search_traces",
    "scopes": "start_span start_span_no_context",
}

TARGETS = {
    name: f"{_PACKAGE}.{module}:{name}"
    for module, names in _NAMES.items()
    for name in names.split()
}
"""Where each name is."""
