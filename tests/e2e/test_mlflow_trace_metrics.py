"""Figures of traces, correlations, prompts and histories: our answers are those of MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import conventions
import pytest
from mlflow_server import MlflowServer
from served import run_script, serving

SCRIPT = """
import math, requests
from mlflow.entities import AssessmentSource, Expectation, Feedback, Metric, TraceInfo, TraceState
from mlflow.entities.model_registry import PromptVersion
from mlflow.entities.trace_location import TraceLocation
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _get_store
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

store = _get_store()
place = mlflow.create_experiment("figures")
other = mlflow.create_experiment("another")
answer = {}
usage = '{"input_tokens": %d, "output_tokens": %d, "total_tokens": %d}'

# Outlines.
run = mlflow.MlflowClient().create_run(place)
for n in range(12):
    tags = {"mlflow.traceName": "ask" if n % 3 else "tell", "team": "blue" if n < 5 else "red"}
    metadata = {"mlflow.trace.session": f"s{n % 4}"} if n % 2 else {}
    if n % 3 == 1:
        metadata["mlflow.trace.tokenUsage"] = usage % (n, 2 * n, 3 * n)
    if n == 3:
        metadata["mlflow.sourceRun"] = run.info.run_id
    store.start_trace(
        TraceInfo(
            trace_id=f"tr-{n:032x}",
            trace_location=TraceLocation.from_experiment_id(place if n < 11 else other),
            request_time=1_700_000_000_000 + n * 1_700_000,
            state=TraceState.ERROR if n % 5 == 0 else TraceState.OK,
            execution_duration=n * n,
            tags=tags,
            trace_metadata=metadata,
        )
    )
trace_ids = [f"tr-{n:032x}" for n in range(12)]
store.link_traces_to_run(trace_ids[4:6], run.info.run_id)

# Spans, in two requests.
def send(spans):
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for trace, number, parent, name, attributes, status in spans:
        span = scope.spans.add()
        span.trace_id = bytes.fromhex(f"{trace:032x}")
        span.span_id = bytes.fromhex(f"{number:016x}")
        if parent:
            span.parent_span_id = bytes.fromhex(f"{parent:016x}")
        span.name = name
        span.start_time_unix_nano = (1_700_000_000_000 + trace * 1_700_000 + number) * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + number * 7_654_321
        span.status.code = status
        for key, value in attributes.items():
            kept = span.attributes.add()
            kept.key = key
            if isinstance(value, int):
                kept.value.int_value = value
            else:
                text = value if isinstance(value, str) else json.dumps(value)
                kept.value.string_value = text
    sent = requests.post(
        mlflow.get_tracking_uri() + "/v1/traces",
        data=request.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": place},
    )
    assert sent.ok, sent.text

def llm(model, cost, tokens):
    return {
        "mlflow.spanType": "LLM",
        "mlflow.llm.model": model,
        "mlflow.llm.provider": "acme",
        "mlflow.llm.cost": {"input_cost": cost, "output_cost": 2 * cost, "total_cost": 3 * cost},
        "mlflow.chat.tokenUsage": {
            "input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1,
        },
    }

chain = {"mlflow.spanType": "CHAIN"}
send([(2, 1, 0, "chain", chain, 1), (2, 2, 1, "llm", llm("big", 0.5, 10), 1)])
send([(2, 3, 1, "llm", llm("small", 0.25, 20), 2), (20, 1, 0, "chain", chain, 1)])
send([
    (21, 1, 0, "chain", {**chain, "mlflow.chat.tokenUsage": {"input_tokens": 7}}, 1),
    (21, 2, 1, "llm", llm("big", 1.0, 100), 1),
    (21, 3, 1, "llm", {**chain, "mlflow.llm.cost": {"input_cost": 4.0}}, 1),
])

