"""Spans on their way to a server and back."""

from __future__ import annotations

import json
import math

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard.entities.traces import (
    Span,
    SpanEvent,
    SpanLink,
    SpanStatusCode,
    Trace,
    TraceInfo,
    TraceState,
)
from pegboard.errors import InvalidValue
from pegboard_stores.traces.conventions import translated
from pegboard_tracking.client import spans
from pegboard_tracking.wire import otlp
from pegboard_tracking.wire.traces import trace_json

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | INT64 | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=4)
TIMES = st.integers(1, 2**62)
SPAN_IDS = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
TRACE_IDS = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")
SPANS = st.builds(
    Span,
    TRACE_IDS.map(lambda digits: f"tr-{digits}"),
    SPAN_IDS,
    TEXT,
    TIMES,
    st.none() | TIMES,
    st.none() | SPAN_IDS,
    st.sampled_from(SpanStatusCode),
    TEXT,
    st.sampled_from(["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]),
    ATTRIBUTES,
    st.lists(st.builds(SpanEvent, TEXT, TIMES, ATTRIBUTES), max_size=2),
    st.lists(st.builds(SpanLink, TRACE_IDS, SPAN_IDS, ATTRIBUTES), max_size=2),
)


def plain(span: Span) -> Span:
    return attrs.evolve(span, events=list(span.events), links=list(span.links))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SPANS, max_size=3))
def test_a_server_reads_the_spans_that_were_sent(given_spans: list[Span]) -> None:
    [batch] = otlp.read_binary(spans.request(given_spans))
    assert [plain(span) for span in batch.spans] == given_spans
    kinds = [[type(v) for v in span.attributes.values()] for span in batch.spans]
    assert kinds == [[type(v) for v in span.attributes.values()] for span in given_spans]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SPANS)
def test_a_client_reads_the_spans_that_a_server_sends(span: Span) -> None:
    info = TraceInfo(span.trace_id, "0", 5, TraceState.OK, assessments=[])
    answer = json.loads(json.dumps(trace_json(Trace(info, [span]))))
    read = spans.read_trace(answer)
    assert read.info == info
    assert [plain(each) for each in read.spans] == [span]


@given(st.text(st.sampled_from('[]{}":,1a\\ '), max_size=12), st.sampled_from(["mlflow.a", "a"]))
def test_json_in_a_text_of_ours_stays_a_text(text: str, key: str) -> None:
    """A server reads what other libraries can only send as JSON in a text."""
    values = {key: text, "mlflow.traceTag.t": text, "mlflow.spanOutputs": f'{{"a": "{key}"}}'}
    span = Span(f"tr-{1:032x}", f"{1:016x}", "a", 1, attributes=values)
    [batch] = otlp.read_binary(spans.request([span]))
    assert translated(batch.spans[0]).attributes == values


def test_numbers_that_json_lacks_go_both_ways() -> None:
    values = {"nan": math.nan, "up": math.inf, "down": -math.inf}
    span = Span(f"tr-{1:032x}", f"{1:016x}", "a", 1, attributes=values)
    [batch] = otlp.read_binary(spans.request([span]))
    answer = trace_json(Trace(TraceInfo(span.trace_id, "0", 5), batch.spans))
    [read] = spans.read_trace(json.loads(json.dumps(answer, allow_nan=False))).spans
    assert repr(read.attributes) == repr(values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trace_id": "tr-1"},
        {"trace_id": "1" * 32},
        {"trace_id": "tr-" + "0" * 32},
        {"trace_id": "tr-" + "A" * 32},
        {"span_id": "1"},
        {"span_id": "0" * 16},
        {"parent_id": "x"},
        {"start_time_ns": -1},
        {"end_time_ns": 2**64},
        {"links": [SpanLink("no digits", "1", {})]},
    ],
)
def test_what_the_protocol_cannot_say_is_refused(wrong: dict[str, object]) -> None:
    span = Span(f"tr-{1:032x}", f"{1:016x}", "a", 1)
    with pytest.raises(InvalidValue):
        spans.request([attrs.evolve(span, **wrong)])
