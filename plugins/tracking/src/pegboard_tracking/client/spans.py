"""Spans on their way to a server, in OpenTelemetry's binary protocol, and back, in MLflow's JSON.

Written by hand, as the protocol's own library weighs more than all the rest of this distribution.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities.traces import Span, SpanEvent, SpanLink, SpanStatusCode, Trace
from pegboard.errors import InvalidValue
from pegboard_stores.traces.conventions.attributes import unread
from pegboard_wire import scalars
from pegboard_wire.scalars import get, integer, items, message

from pegboard_tracking.wire import otlp, trace_codec

_TRACE_ID = re.compile(r"tr-([0-9a-f]{32})")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = {SpanStatusCode.UNSET: 0, SpanStatusCode.OK: 1, SpanStatusCode.ERROR: 2}
_VARINT, _FIXED64, _BYTES = 0, 1, 2
_INTEGERS = range(-(1 << 63), 1 << 63)


# -- there -----------------------------------------------------------------------------------------


def request(spans: Sequence[Span]) -> bytes:
    """Return an ExportTraceServiceRequest; InvalidValue for ids that the protocol cannot say."""
    scope = b"".join(_message(2, _span(span)) for span in spans)
    return _message(1, _message(2, scope))


def _span(span: Span) -> bytes:
    found = _TRACE_ID.fullmatch(span.trace_id)
    if found is None or not found[1].strip("0"):
        raise InvalidValue(
            f"The protocol of servers knows no spans of the trace {span.trace_id[:60]!r}.",
            hint="The id of a trace with spans is 'tr-' and 32 hex digits.",
        )
    status = _text(2, span.status_message) + _number(3, _STATUSES[SpanStatusCode(span.status)])
    parts = [
        _field(1, bytes.fromhex(found[1])),
        _field(2, _span_id(span.span_id)),
        _field(4, _span_id(span.parent_id) if span.parent_id else b""),
        _text(5, span.name),
        _number(6, _KINDS.index(span.kind) if span.kind in _KINDS else 0),
        _time(7, span.start_time_ns),
        _time(8, span.end_time_ns or 0),
        _attributes(9, {key: unread(key, value) for key, value in span.attributes.items()}),
        *(_message(11, _event(event)) for event in span.events),
        *(_message(13, _link(link)) for link in span.links),
        _message(15, status),
    ]
    return b"".join(parts)


def _span_id(text: str) -> bytes:
    if not _SPAN_ID.fullmatch(text) or not text.strip("0"):
        raise InvalidValue(
            f"The protocol of servers knows no span with the id {text[:60]!r}.",
            hint="The id of a span is 16 hex digits.",
        )
    return bytes.fromhex(text)


def _event(event: SpanEvent) -> bytes:
    return _time(1, event.timestamp) + _text(2, event.name) + _attributes(3, event.attributes)


def _link(link: SpanLink) -> bytes:
    try:
        trace_id = bytes.fromhex(link.trace_id.removeprefix("tr-"))
        span_id = bytes.fromhex(link.span_id)
    except ValueError:
        raise InvalidValue("A link of a span leads to ids that are not hex digits.") from None
    return _field(1, trace_id) + _field(2, span_id) + _attributes(4, link.attributes)


def _attributes(number: int, attributes: Mapping[str, Any]) -> bytes:
    return b"".join(_message(number, _pair(key, value)) for key, value in attributes.items())


def _pair(key: str, value: Any) -> bytes:
    return _text(1, key) + _message(2, _any(value))


def _any(value: Any) -> bytes:
    # Zeros and empty texts are written too: a value without a field would be absent.
    if isinstance(value, str):
        return _message(1, value.encode())
    if isinstance(value, bool):
        return _tag(2, _VARINT) + _varint(value)
    if isinstance(value, int) and value in _INTEGERS:
        return _tag(3, _VARINT) + _varint(value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, (int, float)):
        return _tag(4, _FIXED64) + struct.pack("<d", value)
    if isinstance(value, Mapping):
        return _message(6, _attributes(1, value))
    if isinstance(value, (list, tuple)):
        return _message(5, b"".join(_message(1, _any(item)) for item in value))
    return b"" if value is None else _message(1, str(value).encode())


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return _message(number, content) if content else b""


def _message(number: int, content: bytes) -> bytes:
    return _tag(number, _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _tag(number, _VARINT) + _varint(value) if value else b""


def _time(number: int, value: int) -> bytes:
    if not 0 <= value < 1 << 63:
        raise InvalidValue(f"{value} ns is not a time that a span can have.")
    return _tag(number, _FIXED64) + value.to_bytes(8, "little")


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


# -- and back --------------------------------------------------------------------------------------


def read_trace(value: Any) -> Trace:
    """Read a trace with its spans, in the order they began."""
    fields = message(value, "trace")
    info = trace_codec.read_info(get(fields, "trace_info"))
    spans = [_read_span(item, info.trace_id) for item in items(get(fields, "spans"), "spans")]
    return Trace(info, sorted(spans, key=lambda span: span.start_time_ns))


def _read_span(value: Any, trace_id: str) -> Span:
    fields = message(value, "span")
    status = message(get(fields, "status") or {}, "status")
    code = str(get(status, "code") or "").removeprefix("STATUS_CODE_")
    kind = str(get(fields, "kind") or "").removeprefix("SPAN_KIND_")
    attributes = _read_attributes(get(fields, "attributes"))
    # The protocol itself puts the trace's on spans; the one that they came with is beside it.
    attributes.pop(otlp.TRACE_ID, None)
    if otlp.OWN_TRACE_ID in attributes:
        attributes[otlp.TRACE_ID] = attributes.pop(otlp.OWN_TRACE_ID)
    return Span(
        trace_id,
        _read_id(fields, "span_id"),
        _read_text(fields, "name"),
        _read_time(fields, "start_time_unix_nano"),
        _read_time(fields, "end_time_unix_nano") or None,
        _read_id(fields, "parent_span_id") or None,
        SpanStatusCode(code) if code in _STATUSES else SpanStatusCode.UNSET,
        _read_text(status, "message"),
        kind if kind in _KINDS else _KINDS[0],
        attributes,
        [
            SpanEvent(
                _read_text(event, "name"),
                _read_time(event, "time_unix_nano"),
                _read_attributes(get(event, "attributes")),
            )
            for event in items(get(fields, "events"), "events")
        ]
        or (),
        [
            SpanLink(
                _read_id(link, "trace_id"),
                _read_id(link, "span_id"),
                _read_attributes(get(link, "attributes")),
            )
            for link in items(get(fields, "links"), "links")
        ]
        or (),
    )


def _read_id(fields: Mapping[str, Any], name: str) -> str:
    """Read an id: bytes, which JSON has in base64."""
    try:
        return base64.b64decode(_read_text(fields, name), validate=True).hex()
    except ValueError:
        raise InvalidValue(f"The field {name!r} is not in base64.") from None


def _read_text(fields: Mapping[str, Any], name: str) -> str:
    value = get(fields, name)
    return "" if value is None else scalars.string(value, name)


def _read_time(fields: Mapping[str, Any], name: str) -> int:
    return integer(get(fields, name) or 0, name)


def _read_attributes(value: Any) -> dict[str, Any]:
    pairs = [message(item, "attributes") for item in items(value, "attributes")]
    return {_read_text(pair, "key"): _read_any(get(pair, "value") or {}) for pair in pairs}


def _read_any(value: Any) -> Any:
    fields = message(value, "value")
    for name, read in _READERS.items():
        found = get(fields, name)
        if found is not None:
            return read(found, name)
    return None


def _read_list(value: Any, name: str) -> list[Any]:
    return [_read_any(item) for item in items(get(message(value, name), "values"), name)]


def _read_mapping(value: Any, name: str) -> dict[str, Any]:
    return _read_attributes(get(message(value, name), "values"))


_READERS = {
    "string_value": scalars.string,
    "bool_value": scalars.boolean,
    "int_value": integer,
    "double_value": scalars.double,
    "array_value": _read_list,
    "kvlist_value": _read_mapping,
    "bytes_value": scalars.string,
}