# As OpenTelemetry names what a language model used.
otel = {
    "mlflow.spanType": "LLM",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 4,
    "gen_ai.usage.cache_read.input_tokens": 3,
    "gen_ai.usage.cache_write.input_tokens": 2,
    "gen_ai.request.model": "asked",
    "gen_ai.response.model": "answering",
    "gen_ai.provider.name": "other",
}
send([(22, 1, 0, "chain", chain, 1), (22, 2, 1, "llm", otel, 1)])

# Assessments.
me = AssessmentSource("HUMAN", "me")
for n, value in enumerate([1, 0.5, True, "yes", "no", "bad", {"x": "é"}, 4, False]):
    store.create_assessment(
        Feedback(name=f"q{n % 2}", value=value, source=me, trace_id=trace_ids[n])
    )
for n in range(3):
    store.create_assessment(
        Expectation(name="wanted", value=n * 10, source=me, trace_id=trace_ids[n])
    )
first = store.create_assessment(Feedback(name="q0", value=9, source=me, trace_id=trace_ids[9]))
store.create_assessment(
    Feedback(
        name="q0", value=3, source=me, trace_id=trace_ids[9], overrides=first.assessment_id
    )
)

# Figures.
C, S, A, P, LOW, HIGH = (
    AggregationType.COUNT, AggregationType.SUM, AggregationType.AVG,
    AggregationType.PERCENTILE, AggregationType.MIN, AggregationType.MAX,
)
def ask(view, name, *how, **more):
    try:
        found = store.query_trace_metrics(
            [place],
            MetricViewType(view),
            name,
            [
                MetricAggregation(P, each) if isinstance(each, (int, float))
                else MetricAggregation(each)
                for each in how
            ],
            **more,
        )
    except MlflowException as error:
        return error.error_code
    return [[point.dimensions, point.values] for point in found]

