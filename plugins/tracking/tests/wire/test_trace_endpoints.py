"""The endpoints of traces, called as the server calls them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard import uris
from pegboard.entities.traces import (
    Assessment,
    AssessmentError,
    AssessmentKind,
    Span,
    TraceInfo,
    TraceState,
)
from pegboard.errors import InvalidValue, NotFound, Refused
from pegboard_tracking.wire import trace_codec
from pegboard_tracking.wire.endpoints import ROOMS
from pegboard_tracking.wire.trace_requests import MAX_TRACES
from pegboard_wire.http import Answer, Call, Identity, Permission
from pegboard_wire.rooms import places_of

OLD, NEW = "/api/2.0/mlflow/traces", "/api/3.0/mlflow/traces"
ENDPOINTS = {(each.method, each.path): each.load() for each in places_of(ROOMS)}
ME = Identity("me", frozenset(Permission))
HERE = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
OUTLINE: dict[str, Any] = {
    "trace_id": "tr-1",
    "trace_location": HERE,
    "request_time": "2025-01-01T00:00:00.123Z",
    "execution_duration": "1.500s",
    "state": "OK",
    "trace_metadata": {"a": "b"},
    "tags": {"mlflow.traceName": "ask"},
    "request_preview": "question",
}


@pytest.fixture
def call(wire):
    def call(method: str, path: str, /, **fields: Any) -> Any:
        endpoint = ENDPOINTS[method, path]
        answer: Any = endpoint.handle(Call(wire.host, ME, fields, {}, None, wire.uri))
        if isinstance(answer, Answer):
            assert answer.headers == {"content-disposition": 'attachment; filename="traces.json"'}
            return json.loads(answer.content)
        return json.loads(json.dumps(answer, allow_nan=False))

    return call


@pytest.fixture
def started(call) -> Any:
    return call("POST", NEW, trace={"trace_info": OUTLINE})["trace"]["trace_info"]


def test_an_outline_is_answered_as_it_was_sent(call, started) -> None:
    place = started["tags"].pop("mlflow.artifactLocation")
    assert place.endswith("/0/traces/tr-1/artifacts")
    assert started == OUTLINE
    found = call("GET", NEW + "/{trace_id}", trace_id="tr-1")["trace"]["trace_info"]
    found["tags"].pop("mlflow.artifactLocation")
    assert found == OUTLINE
    assert call("POST", NEW + "/batchGetInfos", trace_ids=["tr-1", "tr-2"])["trace_infos"]
    within = {"trace_ids": ["tr-1"], "experiment_ids": ["7"]}
    assert call("POST", NEW + "/batchGetInfos", **within) == {"trace_infos": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"trace_id": ""},
        {"trace_id": "../../x"},
        {"trace_location": {"type": "INFERENCE_TABLE"}},
        {"request_time": "yesterday"},
        {"request_time": "2025-01-01T00:00:00"},
        {"request_time": 5},
        {"execution_duration": "long"},
        {"execution_duration": "1e9s"},
        {"state": "DONE"},
        {"state": 17},
        {"tags": {"a": 1}},
        {"tags": []},
        {"trace_metadata": "x"},
        {"assessments": [{}]},
    ],
)
def test_a_wrong_outline_is_refused(call, wire, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        call("POST", NEW, trace={"trace_info": OUTLINE | wrong})
    assert wire.store.traces().search(["0"]) == []


def test_spans_are_answered_with_the_outline(call, wire, started) -> None:
    span = Span("tr-" + "ab" * 16, "cd" * 8, "n", 1, 2, attributes={"k": [1, None, "x"]})
    wire.store.traces().log_spans("0", [span])
    trace = call("GET", NEW + "/get", trace_id=span.trace_id)["trace"]
    assert trace["trace_info"]["trace_id"] == span.trace_id
    assert trace["spans"][0]["name"] == "n"
    # One value of a query is no list.
    [same] = call("GET", NEW + "/batchGet", trace_ids=span.trace_id)["traces"]
    assert same == trace
    shown = call("GET", "/api/3.0/mlflow/get-trace-artifact", request_id=span.trace_id)
    assert shown["spans"][0]["attributes"] == {"k": '[1, null, "x"]'}
    with pytest.raises(NotFound):
        call("GET", NEW + "/get", trace_id="tr-none")


def test_traces_are_searched_page_by_page(call) -> None:
    for n in range(3):
        info = {**OUTLINE, "trace_id": f"tr-{n}", "request_time": f"2025-01-0{n + 1}T00:00:00Z"}
        call("POST", NEW, trace={"trace_info": info})
    wanted = {"locations": [HERE], "filter": "status = 'OK'", "max_results": 2}
    first = call("POST", NEW + "/search", **wanted)
    rest = call("POST", NEW + "/search", **wanted, page_token=first["next_page_token"])
    ids = [each["trace_id"] for page in (first, rest) for each in page["traces"]]
    assert ids == ["tr-2", "tr-1", "tr-0"]
    old = call("GET", OLD, experiment_ids="0", order_by="timestamp_ms ASC", max_results="1")
    assert old["traces"][0]["request_id"] == "tr-0"


def test_clients_of_before_mlflow_3_begin_and_end_a_trace(call) -> None:
    pairs = [{"key": "a", "value": "b"}]
    begun = call("POST", OLD, experiment_id="0", timestamp_ms="1000", tags=pairs)["trace_info"]
    assert begun["status"] == "IN_PROGRESS"
    ended = call(
        "PATCH",
        OLD + "/{request_id}",
        request_id=begun["request_id"],
        timestamp_ms=1250,
        status="ERROR",
        request_metadata=pairs,
        tags=[],
    )["trace_info"]
    assert (ended["status"], ended["execution_time_ms"]) == ("ERROR", 250)
    assert ended["request_metadata"] == pairs
    assert (
        ended
        == call("GET", OLD + "/{request_id}/info", request_id=begun["request_id"])["trace_info"]
    )


@pytest.mark.parametrize("path", [OLD + "/{request_id}/tags", NEW + "/{trace_id}/tags"])
def test_tags_are_set_and_removed(call, wire, started, path: str) -> None:
    name = "request_id" if "request_id" in path else "trace_id"
    call("PATCH", path, **{name: "tr-1"}, key="k", value="v")
    assert wire.store.traces().infos(["tr-1"])[0].tags["k"] == "v"
    call("DELETE", path, **{name: "tr-1"}, key="k")
    with pytest.raises(NotFound):
        call("DELETE", path, **{name: "tr-1"}, key="k")


def test_traces_are_deleted(call, started) -> None:
    path = NEW + "/delete-traces"
    with pytest.raises(InvalidValue):
        call("POST", path, experiment_id="0")
    assert call("POST", path, experiment_id="0", request_ids=["tr-1"]) == {"traces_deleted": 1}
    assert call("POST", path, experiment_id="0", max_timestamp_millis="5") == {"traces_deleted": 0}


def test_too_many_traces_at_once_are_refused(call) -> None:
    with pytest.raises(InvalidValue):
        call("GET", NEW + "/batchGet", trace_ids=["x"] * (MAX_TRACES + 1))


# -- assessments -----------------------------------------------------------------------------------

ASSESSED = NEW + "/{trace_id}/assessments"
GOOD: dict[str, Any] = {
    "assessment_name": "quality",
    "source": {"source_type": "HUMAN", "source_id": "me"},
    "feedback": {"value": 0.5},
    "rationale": "why",
    "metadata": {"m": "1"},
}


def test_an_assessment_is_made_changed_and_removed(call, started) -> None:
    made = call("POST", ASSESSED, trace_id="tr-1", assessment=GOOD)["assessment"]
    one = {"trace_id": "tr-1", "assessment_id": made["assessment_id"]}
    assert GOOD.items() <= made.items()
    assert made == call("GET", ASSESSED + "/{assessment_id}", **one)["assessment"]
    changed = call(
        "PATCH",
        ASSESSED + "/{assessment_id}",
        **one,
        assessment={"assessment_name": "new", "feedback": {"value": [1]}, "rationale": "left"},
        update_mask="assessmentName,feedback",
    )["assessment"]
    assert (changed["assessment_name"], changed["feedback"]) == ("new", {"value": [1]})
    assert changed["rationale"] == "why"
    assert call("DELETE", ASSESSED + "/{assessment_id}", **one) == {}
    with pytest.raises(NotFound):
        call("GET", ASSESSED + "/{assessment_id}", **one)


@pytest.mark.parametrize(
    "wrong",
    [
        {"feedback": None},
        {"expectation": {"value": 1}},
        {"assessment_name": ""},
        {"source": {"source_type": "ALIEN"}},
        {"source": []},
        {"feedback": []},
        {"metadata": {"m": 1}},
        {"feedback": {"value": 1, "error": "x"}},
        {"overrides": 5},
        {"valid": "perhaps"},
    ],
)
def test_a_wrong_assessment_is_refused(call, started, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        call("POST", ASSESSED, trace_id="tr-1", assessment=GOOD | wrong)


def test_an_assessment_may_not_be_nested_without_end(call, started) -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]
    with pytest.raises(InvalidValue, match="deep"):
        call("POST", ASSESSED, trace_id="tr-1", assessment=GOOD | {"feedback": {"value": value}})


@pytest.mark.parametrize("mask", ["source", "expectation", "nothing", {"paths": ["span_id"]}, 5])
def test_only_some_of_an_assessment_changes(call, started, mask: Any) -> None:
    made = call("POST", ASSESSED, trace_id="tr-1", assessment=GOOD)["assessment"]
    with pytest.raises(InvalidValue):
        call(
            "PATCH",
            ASSESSED + "/{assessment_id}",
            trace_id="tr-1",
            assessment_id=made["assessment_id"],
            assessment=GOOD,
            update_mask=mask,
        )


# -- round trips -----------------------------------------------------------------------------------

texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
assessments = st.builds(
    Assessment,
    st.just("tr-1"),
    st.text(min_size=1, max_size=8),
    st.sampled_from([AssessmentKind.FEEDBACK, AssessmentKind.EXPECTATION]),
    values,
    st.sampled_from(trace_codec.SOURCE_TYPES),
    texts,
    st.none() | st.builds(AssessmentError, texts, texts, texts),
    st.none() | st.text(min_size=1, max_size=8),
    st.dictionaries(texts, texts, max_size=2),
    st.none() | st.just("ab" * 8),
    st.just("a-1"),
    st.integers(0, 10**13),
    st.integers(0, 10**13),
    st.none() | st.just("a-0"),
    st.booleans(),
)


@given(assessments)
def test_an_assessment_is_read_as_it_was_written(item: Assessment) -> None:
    if item.kind is AssessmentKind.EXPECTATION and isinstance(item.value, (list, dict)):
        item = attrs.evolve(item, error=None)
    sent = json.loads(json.dumps(trace_codec.assessment_json(item), allow_nan=False))
    assert trace_codec.read_assessment(sent, "tr-1") == item


@given(
    st.builds(
        TraceInfo,
        st.text(min_size=1, max_size=8),
        st.just("0"),
        st.integers(0, 253_402_300_799_999),
        st.sampled_from(list(TraceState)),
        st.none() | st.integers(-(10**12), 10**12),
        st.none() | st.text(min_size=1, max_size=8),
        st.none() | texts,
        st.none() | texts,
        st.dictionaries(texts, texts, max_size=3),
        st.dictionaries(texts, texts, max_size=3),
        st.just([]),
    )
)
def test_an_outline_is_read_as_it_was_written(info: TraceInfo) -> None:
    sent = json.loads(json.dumps(trace_codec.info_json(info), allow_nan=False))
    assert trace_codec.read_info(sent) == info


def test_a_file_that_is_attached_to_a_span_is_answered(call, wire, started) -> None:
    name = "0b5cf9c5-6c0f-4b34-9c0e-1d2f3a4b5c6d"
    place = uris.parse(started["tags"]["mlflow.artifactLocation"]).local_path() / "attachments"
    place.mkdir(parents=True)
    (place / name).write_bytes(b"\x89PNG")
    for version in ("2.0", "3.0"):
        path = f"/api/{version}/mlflow/get-trace-artifact"
        found = ENDPOINTS["GET", path].handle(
            Call(wire.host, ME, {"request_id": "tr-1", "path": name}, {}, None, wire.uri)
        )
        assert asyncio.run(_whole(found)) == b"\x89PNG"
        for wrong, error in (
            ("../../x", InvalidValue),
            (name.upper(), InvalidValue),
            (name[:-1] + "0", NotFound),
        ):
            with pytest.raises(error):
                call("GET", path, request_id="tr-1", path=wrong)
        with pytest.raises(NotFound):
            call("GET", path, request_id="tr-2", path=name)
    # A tag that a client set does not open what the server does not hand out.
    wire.store.traces().set_tag("tr-1", "mlflow.artifactLocation", "file:///etc")
    with pytest.raises(Refused):
        call("GET", path, request_id="tr-1", path=name)


async def _whole(answer: Any) -> bytes:
    if isinstance(answer.content, bytes):
        return answer.content
    return b"".join([piece async for piece in answer.content])


def test_figures_are_answered_in_groups(call, started) -> None:
    asked = {
        "experiment_ids": ["0"],
        "view_type": "TRACES",
        "metric_name": "latency",
        "aggregations": [
            {"aggregation_type": "AVG"},
            {"aggregation_type": "PERCENTILE", "percentile_value": 99},
        ],
        "dimensions": ["trace_name"],
        "filters": ["trace.status = 'OK'"],
        "time_interval_seconds": 3600,
        "start_time_ms": "0",
        "end_time_ms": str(2**62),
    }
    point = {
        "metric_name": "latency",
        "dimensions": {"time_bucket": "2025-01-01T00:00:00+00:00", "trace_name": "ask"},
        "values": {"AVG": 1500.0, "P99.0": 1500.0},
    }
    assert call("POST", NEW + "/metrics", **asked) == {"data_points": [point]}
    # As the protocol numbers them.
    numbered = {"view_type": 1, "aggregations": [{"aggregation_type": 3}]}
    [point] = call("POST", NEW + "/metrics", **asked | numbered)["data_points"]
    assert point["values"] == {"AVG": 1500.0}
    for wrong in (
        {"view_type": "RUNS"},
        {"view_type": 9},
        {"aggregations": [{"aggregation_type": "MEDIAN"}]},
        {"aggregations": []},
        {"aggregations": ["AVG"]},
        {"aggregations": [{"aggregation_type": "PERCENTILE", "percentile_value": "NaN"}]},
        {"time_interval_seconds": 0},
        {"filters": ["x" * 20_000]},
        {"max_results": 10**6},
    ):
        with pytest.raises(InvalidValue):
            call("POST", NEW + "/metrics", **asked | wrong)


def test_a_correlation_that_is_undefined_is_not_answered(call, started) -> None:
    asked = {
        "experiment_ids": ["0"],
        "filter_string1": "name = 'x'",
        "filter_string2": "name = 'y'",
    }
    assert call("POST", NEW + "/calculate-filter-correlation", **asked) == {
        "filter1_count": 0,
        "filter2_count": 0,
        "joint_count": 0,
        "total_count": 1,
    }


def test_prompts_are_linked_to_a_trace(call, started) -> None:
    path = OLD + "/link-prompts"
    refs = [{"name": "greet", "version": "1"}]
    assert call("POST", path, trace_id="tr-1", prompt_versions=refs) == {}
    found = call("POST", NEW + "/search", locations=[HERE], filter="prompt = 'greet/1'")
    assert [each["trace_id"] for each in found["traces"]] == ["tr-1"]
    for wrong in ("greet/1", [{"name": "greet"}], [{"name": "greet", "version": 1}], ["greet"]):
        with pytest.raises(InvalidValue):
            call("POST", path, trace_id="tr-1", prompt_versions=wrong)
    with pytest.raises(NotFound):
        call("POST", path, trace_id="tr-none", prompt_versions=refs)
