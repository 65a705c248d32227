"""What stands for a span where nothing is traced: it takes everything and keeps nothing."""

from __future__ import annotations

from typing import Any

from pegboard_tracing.entities.spans import Span

NO_TRACE_ID = "MLFLOW_NO_OP_SPAN_TRACE_ID"


class NoOpSpan(Span):
    """A span of no trace: tracing is off, or the trace was not drawn."""

    __slots__ = ("header",)

    def __init__(self, header: str = "") -> None:
        """``header`` is the ``traceparent`` that tells others not to trace either."""
        self.header = header
        self._trace_id = NO_TRACE_ID
        self._values = {}
        self._events, self._links = [], []

    span_id = name = start_time_ns = end_time_ns = parent_id = status = None  # type: ignore[assignment]
    inputs = outputs = span_type = None  # type: ignore[assignment]

    def _nothing(self, *_given: Any, **_named: Any) -> None:
        """Do nothing."""

    set_inputs = set_outputs = set_attribute = set_attributes = set_span_type = _nothing
    set_description = set_log_level = set_status = add_event = add_link = _nothing
    record_exception = end = _nothing

    def attribute_texts(self) -> dict[str, str]:
        """Return nothing."""
        return {}

    def __reduce__(self) -> Any:
        return (NoOpSpan, (self.header,))
