"""What of a span or an assessment is kept as JSON, and what a trace learns from its spans."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities.traces import (
    Span,
    SpanEvent,
    SpanLink,
    SpanStatusCode,
    TraceState,
)

PREVIEW = 1000
"""How many characters of the first input and the last output an outline shows."""

_TAG_PREFIX = "mlflow.traceTag."
_INPUTS, _OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
_METADATA = {
    "mlflow.trace.session": ("session.id", "gen_ai.conversation.id"),
    "mlflow.trace.user": ("user.id",),
}
"""Metadata of a trace, and the attributes of spans that it is taken from."""


def pack(span: Span) -> bytes:
    """Return what of a span is in no column, and its name, as compressed JSON."""
    content: dict[str, Any] = {"name": span.name, "kind": span.kind}
    if span.status_message:
        content["status_message"] = span.status_message
    content["attributes"] = span.attributes
    if span.events:
        content["events"] = [[e.name, e.timestamp, e.attributes] for e in span.events]
    if span.links:
        content["links"] = [[link.trace_id, link.span_id, link.attributes] for link in span.links]
    return _compress(dumps(content).encode("utf-8", "surrogatepass"))


def _compress(raw: bytes) -> bytes:
    # To clear the room that long texts need takes longer than to compress a short one.
    window = min(max(len(raw).bit_length(), 10), zlib.MAX_WBITS)
    packer = zlib.compressobj(1, zlib.DEFLATED, window, min(window - 6, zlib.DEF_MEM_LEVEL))
    return packer.compress(raw) + packer.flush()


def text(content: bytes) -> str:
    """Return the JSON that ``pack`` compressed, for searching.

    SQLite has no place for halves of characters, which JSON can hold.
    """
    return zlib.decompress(content).decode("utf-8", "replace")


def unpack(trace_id: str, columns: Sequence[Any]) -> Span:
    """Return a span from its id, parent, status, times and content."""
    span_id, parent_id, status, start, end, packed = columns
    content = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
    return Span(
        trace_id,
        span_id,
        content["name"],
        start,
        end,
        parent_id,
        SpanStatusCode(status),
        content.get("status_message", ""),
        content["kind"],
        content["attributes"],
        [SpanEvent(*event) for event in content["events"]] if "events" in content else (),
        [SpanLink(*link) for link in content["links"]] if "links" in content else (),
    )


def attribute_text(packed: bytes, key: str) -> str | None:
    """Return an attribute of a span as text, None if there is none."""
    value = json.loads(text(packed))["attributes"].get(key)
    return value if value is None or isinstance(value, str) else dumps(value)


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dumps(value: Any) -> str:
    """Return compact JSON, with all characters as they are, so that texts can be searched."""
    return _encoder.encode(value)


def root_of(spans: Sequence[Span]) -> Span | None:
    """Return the span that is within no other."""
    return next((span for span in spans if not span.parent_id), None)


def state_of(root: Span | None) -> TraceState:
    """Return the state of a trace whose first span is this, or has not arrived."""
    if root is None:
        return TraceState.IN_PROGRESS
    return TraceState.ERROR if root.status is SpanStatusCode.ERROR else TraceState.OK


def previews(root: Span) -> tuple[str | None, str | None]:
    """Return the beginnings of the input and the output of a trace."""
    return _preview(root.attributes.get(_INPUTS)), _preview(root.attributes.get(_OUTPUTS))


def _preview(value: Any) -> str | None:
    if value is None:
        return None
    shown = value if isinstance(value, str) else dumps(value)
    return shown if len(shown) <= PREVIEW else f"{shown[: PREVIEW - 3]}..."


def tags_of(root: Span) -> dict[str, str]:
    """Return the tags that the attributes of the first span set."""
    return {
        key.removeprefix(_TAG_PREFIX): _plain(value)
        for key, value in root.attributes.items()
        if key.startswith(_TAG_PREFIX)
    }


def metadata_of(spans: Sequence[Span]) -> Mapping[str, str]:
    """Return the metadata that attributes of spans tell."""
    found: dict[str, str] = {}
    for name, keys in _METADATA.items():
        values = (span.attributes.get(key) for span in spans for key in keys)
        value = next((value for value in values if value), None)
        if value is not None:
            found[name] = _plain(value)
    return found


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)
