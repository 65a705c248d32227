"""Spans in OpenTelemetry's protocol: read from what clients send, and refused if it is broken."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.entities.traces import Span, SpanEvent, SpanLink, SpanStatusCode
from pegboard.errors import InvalidValue, NotFound
from pegboard_tracking.wire import ingestion, otlp
from pegboard_wire.http import Answer, Call, Identity, Permission

TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


# A writer of the binary form, as the specification tells it.
def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def part(number: int, data: bytes | str | int) -> bytes:
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    raw = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def fixed(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 1) + data


def any_value(value: Any) -> bytes:
    if isinstance(value, bool):
        return part(2, int(value))
    if isinstance(value, str):
        return part(1, value)
    if isinstance(value, int):
        return part(3, value)
    if isinstance(value, float):
        return fixed(4, struct.pack("<d", value))
    if isinstance(value, bytes):
        return part(7, value)
    if isinstance(value, list):
        return part(5, b"".join(part(1, any_value(item)) for item in value))
    if isinstance(value, dict):
        return part(6, b"".join(part(1, pair(k, v)) for k, v in value.items()))
    return b""


def pair(key: str, value: Any) -> bytes:
    return part(1, key) + part(2, any_value(value))


def binary(span: bytes, resource: bytes = b"") -> bytes:
    inside = part(1, resource) + part(2, part(1, b"") + part(2, span))
    return part(1, inside)


ATTRIBUTES = {
    "text": "é",
    "yes": True,
    "less": -5,
    "most": 2**63 - 1,
    "half": 0.5,
    "list": [1, "x", [None]],
    "map": {"deep": {"a": False}},
}
WHOLE = (
    part(1, bytes.fromhex(TRACE))
    + part(2, bytes.fromhex(SPAN))
    + part(3, "state=1")
    + part(4, bytes.fromhex(PARENT))
    + part(5, "näme")
    + part(6, 3)
    + fixed(7, struct.pack("<Q", 1_700_000_000_000_000_001))
    + fixed(8, struct.pack("<Q", 1_700_000_000_000_000_009))
    + b"".join(part(9, pair(k, v)) for k, v in ATTRIBUTES.items())
    + part(11, fixed(1, struct.pack("<Q", 7)) + part(2, "event") + part(3, pair("k", 1)))
    + part(13, part(1, bytes.fromhex(TRACE)) + part(2, bytes.fromhex(SPAN)) + part(4, pair("l", 2)))
    + part(15, part(2, "broken") + part(3, 2))
    + varint(16 << 3 | 5)
    + b"\x01\x00\x00\x00"
)
EXPECTED = Span(
    f"tr-{TRACE}",
    SPAN,
    "näme",
    1_700_000_000_000_000_001,
    1_700_000_000_000_000_009,
    PARENT,
    SpanStatusCode.ERROR,
    "broken",
    "CLIENT",
    ATTRIBUTES,
    [SpanEvent("event", 7, {"k": 1})],
    [SpanLink(TRACE, SPAN, {"l": 2})],
)
LEAST = part(1, bytes.fromhex(TRACE)) + part(2, bytes.fromhex(SPAN))


def json_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [json_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": json_pairs(value)}}
    return {}


def json_pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": json_value(value)} for key, value in values.items()]


JSON_SPAN: dict[str, Any] = {
    "traceId": TRACE.upper(),
    "spanId": SPAN,
    "parentSpanId": PARENT,
    "name": "näme",
    "kind": 3,
    "startTimeUnixNano": "1700000000000000001",
    "endTimeUnixNano": 1_700_000_000_000_000_009,
    "attributes": json_pairs(ATTRIBUTES),
    "events": [{"timeUnixNano": "7", "name": "event", "attributes": json_pairs({"k": 1})}],
    "links": [{"traceId": TRACE, "spanId": SPAN, "attributes": json_pairs({"l": 2})}],
    "status": {"code": "STATUS_CODE_ERROR", "message": "broken"},
    "unknown": {},
}


def in_json(span: Any) -> bytes:
    resource = {"attributes": json_pairs({"service.name": "shop"})}
    return json.dumps(
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    ).encode()


def test_a_binary_span_is_read() -> None:
    resource = part(1, pair("service.name", "shop")) + part(1, pair("n", 1))
    [batch] = otlp.read_binary(binary(WHOLE, resource))
    assert batch.resource == {"service.name": "shop", "n": 1}
    assert batch.spans == [EXPECTED]


def test_a_span_in_json_is_read() -> None:
    [batch] = otlp.read_json(in_json(JSON_SPAN))
    assert batch.resource == {"service.name": "shop"}
    assert batch.spans == [EXPECTED]


def test_a_span_needs_no_more_than_its_ids() -> None:
    [batch] = otlp.read_binary(binary(LEAST))
    assert batch.spans == [Span(f"tr-{TRACE}", SPAN, "", 0, events=[], links=[])]


@pytest.mark.parametrize(
    "span",
    [
        b"",
        part(1, b"short") + part(2, bytes.fromhex(SPAN)),
        part(1, bytes(16)) + part(2, bytes.fromhex(SPAN)),
        part(1, bytes.fromhex(TRACE)),
        part(1, 7) + part(2, bytes.fromhex(SPAN)),
        LEAST + part(5, b"\xff\xfe"),
        LEAST + part(5, 5),
        LEAST + part(9, b"\x0b"),
        LEAST + b"\x00\x00",
        LEAST + b"\xff" * 20,
    ],
)
def test_a_broken_binary_span_is_refused(span: bytes) -> None:
    with pytest.raises(InvalidValue):
        otlp.read_binary(binary(span))


@pytest.mark.parametrize("cut", range(1, len(binary(WHOLE)), 7))
def test_a_body_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(InvalidValue):
        otlp.read_binary(binary(WHOLE)[:cut])


def test_values_may_not_be_nested_without_end() -> None:
    value: Any = "x"
    for _ in range(10_000):
        value = part(5, part(1, value if isinstance(value, bytes) else any_value(value)))
    with pytest.raises(InvalidValue, match="deep"):
        otlp.read_binary(binary(LEAST + part(9, part(1, "k") + part(2, value))))
    nested: Any = {"stringValue": "x"}
    for _ in range(200):
        nested = {"arrayValue": {"values": [nested]}}
    with pytest.raises(InvalidValue, match="deep"):
        otlp.read_json(in_json({**JSON_SPAN, "attributes": [{"key": "k", "value": nested}]}))
    with pytest.raises(InvalidValue):
        otlp.read_json(b"[" * 100_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (otlp.read_binary, otlp.read_json):
        try:
            read(body)
        except InvalidValue:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(JSON_SPAN)), json_values)
def test_any_value_of_a_field_is_read_or_refused(name: str, value: Any) -> None:
    try:
        [batch] = otlp.read_json(in_json({**JSON_SPAN, name: value}))
    except InvalidValue:
        return
    assert len(batch.spans) == 1


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_attributes_go_out_as_json_that_any_decoder_reads(attributes: dict[str, Any]) -> None:
    span = Span(f"tr-{TRACE}", SPAN, "n", 1, attributes=attributes)
    json.dumps(otlp.span_json(span), allow_nan=False)


def test_a_span_goes_out_as_mlflow_writes_it() -> None:
    made = otlp.span_json(EXPECTED)
    assert made["trace_id"] == base64.b64encode(bytes.fromhex(TRACE)).decode()
    assert made["parent_span_id"] == base64.b64encode(bytes.fromhex(PARENT)).decode()
    assert made["status"] == {"code": "STATUS_CODE_ERROR", "message": "broken"}
    assert made["kind"] == "SPAN_KIND_CLIENT"
    assert {"key": "less", "value": {"int_value": -5}} in made["attributes"]
    assert made["events"][0]["name"] == "event"


# -- the endpoint ----------------------------------------------------------------------------------

[ENDPOINT] = ingestion.ENDPOINTS
ME = Identity("me", frozenset(Permission))


@pytest.fixture
def send(wire):
    def send(body: bytes, **headers: str) -> Answer:
        given = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        call = Call(wire.host, ME, {}, given, tracking_uri=wire.uri, content=body)
        answer = ENDPOINT.handle(call)
        assert isinstance(answer, Answer)
        return answer

    return send


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
    ],
)
def test_spans_are_taken_in_and_found(wire, send, encoding: str, pack: Any) -> None:
    resource = part(1, pair("service.name", "shop")) + part(1, pair("telemetry.sdk.name", "x"))
    answer = send(pack(binary(WHOLE, resource)), content_encoding=encoding)
    assert (answer.status, answer.content) == (200, b"")
    trace = wire.store.traces().get(f"tr-{TRACE}")
    assert [span.name for span in trace.spans] == ["näme"]
    assert trace.info.tags["service.name"] == "shop"
    assert "telemetry.sdk.name" not in trace.info.tags


def test_spans_in_json_are_taken_in_for_a_run(wire, send) -> None:
    run_id = wire.run(experiment_id="0")
    root = {**JSON_SPAN, "parentSpanId": ""}
    answer = send(
        in_json(root), content_type="application/json; charset=utf-8", x_mlflow_run_id=run_id
    )
    assert answer.content == b"{}"
    [found] = wire.store.traces().search(["0"], filter=f"run_id = '{run_id}'")
    assert found.trace_id == f"tr-{TRACE}"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (binary(WHOLE), {"x_mlflow_experiment_id": ""}),
        (binary(WHOLE), {"content_type": "text/plain"}),
        (binary(WHOLE), {"content_encoding": "br"}),
        (binary(WHOLE), {"content_encoding": "gzip"}),
        (gzip.compress(binary(WHOLE), mtime=0)[:-9], {"content_encoding": "gzip"}),
        (b"", {}),
        (b"{}", {"content_type": "application/json"}),
        (b"null", {"content_type": "application/json"}),
        (binary(LEAST + fixed(7, b"\xff" * 8)), {}),
    ],
)
def test_what_cannot_be_taken_in_is_refused(wire, send, body: bytes, headers: Any) -> None:
    with pytest.raises(InvalidValue):
        send(body, **headers)
    assert wire.store.traces().search(["0"]) == []


def test_spans_for_no_experiment_are_refused(send) -> None:
    with pytest.raises(NotFound):
        send(binary(WHOLE), x_mlflow_experiment_id="4040")


def test_a_body_that_unpacks_to_too_much_is_refused(send, monkeypatch) -> None:
    monkeypatch.setattr(ingestion, "MAX_BYTES", 10_000)
    with pytest.raises(InvalidValue, match="10000 bytes"):
        send(gzip.compress(bytes(20_000)), content_encoding="gzip")
