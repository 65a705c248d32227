"""Spans in OpenTelemetry's protocol, binary or JSON, and back to JSON.

Read by hand: the protocol's own library weighs more than all the rest of this distribution.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import define, field
from pegboard.entities.traces import Span, SpanEvent, SpanLink, SpanStatusCode
from pegboard.errors import InvalidValue
from pegboard_stores import json_size
from pegboard_wire import scalars

from pegboard_tracking.wire import protobuf
from pegboard_tracking.wire.protobuf import Reading, broken

MAX_DEPTH = 32
"""How deep values may be nested."""
MAX_FIELDS = 1_500_000
"""How many fields of protocol buffers a binary body may have, nested ones included: an attribute
has four, a span about ten of its own."""
MAX_VALUES = 500_000
"""How many names and values a body in JSON may have: an attribute has seven."""
MAX_GROUPS = 10_000
"""How many resources and scopes a body may name."""
MAX_SPANS = 50_000
MAX_NOTES = 100_000
"""How many events and links the spans of a body may have, all together."""

TRACE_ID, OWN_TRACE_ID = "mlflow.traceRequestId", "pegboard.traceRequestId"
"""The attributes that tell the id of a span's trace, and the one that the span came with."""

_ID_PREFIX = "tr-"
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = (SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR)

Attributes: TypeAlias = dict[str, Any]


@define
class Batch:
    """Spans of one resource: a process that sends them."""

    resource: Attributes = field(factory=dict)
    spans: list[Span] = field(factory=list)


@define
class _Counts:
    """What a body held so far."""

    groups: int = 0
    spans: int = 0
    notes: int = 0

    def group(self) -> None:
        """Count a resource or a scope."""
        self.groups += 1
        if self.groups > MAX_GROUPS:
            raise _too_many(MAX_GROUPS, "resources and scopes")

    def span(self) -> None:
        """Count a span."""
        self.spans += 1
        if self.spans > MAX_SPANS:
            raise _too_many(MAX_SPANS, "spans")

    def note(self) -> None:
        """Count an event or a link."""
        self.notes += 1
        if self.notes > MAX_NOTES:
            raise _too_many(MAX_NOTES, "events and links")


def _too_many(most: int, what: str) -> InvalidValue:
    return InvalidValue(f"The body has more than {most} {what}.", hint="Send smaller batches.")


# -- binary ----------------------------------------------------------------------------------------


def read_binary(body: bytes) -> list[Batch]:
    """Read an ExportTraceServiceRequest; InvalidValue."""
    reading, counts = Reading(MAX_FIELDS), _Counts()
    found = reading.fields(memoryview(body))
    return [_resource_spans(reading, counts, protobuf.message(v)) for n, v in found if n == 1]


def _resource_spans(reading: Reading, counts: _Counts, data: memoryview) -> Batch:
    counts.group()
    batch = Batch()
    for number, value in reading.fields(data):
        if number == 1:
            inner = reading.fields(protobuf.message(value))
            batch.resource = _attributes(reading, (v for n, v in inner if n == 1))
        elif number == 2:
            counts.group()
            inner = reading.fields(protobuf.message(value))
            batch.spans += [_span(reading, counts, protobuf.message(v)) for n, v in inner if n == 2]
    return batch


def _span(reading: Reading, counts: _Counts, data: memoryview) -> Span:
    counts.span()
    found: dict[int, Any] = {}
    attributes, events, links = [], [], []
    for number, value in reading.fields(data):
        if number == 9:
            attributes.append(value)
        elif number == 11:
            counts.note()
            events.append(_event(reading, protobuf.message(value)))
        elif number == 13:
            counts.note()
            links.append(_link(reading, protobuf.message(value)))
        else:
            found[number] = value
    status, message = _status(reading, protobuf.message(found.get(15, memoryview(b""))))
    return _made(
        trace_id=_hex(found.get(1)),
        span_id=_hex(found.get(2)),
        parent_id=_hex(found.get(4)),
        name=protobuf.text(found.get(5, memoryview(b""))),
        kind=protobuf.whole(found.get(6, 0)),
        start=protobuf.whole(found.get(7, 0)),
        end=protobuf.whole(found.get(8, 0)),
        status=status,
        message=message,
        attributes=_attributes(reading, attributes),
        events=events,
        links=links,
    )


def _hex(value: int | memoryview | None) -> str:
    return "" if value is None else bytes(protobuf.message(value)).hex()


def _status(reading: Reading, data: memoryview) -> tuple[int, str]:
    code, message = 0, ""
    for number, value in reading.fields(data):
        if number == 2:
            message = protobuf.text(value)
        elif number == 3:
            code = protobuf.whole(value)
    return code, message


