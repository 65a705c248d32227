"""Every decoder of bodies has limits on counts and depth, and names the one that was passed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.errors import InvalidValue
from pegboard_stores import search_tokens
from pegboard_tracking.points import packed_points
from pegboard_tracking.wire import ingestion, otlp, protobuf
from pegboard_wire.http import Call, Identity, Permission

from .conftest import Wire
from .test_otlp import binary, pair, part, varint

ANYBODY = Identity("", frozenset(Permission))
PROTOBUF, JSON = "application/x-protobuf", "application/json"


def span(number: int, more: bytes = b"", trace: int = 1) -> bytes:
    ids = part(1, trace.to_bytes(16, "big")) + part(2, number.to_bytes(8, "big"))
    return ids + part(5, "n") + more


def spans(found: Iterator[bytes], resource: bytes = b"") -> bytes:
    return part(1, part(1, resource) + part(2, b"".join(part(2, each) for each in found)))


def nested(depth: int) -> bytes:
    value = part(1, "x")
    for _ in range(depth):
        value = part(5, part(1, value))
    return binary(span(1, part(9, part(1, "k") + part(2, value))))


def json_spans(found: list[Any]) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": found}]}]}).encode()


def json_span(number: int, **more: Any) -> dict[str, Any]:
    return {"traceId": f"{1:032x}", "spanId": f"{number:016x}", "name": "n", **more}


TAGS = b"".join(part(1, pair(f"k{n}", "v")) for n in range(1000))
ATTRIBUTE = {"key": "k", "value": {"stringValue": "v"}}

# What is sent, in which form, and the limit that the answer names.
HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "empty resources": (lambda: b"\x0a\x00" * 1_000_000, PROTOBUF, "10000 resources and scopes"),
    "empty scopes": (
        lambda: part(1, b"\x12\x00" * 1_000_000),
        PROTOBUF,
        "10000 resources and scopes",
    ),
    "unknown fields": (lambda: b"\x10\x00" * 2_000_000, PROTOBUF, "1500000 fields"),
    "unknown fields of a span": (
        lambda: binary(span(1, b"\xa0\x06\x00" * 1_600_000)),
        PROTOBUF,
        "1500000 fields",
    ),
    "spans": (lambda: spans(span(n) for n in range(1, 60_000)), PROTOBUF, "50000 spans"),
    "traces": (
        lambda: spans(span(1, trace=n) for n in range(1, 20_000)),
        PROTOBUF,
        "10000 traces",
    ),
    "tags of traces": (
        lambda: spans((span(1, trace=n) for n in range(1, 300)), TAGS),
        PROTOBUF,
        "200000 tags",
    ),
    "attributes": (
        lambda: binary(span(1, part(9, pair("k", "v")) * 500_000)),
        PROTOBUF,
        "1500000 fields",
    ),
    "attributes of a resource": (
        lambda: binary(span(1), part(1, pair("k", "v")) * 500_000),
        PROTOBUF,
        "1500000 fields",
    ),
    "items of a value": (
        lambda: binary(span(1, part(9, part(1, "k") + part(2, part(5, b"\x0a\x00" * 2_000_000))))),
        PROTOBUF,
        "1500000 fields",
    ),
    "empty events": (
        lambda: binary(span(1, b"\x5a\x00" * 500_000)),
        PROTOBUF,
        "100000 events and links",
    ),
    "empty links": (
        lambda: binary(span(1, b"\x6a\x00" * 500_000)),
        PROTOBUF,
        "100000 events and links",
    ),
    "depth": (lambda: nested(40), PROTOBUF, "32 levels"),
    "objects in JSON": (
        lambda: b'{"resourceSpans":[' + b"{}," * 5_000_000 + b"{}]}",
        JSON,
        "500000 names and values",
    ),
    "resources in JSON": (
        lambda: b'{"resourceSpans":[' + b"{}," * 20_000 + b"{}]}",
        JSON,
        "10000 resources and scopes",
    ),
    "spans in JSON": (
        lambda: json_spans([json_span(n) for n in range(1, 52_000)]),
        JSON,
        "50000 spans",
    ),
    "attributes in JSON": (
        lambda: json_spans([json_span(1, attributes=[ATTRIBUTE] * 100_000)]),
        JSON,
        "500000 names and values",
    ),
    "events in JSON": (
        lambda: json_spans([json_span(1, events=[{}] * 110_000)]),
        JSON,
        "100000 events and links",
    ),
    "links in JSON": (
        lambda: json_spans([json_span(1, links=[{"traceId": ""}] * 110_000)]),
        JSON,
        "100000 events and links",
    ),
    "numbers in JSON": (lambda: b"[" + b"1," * 1_000_000, JSON, "500000 names and values"),
}


def taken(wire: Wire, body: bytes, kind: str) -> None:
    headers = {"content-type": kind, "content-encoding": "gzip", ingestion.EXPERIMENT: "0"}
    call = Call(wire.host, ANYBODY, {}, headers, tracking_uri=wire.uri, content=gzip.compress(body))
    (endpoint,) = ingestion.ENDPOINTS
    endpoint.handle(call)


@pytest.mark.parametrize("name", HOSTILE)
def test_spans_have_limits_on_counts_and_depth(wire: Wire, name: str) -> None:
    made, kind, limit = HOSTILE[name]
    with pytest.raises(InvalidValue, match=limit):
        taken(wire, made(), kind)
    assert not wire.store.traces().search(["0"])


def test_a_trace_of_many_spans_and_attributes_is_taken(wire: Wire) -> None:
    attributes = b"".join(part(9, pair(f"key {n}", "value")) for n in range(10))
    some = b"".join(part(9, pair(f"key {n}", "value")) for n in range(500))
    found = (span(n, some if n == 1 else attributes) for n in range(1, 20_001))
    taken(wire, spans(found), PROTOBUF)
    assert len(wire.store.traces().get(f"tr-{1:032x}").spans) == 20_000


# Fields of every kind, within each other: lengths that are right, and now and then wrong ones.
FIELDS = st.recursive(
    st.binary(max_size=12)
    | st.integers(0, 2**64 - 1).map(lambda value: varint(8) + varint(value))
    | st.binary(min_size=8, max_size=8).map(lambda data: b"\x39" + data),
    lambda inner: st.tuples(st.integers(1, 16), st.lists(inner, max_size=5)).map(
        lambda made: part(made[0], b"".join(made[1]))
    ),
    max_leaves=40,
)


def counted(reading: protobuf.Reading, data: memoryview) -> int:
    """Return how many fields there are when all that may be messages are read as such."""
    found = 0
    for _, value in reading.fields(data):
        found += 1
        if isinstance(value, memoryview):
            try:
                found += counted(reading, value)
            except InvalidValue as error:
                if "fields" in str(error):
                    raise
    return found


@given(body=st.lists(FIELDS, max_size=8).map(b"".join), most=st.integers(0, 50))
def test_no_more_fields_are_read_than_may_be(body: bytes, most: int) -> None:
    reading = protobuf.Reading(most)
    try:
        assert counted(reading, memoryview(body)) <= most
    except InvalidValue as error:
        assert f"{most} fields" in str(error) or "not a valid message" in str(error)


@given(body=st.lists(FIELDS, max_size=8).map(b"".join))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    for sent in (body, binary(body), binary(span(1, body)), binary(span(1), body)):
        try:
            batches = otlp.read_binary(sent)
        except InvalidValue:
            continue
        assert all(isinstance(batch, otlp.Batch) for batch in batches)


# -- other decoders --------------------------------------------------------------------------------


def head(series: str) -> bytes:
    text = f'{{"run_id": "r", "series": [{series}]}}'.encode()
    return len(text).to_bytes(4, "little") + text


@pytest.mark.parametrize(
    "body",
    [
        head(",".join(f'["k{n}",1]' for n in range(10_001))) + b"\0" * 24 * 10_001,
        head(",".join(["{}"] * 5_000_000)),
        head("[" * 100_000),
    ],
)
def test_packed_points_have_a_limit_on_series(body: bytes) -> None:
    with pytest.raises(InvalidValue, match=r"more than 10000 series|does not begin with a head"):
        packed_points.unpack(body)


def test_as_many_series_as_clients_send_are_taken() -> None:
    series = {f"k{n}": bytes(24) for n in range(packed_points.MAX_SERIES)}
    assert packed_points.unpack(packed_points.pack("r", series)) == ("r", series)


def test_a_page_token_that_holds_very_much_is_refused() -> None:
    import base64

    token = base64.urlsafe_b64encode(b"[" + b"{}," * 1_000_000 + b"{}]").decode()
    with pytest.raises(InvalidValue, match="not a page token"):
        search_tokens.decode(token, "query", [str])


@pytest.mark.parametrize(
    "path, fields, said",
    [
        ("runs/create", {"experiment_id": "0", "tags": [{"key": "k"}] * 1001}, "1000 are allowed"),
        ("runs/log-batch", {"run_id": "r", "metrics": [{}] * 1001}, "1000 are allowed"),
        ("runs/log-batch", {"run_id": "r", "params": [{}] * 101}, "100 are allowed"),
        ("runs/log-batch", {"run_id": "r", "tags": [{}] * 101}, "100 are allowed"),
        ("runs/log-model", {"run_id": "r", "model_json": "[" * 100_000}, "80000 characters"),
    ],
)
def test_lists_are_counted_before_they_are_read(
    wire: Wire, path: str, fields: dict[str, Any], said: str
) -> None:
    assert said in str(wire.refused("POST", path, **fields))


def test_an_expectation_as_text_has_a_limit_on_values(wire: Wire) -> None:
    from pegboard.entities.traces import AssessmentKind
    from pegboard_tracking.wire import trace_codec

    text = "[" + "{}," * 200_000 + "{}]"
    fields = {"expectation": {"serialized_value": {"value": text}}}
    with pytest.raises(InvalidValue, match="100000 values"):
        trace_codec.read_value(fields, AssessmentKind.EXPECTATION)
