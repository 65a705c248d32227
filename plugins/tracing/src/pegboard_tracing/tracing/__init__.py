"""What MLflow keeps in ``mlflow.tracing``: whether, where and how traces are made."""

from __future__ import annotations

from pegboard_tracing.tracing.distributed import (
    get_tracing_context_headers_for_http_request,
    set_tracing_context_from_http_request_headers,
)
from pegboard_tracing.tracing.settings import (
    configure,
    context,
    disable,
    disable_notebook_display,
    enable,
    enable_notebook_display,
    reset,
    set_destination,
    set_span_chat_tools,
    use_opentelemetry,
)
from pegboard_tracing.tracing.threads import ThreadPoolExecutor, in_context

__all__ = [
    "ThreadPoolExecutor",
    "configure",
    "context",
    "disable",
    "disable_notebook_display",
    "enable",
    "enable_notebook_display",
    "get_tracing_context_headers_for_http_request",
    "in_context",
    "reset",
    "set_destination",
    "set_span_chat_tools",
    "set_tracing_context_from_http_request_headers",
    "use_opentelemetry",
]
