"""What the record of a trace learns from new spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve
from pegboard.entities.traces import Span, TraceInfo

from pegboard_stores.mapping_records import TraceRecord
from pegboard_stores.traces import outline
from pegboard_stores.traces.checks import checked_texts
from pegboard_stores.traces.usage import sums, told_by


def add_spans(record: TraceRecord, spans: Sequence[Span], tags: Mapping[str, str]) -> None:
    """Add spans to a trace, and bring its outline up to what they tell."""
    is_new = not (record.outlined or record.spans)
    new = {span.span_id: span for span in spans}
    record.spans = [*(span for span in record.spans if span.span_id not in new), *new.values()]
    info = record.info if record.outlined else _timed(record.info, spans, is_new=is_new)
    root = outline.root_of(spans)
    told: dict[str, str] = {}
    if root is not None:
        request, response = outline.previews(root)
        told = checked_texts(outline.tags_of(root), "tag")
        info = evolve(
            info,
            state=outline.state_of(root) if info.state in outline.OPEN_STATES else info.state,
            request_preview=request if info.request_preview is None else info.request_preview,
            response_preview=response if info.response_preview is None else info.response_preview,
        )
    known = checked_texts(outline.metadata_of(spans), "metadata")
    used = _used(record, [*new.values()])
    record.info = evolve(
        info,
        tags={**info.tags, **told, **tags, **outline.IN_STORE},
        # What the outline says takes precedence over its spans.
        trace_metadata={**known, **used, **info.trace_metadata}
        if record.outlined
        else {**known, **info.trace_metadata, **used},
    )


def _timed(info: TraceInfo, spans: Sequence[Span], *, is_new: bool) -> TraceInfo:
    """Return an outline whose times enclose those of new spans."""
    begin = min(span.start_time_ns for span in spans) // 1_000_000
    end = max(span.end_time_ns or span.start_time_ns for span in spans) // 1_000_000
    old = begin if is_new else info.request_time
    first, last = min(old, begin), max(old + (info.execution_duration or 0), end)
    return evolve(info, request_time=first, execution_duration=last - first)


def _used(record: TraceRecord, new: Sequence[Span]) -> dict[str, str]:
    """Return the sums of tokens and costs of all spans, if the new ones tell some."""
    if all(told_by(span) is None for span in new):
        return {}
    return sums([(span.span_id, span.parent_id, told_by(span)) for span in record.spans])
