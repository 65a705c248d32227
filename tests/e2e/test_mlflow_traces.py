"""Traces of MLflow's own client package, unchanged, against our server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from served import run_script, serving

SCRIPT = """
import time
from mlflow.entities import AssessmentSource, Feedback
from mlflow.exceptions import MlflowException

mlflow.set_experiment("traced")
client = mlflow.MlflowClient()
answer = {}

@mlflow.trace(span_type="TOOL", attributes={"k": 1})
def inner(x):
    if x < 0:
        raise ValueError("negative")
    return x * 2

@mlflow.trace(name="outer")
def outer(x):
    mlflow.update_current_trace(
        tags={"team": "blue"}, metadata={"mlflow.trace.session": "s1"}
    )
    return {"answer": inner(x), "list": [1, 2.5, None, "é"]}

outer(3)
try:
    outer(-1)
except ValueError:
    pass
with mlflow.start_run() as run:
    outer(5)
mlflow.flush_trace_async_logging()

def found(text, **more):
    return mlflow.search_traces(filter_string=text, return_type="list", **more)

traces = found("")
answer["states"] = [str(trace.info.state) for trace in traces]
first = mlflow.get_trace(traces[-1].info.trace_id)
answer["spans"] = [
    [s.name, s.span_type, s.inputs, s.outputs, s.parent_id is None] for s in first.data.spans
]
answer["attribute"] = first.data.spans[-1].attributes.get("k")
answer["outline"] = [
    first.info.request_preview,
    first.info.response_preview,
    first.info.execution_duration is not None,
    first.info.tags["team"],
    first.info.tags["mlflow.trace.spansLocation"],
    first.info.trace_metadata["mlflow.trace.session"],
]
answer["events"] = [e.name for e in found("trace.status = 'ERROR'")[0].data.spans[0].events]
answer["found"] = [
    len(found(text))
    for text in (
        "tags.team = 'blue'",
        "tags.team = 'red'",
        "trace.name = 'outer'",
        "name LIKE 'out%'",
        "span.name = 'inner'",
        "span.type = 'TOOL' AND span.status = 'ERROR'",
        "span.name = 'outer' AND span.type = 'TOOL'",
        "span.attributes.k = '1'",
        "trace.text LIKE '%negative%'",
        "metadata.`mlflow.trace.session` = 's1'",
        f"run_id = '{run.info.run_id}'",
        "timestamp_ms > 0 AND execution_time_ms >= 0 AND trace.end_time_ms > 5",
    )
]
answer["of run"] = len(mlflow.search_traces(run_id=run.info.run_id, return_type="list"))

trace_id = traces[0].info.trace_id
experiment_id = traces[0].info.experiment_id
me = AssessmentSource("HUMAN", "me")
feedback = mlflow.log_feedback(
    trace_id=trace_id, name="quality", value=0.9, rationale="good", source=me, metadata={"a": "b"}
)
expected = mlflow.log_expectation(trace_id=trace_id, name="expected", value={"x": [1, 2]})
answer["assessed"] = [
    feedback.value,
    mlflow.get_assessment(trace_id, feedback.assessment_id).rationale,
    mlflow.get_assessment(trace_id, expected.assessment_id).value,
]
changed = mlflow.update_assessment(
    trace_id, feedback.assessment_id, Feedback(name="quality", value=0.2, rationale="bad")
)
answer["changed"] = [changed.value, changed.rationale, changed.metadata]
override = mlflow.override_feedback(
    trace_id=trace_id, assessment_id=feedback.assessment_id, value=0.7, rationale="o"
)
answer["overridden"] = mlflow.get_assessment(trace_id, feedback.assessment_id).valid
answer["by assessment"] = [
    len(found(text))
    for text in (
        "feedback.quality > 0.5",
        "feedback.quality < 0.5",
        "feedback.none IS NULL",
        "expectation.expected IS NOT NULL",
    )
]
mlflow.delete_assessment(trace_id, override.assessment_id)
answer["valid again"] = mlflow.get_assessment(trace_id, feedback.assessment_id).valid
answer["names"] = sorted(a.name for a in mlflow.get_trace(trace_id).info.assessments)

mlflow.set_trace_tag(trace_id, "k", "v")
answer["tag"] = mlflow.get_trace(trace_id).info.tags.get("k")
mlflow.delete_trace_tag(trace_id, "k")
answer["no tag"] = mlflow.get_trace(trace_id).info.tags.get("k")
try:
    mlflow.delete_trace_tag(trace_id, "k")
except MlflowException as error:
    answer["error"] = error.error_code

other = client.create_run(experiment_id)
client.link_traces_to_run([trace_id], other.info.run_id)
answer["linked"] = len(found(f"run_id = '{other.info.run_id}'"))
page = client.search_traces(locations=[experiment_id], max_results=2)
rest = client.search_traces(locations=[experiment_id], max_results=2, page_token=page.token)
answer["pages"] = [len(page), len(rest), rest.token]
order = ["status ASC", "timestamp ASC"]
answer["order"] = [
    str(t.info.state) for t in client.search_traces(locations=[experiment_id], order_by=order)
]
answer["deleted"] = [
    client.delete_traces(experiment_id, trace_ids=[trace_id]),
    client.delete_traces(experiment_id, max_timestamp_millis=int(time.time() * 1000)),
    len(found("")),
]
"""

EXPECTED = {
    "states": ["OK", "ERROR", "OK"],
    "spans": [
        ["outer", "UNKNOWN", {"x": 3}, {"answer": 6, "list": [1, 2.5, None, "é"]}, True],
        ["inner", "TOOL", {"x": 3}, 6, False],
    ],
    "attribute": 1,
    "outline": [
        '{"x": 3}',
        '{"answer": 6, "list": [1, 2.5, null, "é"]}',
        True,
        "blue",
        "TRACKING_STORE",
        "s1",
    ],
    "events": ["exception"],
    "found": [3, 0, 3, 3, 3, 1, 0, 3, 1, 3, 1, 3],
    "of run": 1,
    "assessed": [0.9, "good", {"x": [1, 2]}],
    "changed": [0.2, "bad", {"a": "b"}],
    "overridden": False,
    "by assessment": [1, 0, 3, 1],
    "valid again": True,
    "names": ["expected", "quality"],
    "tag": "v",
    "no tag": None,
    "error": "RESOURCE_DOES_NOT_EXIST",
    "linked": 1,
    "pages": [2, 1, None],
    "order": ["ERROR", "OK", "OK"],
    "deleted": [1, 2, 0],
}


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory, mlflow_python: Path) -> Any:
    place = tmp_path_factory.mktemp("traces")
    with serving(place) as url:
        return run_script(mlflow_python, url, place, SCRIPT)


@pytest.mark.parametrize("topic", list(EXPECTED))
def test_traces_are_made_found_judged_and_deleted(answer: Any, topic: str) -> None:
    assert answer[topic] == EXPECTED[topic]


def test_nothing_was_left_out(answer: Any) -> None:
    assert set(answer) == set(EXPECTED)