every = [A, LOW, HIGH, 0, 50, 90, 99.9, 100]
times = {"start_time_ms": 1_700_001_700_000, "end_time_ms": 1_700_015_300_000}
buckets = {**times, "time_interval_seconds": 3600}
answer["traces"] = [
    ask("TRACES", "trace_count", C),
    ask("TRACES", "trace_count", C, dimensions=["trace_name"]),
    ask("TRACES", "trace_count", C, dimensions=["trace_status", "trace_name"]),
    ask("TRACES", "trace_count", C, **times),
    ask("TRACES", "trace_count", C, **buckets),
    ask("TRACES", "trace_count", C, dimensions=["trace_name"], **buckets),
    ask("TRACES", "trace_count", C, max_results=2, **buckets),
    ask("TRACES", "session_count", C),
    ask("TRACES", "session_count", C, **buckets),
    ask("TRACES", "latency", *every),
    ask("TRACES", "latency", *every, dimensions=["trace_name"]),
]
answer["tokens"] = [
    ask("TRACES", name, S, *every)
    for name in (
        "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens",
        "cache_creation_input_tokens",
    )
]
answer["filters"] = [
    ask("TRACES", "trace_count", C, filters=filters)
    for filters in (
        ["trace.status = 'OK'"],
        ["trace.status = 'OK'", "trace.tag.team = 'blue'"],
        ["trace.tag.`mlflow.traceName` = 'ask'"],
        ["trace.tag.mlflow.traceName = 'ask'"],
        ["trace.metadata.mlflow.trace.session = 's1'"],
        [f"trace.metadata.`mlflow.sourceRun` = '{run.info.run_id}'"],
        ['trace.tag.team = "red"'],
        ["trace.status != 'OK'"],
        ["trace.status"],
        ["trace.tag = 'x'"],
        ["trace.name = 'x'"],
        ["nothing.name = 'x'"],
        ["trace.status = OK"],
        ["trace.status = 'OK' AND trace.tag.team = 'blue'"],
        ["span.name = 'llm'"],
        ["assessment.name = 'q0'"],
    )
]
answer["spans"] = [
    ask("SPANS", "span_count", C),
    ask("SPANS", "span_count", C, dimensions=["span_name", "span_type", "span_status"]),
    ask("SPANS", "span_count", C, dimensions=["span_model_name"]),
    ask("SPANS", "span_count", C, dimensions=["span_model_provider", "span_name"]),
    ask("SPANS", "span_count", C, **buckets),
    ask("SPANS", "span_count", C, filters=["span.name = 'llm'", "trace.status = 'OK'"]),
    ask("SPANS", "span_count", C, filters=["span.type = 'LLM'", "span.status = 'ERROR'"]),
    ask("SPANS", "latency", *every),
    ask("SPANS", "latency", *every, dimensions=["span_name", "span_status"]),
]
answer["costs"] = [
    ask("SPANS", "total_cost", S, *every),
    ask("SPANS", "input_cost", S, A, dimensions=["span_model_name"]),
    ask("SPANS", "output_cost", S, dimensions=["span_model_provider"]),
    ask("SPANS", "output_cost", S, **buckets),
]
answer["assessments"] = [
    ask("ASSESSMENTS", "assessment_count", C),
    ask("ASSESSMENTS", "assessment_count", C, dimensions=["assessment_name"]),
    ask("ASSESSMENTS", "assessment_count", C, dimensions=["assessment_value"]),
    ask("ASSESSMENTS", "assessment_value", *every),
    ask("ASSESSMENTS", "assessment_value", A, 50, dimensions=["assessment_name"]),
    ask("ASSESSMENTS", "assessment_value", A, **buckets),
    ask("ASSESSMENTS", "assessment_count", C, filters=["assessment.name = 'q0'"]),
    ask("ASSESSMENTS", "assessment_count", C, filters=["assessment.type = 'expectation'"]),
    ask("ASSESSMENTS", "assessment_count", C, filters=["trace.status = 'OK'"]),
    ask("ASSESSMENTS", "assessment_count", C, filters=["trace.tag.team = 'blue'"]),
]
answer["refused"] = [
    ask("TRACES", "nothing", C),
    ask("TRACES", "trace_count", S),
    ask("TRACES", "trace_count", C, dimensions=["span_name"]),
    ask("TRACES", "trace_count", C, time_interval_seconds=60),
    ask("SPANS", "total_cost", S, dimensions=["span_name"]),
    ask("ASSESSMENTS", "latency", A),
    ask("TRACES", "trace_count"),
]
answer["metadata"] = [
    {
        key: json.loads(value)
        for key, value in store.get_trace_info(f"tr-{n:032x}").trace_metadata.items()
        if key in ("mlflow.trace.tokenUsage", "mlflow.trace.cost")
    }
    for n in (1, 2, 21, 22)
]

# Correlations.
def correlate(*filters, experiments=(place,)):
    try:
        found = store.calculate_trace_filter_correlation(list(experiments), *filters)
    except MlflowException as error:
        return error.error_code
    rounded = [
        None if each is None or math.isnan(each) else round(each, 9)
        for each in (found.npmi, found.npmi_smoothed)
    ]
    counts = (found.filter1_count, found.filter2_count, found.joint_count, found.total_count)
    return [*rounded, *counts]

answer["correlations"] = [
    correlate("trace.status = 'ERROR'", "tags.team = 'blue'"),
    correlate("tags.team = 'blue'", "tags.team = 'blue'"),
    correlate("tags.team = 'blue'", "tags.team = 'red'"),
    correlate("tags.team = 'green'", "tags.team = 'red'"),
    correlate("trace.timestamp_ms > 0", "trace.timestamp_ms > 0"),
    correlate("trace.status = 'ERROR'", "name = 'ask'", "tags.team = 'blue'"),
    correlate("span.name = 'llm'", "feedback.q0 IS NOT NULL"),
    correlate("trace.status = 'ERROR'", "name = 'ask'", experiments=[place, other]),
    correlate("status >", "name = 'ask'"),
    correlate("trace.status = 'ERROR'", "name = 'ask'", "status >"),
    correlate("", "name = 'ask'"),
]

