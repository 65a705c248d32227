"""Spans in OpenTelemetry's protocol, binary or JSON, and back to JSON.

Read by hand: the protocol's own library weighs more than all the rest of this distribution.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import define, field
from pegboard.entities.traces import Span, SpanEvent, SpanLink, SpanStatusCode
from pegboard.errors import InvalidValue

from pegboard_tracking.wire import protobuf, scalars
from pegboard_tracking.wire.protobuf import broken, fields

MAX_DEPTH = 32
"""How deep values may be nested."""

_ID_PREFIX = "tr-"
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = (SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR)

Attributes: TypeAlias = dict[str, Any]


@define
class Batch:
    """Spans of one resource: a process that sends them."""

    resource: Attributes = field(factory=dict)
    spans: list[Span] = field(factory=list)


# -- binary ----------------------------------------------------------------------------------------


def read_binary(body: bytes) -> list[Batch]:
    """Read an ExportTraceServiceRequest; InvalidValue."""
    return [_resource_spans(protobuf.message(v)) for n, v in fields(memoryview(body)) if n == 1]


def _resource_spans(data: memoryview) -> Batch:
    batch = Batch()
    for number, value in fields(data):
        if number == 1:
            inner = fields(protobuf.message(value))
            batch.resource = _attributes(v for n, v in inner if n == 1)
        elif number == 2:
            inner = fields(protobuf.message(value))
            batch.spans += [_span(protobuf.message(v)) for n, v in inner if n == 2]
    return batch


def _span(data: memoryview) -> Span:
    found: dict[int, Any] = {}
    attributes, events, links = [], [], []
    for number, value in fields(data):
        if number == 9:
            attributes.append(value)
        elif number == 11:
            events.append(_event(protobuf.message(value)))
        elif number == 13:
            links.append(_link(protobuf.message(value)))
        else:
            found[number] = value
    status, message = _status(protobuf.message(found.get(15, memoryview(b""))))
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
        attributes=_attributes(attributes),
        events=events,
        links=links,
    )


def _hex(value: int | memoryview | None) -> str:
    return "" if value is None else bytes(protobuf.message(value)).hex()


def _status(data: memoryview) -> tuple[int, str]:
    code, message = 0, ""
    for number, value in fields(data):
        if number == 2:
            message = protobuf.text(value)
        elif number == 3:
            code = protobuf.whole(value)
    return code, message


def _event(data: memoryview) -> SpanEvent:
    time, name, attributes = 0, "", []
    for number, value in fields(data):
        if number == 1:
            time = protobuf.whole(value)
        elif number == 2:
            name = protobuf.text(value)
        elif number == 3:
            attributes.append(value)
    return SpanEvent(name, time, _attributes(attributes))


def _link(data: memoryview) -> SpanLink:
    trace_id, span_id, attributes = "", "", []
    for number, value in fields(data):
        if number == 1:
            trace_id = _hex(value)
        elif number == 2:
            span_id = _hex(value)
        elif number == 4:
            attributes.append(value)
    return SpanLink(trace_id, span_id, _attributes(attributes))


def _attributes(values: Any, depth: int = 0) -> Attributes:
    return dict(_key_value(protobuf.message(value), depth) for value in values)


def _key_value(data: memoryview, depth: int) -> tuple[str, Any]:
    key, found = "", None
    for number, value in fields(data):
        if number == 1:
            key = protobuf.text(value)
        elif number == 2:
            found = _any(protobuf.message(value), depth)
    return key, found


def _any(data: memoryview, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise _too_deep()
    result: Any = None
    for number, value in fields(data):
        if number == 5:
            inner = fields(protobuf.message(value))
            result = [_any(protobuf.message(v), depth + 1) for n, v in inner if n == 1]
        elif number == 6:
            inner = fields(protobuf.message(value))
            result = _attributes((v for n, v in inner if n == 1), depth + 1)
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
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        raise broken() from None
    batches = []
    for each in _items(scalars.message(whole, "body"), "resourceSpans"):
        batch = Batch(_json_attributes(scalars.message(each.get("resource") or {}, "resource")))
        for scope in _items(each, "scopeSpans"):
            batch.spans += [_json_span(span) for span in _items(scope, "spans")]
        batches.append(batch)
    return batches


def _items(fields: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    for item in scalars.items(fields.get(name), name):
        yield scalars.message(item, name)


def _json_span(given: Mapping[str, Any]) -> Span:
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
            for each in _items(given, "events")
        ],
        links=[
            SpanLink(_json_id(each, "traceId"), _json_id(each, "spanId"), _json_attributes(each))
            for each in _items(given, "links")
        ],
    )


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


def span_json(span: Span) -> dict[str, Any]:
    """Return a span as MLflow's protocol does: ids in base64, as bytes are in JSON."""
    made: dict[str, Any] = {
        "trace_id": _base64(span.trace_id.removeprefix(_ID_PREFIX)),
        "span_id": _base64(span.span_id),
        "name": span.name,
        "start_time_unix_nano": span.start_time_ns,
        "attributes": _attributes_json({**span.attributes, "mlflow.traceRequestId": span.trace_id}),
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