def _event(reading: Reading, data: memoryview) -> SpanEvent:
    time, name, attributes = 0, "", []
    for number, value in reading.fields(data):
        if number == 1:
            time = protobuf.whole(value)
        elif number == 2:
            name = protobuf.text(value)
        elif number == 3:
            attributes.append(value)
    return SpanEvent(name, time, _attributes(reading, attributes))


def _link(reading: Reading, data: memoryview) -> SpanLink:
    trace_id, span_id, attributes = "", "", []
    for number, value in reading.fields(data):
        if number == 1:
            trace_id = _hex(value)
        elif number == 2:
            span_id = _hex(value)
        elif number == 4:
            attributes.append(value)
    return SpanLink(trace_id, span_id, _attributes(reading, attributes))


def _attributes(reading: Reading, values: Iterable[Any], depth: int = 0) -> Attributes:
    return dict(_key_value(reading, protobuf.message(value), depth) for value in values)


def _key_value(reading: Reading, data: memoryview, depth: int) -> tuple[str, Any]:
    key, found = "", None
    for number, value in reading.fields(data):
        if number == 1:
            key = protobuf.text(value)
        elif number == 2:
            found = _any(reading, protobuf.message(value), depth)
    return key, found


def _any(reading: Reading, data: memoryview, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise _too_deep()
    result: Any = None
    for number, value in reading.fields(data):
        if number == 5:
            inner = reading.fields(protobuf.message(value))
            result = [_any(reading, protobuf.message(v), depth + 1) for n, v in inner if n == 1]
        elif number == 6:
            inner = reading.fields(protobuf.message(value))
            result = _attributes(reading, (v for n, v in inner if n == 1), depth + 1)
        elif number in _PLAIN:
            result = _PLAIN[number](value)
    return result


_PLAIN: Mapping[int, Callable[[int | memoryview], Any]] = {
    1: protobuf.text,
    2: lambda value: bool(protobuf.whole(value)),
    3: protobuf.signed,
    4: protobuf.double,
    7: lambda value: base64.b64encode(protobuf.message(value)).decode(),
}


# -- JSON ------------------------------------------------------------------------------------------


def read_json(body: bytes) -> list[Batch]:
    """Read an ExportTraceServiceRequest in JSON, where ids are hex digits; InvalidValue."""
    if json_size.has_more_values(body, MAX_VALUES):
        raise _too_many(MAX_VALUES, "names and values")
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        raise broken() from None
    batches, counts = [], _Counts()
    for each in _items(scalars.message(whole, "body"), "resourceSpans"):
        counts.group()
        batch = Batch(_json_attributes(scalars.message(each.get("resource") or {}, "resource")))
        for scope in _items(each, "scopeSpans"):
            counts.group()
            batch.spans += [_json_span(counts, span) for span in _items(scope, "spans")]
        batches.append(batch)
    return batches


def _items(fields: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    for item in scalars.items(fields.get(name), name):
        yield scalars.message(item, name)


def _json_span(counts: _Counts, given: Mapping[str, Any]) -> Span:
    counts.span()
    status = scalars.message(given.get("status") or {}, "status")
    return _made(
        trace_id=_json_id(given, "traceId"),
        span_id=_json_id(given, "spanId"),
        parent_id=_json_id(given, "parentSpanId"),
        name=_json_text(given, "name"),
        kind=_json_number(given, "kind", "SPAN_KIND_", _KINDS),
        start=_json_time(given, "startTimeUnixNano"),
        end=_json_time(given, "endTimeUnixNano"),
        status=_json_number(status, "code", "STATUS_CODE_", _STATUSES),
        message=_json_text(status, "message"),
        attributes=_json_attributes(given),
        events=[
            SpanEvent(
                _json_text(each, "name"), _json_time(each, "timeUnixNano"), _json_attributes(each)
            )
            for each in _notes(counts, given, "events")
        ],
        links=[
            SpanLink(_json_id(each, "traceId"), _json_id(each, "spanId"), _json_attributes(each))
            for each in _notes(counts, given, "links")
        ],
    )


def _notes(counts: _Counts, given: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    for each in _items(given, name):
        counts.note()
        yield each


def _json_text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return "" if value is None else scalars.string(value, name)


def _json_id(given: Mapping[str, Any], name: str) -> str:
    try:
        return bytes.fromhex(_json_text(given, name)).hex()
    except ValueError:
        raise InvalidValue(f"The field {name!r} is not written in hex digits.") from None


def _json_time(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    return 0 if value is None else scalars.integer(value, name)


def _json_number(given: Mapping[str, Any], name: str, prefix: str, names: tuple[str, ...]) -> int:
    value = given.get(name)
    if isinstance(value, str) and value.removeprefix(prefix) in names:
        return names.index(value.removeprefix(prefix))
    return 0 if value is None else scalars.integer(value, name, 32)


def _json_attributes(
    given: Mapping[str, Any], name: str = "attributes", depth: int = 0
) -> Attributes:
    return {
        _json_text(each, "key"): _json_any(scalars.message(each.get("value") or {}, "value"), depth)
        for each in _items(given, name)
    }


def _json_any(value: Mapping[str, Any], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise _too_deep()
    for name, found in value.items():
        if name == "arrayValue":
            return [_json_any(item, depth + 1) for item in _items(found or {}, "values")]
        if name == "kvlistValue":
            return _json_attributes(found or {}, "values", depth + 1)
        if name in _JSON_PLAIN:
            return _JSON_PLAIN[name](found, name)
    return None


_JSON_PLAIN: Mapping[str, Callable[[Any, str], Any]] = {
    "stringValue": scalars.string,
    "boolValue": scalars.boolean,
    "intValue": scalars.integer,
    "doubleValue": scalars.double,
    "bytesValue": scalars.string,
}


# -- both ------------------------------------------------------------------------------------------


def _made(
    *,
    trace_id: str,
    span_id: str,
    parent_id: str,
    name: str,
    kind: int,
    start: int,
    end: int,
    status: int,
    message: str,
    attributes: Attributes,
    events: list[SpanEvent],
    links: list[SpanLink],
) -> Span:
    if len(trace_id) != 32 or len(span_id) != 16 or len(parent_id) not in (0, 16):
        raise InvalidValue("A span has a trace id of 16 bytes and a span id of 8 bytes.")
    if not int(trace_id, 16) or not int(span_id, 16):
        raise InvalidValue("The ids of a span are not all zeros.")
    return Span(
        f"{_ID_PREFIX}{trace_id}",
        span_id,
        name,
        start,
        end or None,
        parent_id if parent_id.strip("0") else None,
        _STATUSES[status] if 0 <= status < len(_STATUSES) else SpanStatusCode.UNSET,
        message,
        _KINDS[kind] if 0 <= kind < len(_KINDS) else _KINDS[0],
        attributes,
        events,
        links,
    )


def _too_deep() -> InvalidValue:
    return InvalidValue(f"A value of a span is nested more than {MAX_DEPTH} levels deep.")


def _named(span: Span) -> Attributes:
    """Return the attributes with the id of the trace, as MLflow's protocol has it on each span.

    A span that came with another one in its place keeps that beside it.
    """
    own = span.attributes.get(TRACE_ID, span.trace_id)
    named = {**span.attributes, TRACE_ID: span.trace_id}
    return named if own == span.trace_id else {**named, OWN_TRACE_ID: own}


def span_json(span: Span) -> dict[str, Any]:
    """Return a span as MLflow's protocol does: ids in base64, as bytes are in JSON."""
    made: dict[str, Any] = {
        "trace_id": _base64(span.trace_id.removeprefix(_ID_PREFIX)),
        "span_id": _base64(span.span_id),
        "name": span.name,
        "start_time_unix_nano": span.start_time_ns,
        "attributes": _attributes_json(_named(span)),
        "status": {"code": f"STATUS_CODE_{span.status}"},
    }
    if span.end_time_ns is not None:
        made["end_time_unix_nano"] = span.end_time_ns
    if span.parent_id:
        made["parent_span_id"] = _base64(span.parent_id)
    if span.kind != _KINDS[0]:
        made["kind"] = f"SPAN_KIND_{span.kind}"
    if span.status_message:
        made["status"]["message"] = span.status_message
    if span.events:
        made["events"] = [
            {
                "time_unix_nano": event.timestamp,
                "name": event.name,
                "attributes": _attributes_json(event.attributes),
            }
            for event in span.events
        ]
    if span.links:
        made["links"] = [
            {
                "trace_id": _base64(link.trace_id),
                "span_id": _base64(link.span_id),
                "attributes": _attributes_json(link.attributes),
            }
            for link in span.links
        ]
    return made


def _base64(digits: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(digits)).decode()
    except ValueError:
        # A store may be given other ids than this protocol knows.
        return base64.b64encode(digits.encode()).decode()


def _attributes_json(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value_json(value)} for key, value in attributes.items()]


def _value_json(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, str):
        return {"string_value": value}
    if isinstance(value, int):
        return {"int_value": value}
    if isinstance(value, float):
        return {"double_value": value if math.isfinite(value) else scalars.number_json(value)}
    if isinstance(value, Mapping):
        return {"kvlist_value": {"values": _attributes_json(value)}}
    if isinstance(value, (list, tuple)):
        return {"array_value": {"values": [_value_json(item) for item in value]}}
    return {}
