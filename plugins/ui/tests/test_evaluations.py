"""The rows of evaluations, from wherever a run keeps them."""

from __future__ import annotations

from typing import Any

import pytest
from pegboard.entities.traces import (
    Assessment,
    AssessmentError,
    AssessmentKind,
    TraceInfo,
    TraceState,
)
from pegboard_stores.evaluations import Rows
from pegboard_ui.data import evaluation_rows, evaluations
from pegboard_ui.data.evaluation_rows import Evaluation

RUN, OTHER = "a" * 32, "b" * 32


def told(found: Evaluation) -> dict[str, object]:
    columns = {each.name: (each.role, list(each.values)) for each in found.columns}
    scores = {each.name: (each.values, each.why, each.errors) for each in found.scores}
    return {**columns, **scores}


def test_a_table_of_mlflow_has_scores_reasons_and_errors() -> None:
    names = ["inputs", "ground_truth", "outputs", "toxicity/v1/score", "toxicity/v1/justification",
             "latency", "right/value", "right/error_message"]  # fmt: skip
    rows = [["a", "A", "x", 0.5, "rude", 2, True, None], ["b", "B", "y", None, None, 3]]
    found = evaluation_rows.of_table(names, rows)
    assert told(found) == {
        "inputs": ("input", ["a", "b"]),
        "ground_truth": ("target", ["A", "B"]),
        "outputs": ("output", ["x", "y"]),
        "toxicity/v1": ([0.5, None], {0: "rude"}, {}),
        "latency": ([2, 3], {}, {}),
        "right": ([True, None], {}, {}),
    }
    again = evaluation_rows.of_table(names[:3], [["b", "B", "z"], ["a", "A", "x"], ["a", "A", "x"]])
    # Rows are known by what went in, and the same ones are numbered.
    assert again.ids == [found.ids[1], found.ids[0], f"{found.ids[0]}-1"]


def test_rows_of_pegboard_are_judged_and_expectations_are_columns() -> None:
    rows = Rows(["1", "2"], "regressor", [1, 2], [1, 4], {"k": ["a", "b"]}, columns={"x": [5, 6]})
    assert told(evaluation_rows.of_rows(rows)) == {
        "x": ("input", [5, 6]),
        "k": ("input", ["a", "b"]),
        "target": ("target", [1, 2]),
        "output": ("output", [1, 4]),
        "absolute_error": ([0, 2], {}, {}),
    }
    rows = Rows(["1", "2"], "genai", [{"answer": "A"}, None], ["A", "B"], scores={"right": [1, 0]})
    assert told(evaluation_rows.of_rows(rows)) == {
        "answer": ("target", ["A", None]),
        "output": ("output", ["A", "B"]),
        "right": ([1, 0], {}, {}),
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("x" * 300, "x" * 240 + "…"), ("half \ud800", "half ?"), (2**70, str(2**70)),
        (float("nan"), "NaN"), ({"a": [1]}, '{"a":[1]}'), (True, True), (None, None),
        ({"type": "image", "filepath": "a.png"}, {"image": "a.png", "whole": "a.png"}),
    ],
)  # fmt: skip
def test_a_cell_is_what_a_page_can_show(given: object, shown: object) -> None:
    assert evaluations._cell(given, evaluations.CUT) == shown


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"figures": 5}', b"\xff"])
def test_figures_that_are_none_are_passed_over(content: bytes | None) -> None:
    found = Evaluation()
    evaluation_rows._measure(found, content)
    assert found.figures == []


def said(name: str, value: object, run: str | None, **more: Any) -> Assessment:
    metadata = {} if run is None else {"mlflow.assessment.sourceRunId": run}
    kind = more.pop("kind", AssessmentKind.FEEDBACK)
    return Assessment("t", name, kind, value, metadata=metadata, **more)


def test_traces_say_what_this_run_and_people_said_of_them() -> None:
    error = AssessmentError("E", "away")
    given = [
        said("right", "yes", RUN, rationale="so it is"),
        said("right", "no", OTHER),
        said("old", 1, RUN, valid=False),
        said("kind", True, None),
        said("answer", "42", RUN, kind=AssessmentKind.EXPECTATION),
    ]
    infos = [
        TraceInfo("t1", "1", 0, TraceState.OK, request_preview='{"q": 1}', response_preview="x",
                  assessments=given),
        TraceInfo("t2", "1", 0, TraceState.ERROR, request_preview='{"q": 2}',
                  assessments=[said("right", None, RUN, error=error)]),
    ]  # fmt: skip
    found = evaluation_rows.of_traces(infos, RUN)
    assert told(found) == {
        "q": ("input", [1, 2]),
        "answer": ("target", ["42", None]),
        "response": ("output", ["x", None]),
        "right": (["yes", None], {0: "so it is"}, {1: "away"}),
        "kind": ([True, None], {}, {}),
    }
    assert (found.traces, found.broken) == (["t1", "t2"], [1])


@pytest.mark.parametrize("preview", ['{"q": "cut at the e', "words", "[1]", None])
def test_a_request_that_is_no_whole_dict_is_shown_as_it_is(preview: str | None) -> None:
    infos = [TraceInfo("t", "1", 0, request_preview=preview)]
    assert told(evaluation_rows.of_traces(infos, RUN))["request"] == ("input", [preview])