# Prompts.
def linked(trace_id, *prompts):
    try:
        store.link_prompts_to_trace(
            trace_id, [PromptVersion(name, version, "") for name, version in prompts]
        )
    except MlflowException as error:
        return error.error_code

answer["linked"] = [
    linked(trace_ids[0], ("greet", 1), ("bye", 2)),
    linked(trace_ids[1], ("greet", 1)),
    linked(trace_ids[1], ("greet", 1)),
    linked("tr-none", ("greet", 1)),
]
answer["by prompt"] = [
    sorted(
        each.info.trace_id[-2:]
        for each in mlflow.search_traces(
            locations=[place], filter_string=f"prompt = '{prompt}'", return_type="list"
        )
    )
    for prompt in ("greet/1", "bye/2", "bye/1")
]

# Histories.
client = mlflow.MlflowClient()
points = [(5, 3, 1.0), (1, 9, 2.0), (5, 2, 7.0), (5, 2, -7.0), (9, 0, 0.0), (2, 2, 4.0)]
client.log_batch(run.info.run_id, [Metric("m", v, t, s) for t, s, v in points[:3]])
client.log_batch(run.info.run_id, [Metric("m", v, t, s) for t, s, v in points[3:]])
answer["history"] = [
    [m.timestamp, m.step, m.value] for m in client.get_metric_history(run.info.run_id, "m")
]
token, answer["pages"] = None, []
while True:
    page = store.get_metric_history(run.info.run_id, "m", max_results=4, page_token=token)
    answer["pages"].append([[m.timestamp, m.step, m.value] for m in page])
    token = page.token
    if not token:
        break
"""

TOPICS = [
    *("traces", "tokens", "filters", "spans", "costs", "assessments", "refused", "metadata"),
    *("correlations", "linked", "by prompt", "history", "pages"),
]


@pytest.fixture(scope="module")
def our_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("ours")) as url:
        yield url


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, mlflow_python: Path, our_url: str) -> Any:
    return run_script(mlflow_python, our_url, tmp_path_factory.mktemp("script"), SCRIPT)


@pytest.fixture(scope="module")
def theirs(mlflow_server: MlflowServer, mlflow_python: Path, tmp_path_factory: Any) -> Any:
    place = tmp_path_factory.mktemp("theirs")
    return run_script(mlflow_python, mlflow_server.url, place, SCRIPT)


@pytest.mark.parametrize("topic", TOPICS)
def test_answers_are_those_of_mlflow(ours: Any, theirs: Any, topic: str) -> None:
    assert ours[topic] == theirs[topic]


def test_nothing_was_left_out(ours: Any, theirs: Any) -> None:
    assert set(ours) == set(theirs) == set(TOPICS)


Pair = tuple[conventions.Traces, conventions.Traces]

# -- spans of other libraries ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def read(
    our_url: str, mlflow_server: MlflowServer
) -> tuple[conventions.Traces, conventions.Traces]:
    return conventions.sent(our_url), conventions.sent(mlflow_server.url)


@pytest.mark.parametrize("name", conventions.TRACES)
def test_spans_by_other_conventions_say_the_same(read: Pair, name: str) -> None:
    """Inputs, outputs, types, tokens, models, tools and costs of spans; sums of the trace."""
    ours, theirs = (each[name] for each in read)
    assert ours == theirs


def test_attributes_stay_as_they_were_sent(our_url: str, read: object) -> None:
    for name, steps in conventions.TRACES.items():
        kept = conventions.attributes(our_url, name)
        for (_, given, _), found in zip(steps, kept, strict=True):
            own = {key for key in given if key.startswith("mlflow.")}
            assert {key: found[key] for key in given.keys() - own} == {
                key: given[key] for key in given.keys() - own
            }
