"""What a trace learns from its spans, and what of a span is text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities.traces import Span, SpanStatusCode, TraceState

from pegboard_stores import quick_json

PREVIEW = 1000
"""How many characters of the first input and the last output an outline shows."""

_TAG_PREFIX = "mlflow.traceTag."
_INPUTS, _OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
_METADATA = {
    "mlflow.trace.session": ("session.id", "gen_ai.conversation.id"),
    "mlflow.trace.user": ("user.id",),
}
"""Metadata of a trace, and the attributes of spans that it is taken from."""
_TELLING = frozenset(key for keys in _METADATA.values() for key in keys)

ARTIFACT_LOCATION = "mlflow.artifactLocation"
"""The tag that says where files of a trace belong."""
SPANS_LOCATION = "mlflow.trace.spansLocation"
IN_STORE = {SPANS_LOCATION: "TRACKING_STORE"}
"""The tag of a trace whose spans are in the store itself."""
OPEN_STATES = (TraceState.IN_PROGRESS, TraceState.STATE_UNSPECIFIED)


dumps = quick_json.encoder(",", ":")
"""Returns compact JSON, with all characters as they are, so that texts can be searched."""


def described(span: Span) -> dict[str, Any]:
    """Return what of a span is searched as its content: all but its ids, status and times."""
    content: dict[str, Any] = {"name": span.name, "kind": span.kind}
    if span.status_message:
        content["status_message"] = span.status_message
    content["attributes"] = span.attributes
    if span.events:
        content["events"] = [[e.name, e.timestamp, e.attributes] for e in span.events]
    if span.links:
        content["links"] = [[link.trace_id, link.span_id, link.attributes] for link in span.links]
    return content


def as_text(value: Any) -> str:
    """Return the value of an attribute as text, which is searched and shown."""
    return value if isinstance(value, str) else dumps(value)


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
    shown = as_text(value)
    return shown if len(shown) <= PREVIEW else f"{shown[: PREVIEW - 3]}..."


def tags_of(root: Span) -> dict[str, str]:
    """Return the tags that the attributes of the first span set."""
    return {
        key.removeprefix(_TAG_PREFIX): as_text(value)
        for key, value in root.attributes.items()
        if key.startswith(_TAG_PREFIX)
    }


def metadata_of(spans: Sequence[Span]) -> Mapping[str, str]:
    """Return the metadata that attributes of spans tell."""
    found: dict[str, str] = {}
    telling = [span.attributes for span in spans if not _TELLING.isdisjoint(span.attributes)]
    for name, keys in _METADATA.items() if telling else ():
        values = (attributes.get(key) for attributes in telling for key in keys)
        value = next((value for value in values if value), None)
        if value is not None:
            found[name] = as_text(value)
    return found
