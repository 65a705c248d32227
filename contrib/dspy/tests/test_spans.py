"""Traced programs of DSPy: MLflow's spans and runs, and callers who notice nothing."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import runpy
from pathlib import Path
from typing import Any

import dspy
import pegboard
import pytest
from dspy.dsp.utils.settings import main_thread_config
from dspy.utils import DummyLM
from pegboard_dspy import tracing
from pegboard_testing import span_tables

HERE = Path(__file__).parent
optimizing = runpy.run_path(str(HERE / "optimizing.py"))


def model() -> DummyLM:
    return DummyLM([{"answer": "3 km"}] * 9)


def traces() -> Any:
    return pegboard.search_traces(locations=["0"], return_type="list")


def test_spans_are_those_of_mlflow() -> None:
    made = span_tables.table(pegboard, HERE / "cases.py")
    expected = json.loads((HERE / "expected.json").read_text())
    assert made.keys() == expected.keys()
    for name, spans in expected.items():
        assert made[name] == spans, name


def test_the_example_prints_what_the_readme_says() -> None:
    readme = (HERE.parent / "README.md").read_text()
    code, said = re.findall(r"```(?:python|text)\n(.*?)```", readme, re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == said


def test_runs_of_evaluations_and_optimizations_are_those_of_mlflow() -> None:
    made = optimizing["runs"](pegboard)
    assert made == json.loads((HERE / "expected_runs.json").read_text())
    assert len(traces()) == 2  # Of the evaluation alone: optimizers are silent.


def test_what_a_metric_says_is_feedback_on_each_prediction() -> None:
    pegboard.dspy.autolog()
    with dspy.context(lm=optimizing["answering"]()):
        result = optimizing["evaluate"]()
    assert result.score == 50
    told = {
        trace.data.spans[0].inputs["question"]: [(each.name, each.value) for each in found]
        for trace in traces()
        if (found := trace.info.assessments)
    }
    assert told == {"How far?": [("is_right", True)], "Where?": [("is_right", False)]}


def test_a_metric_that_fails_fails_as_ever_and_its_fault_is_kept() -> None:
    def odd(example: Any, prediction: Any) -> Any:
        raise ValueError("odd")

    pegboard.dspy.autolog()
    evaluation = dspy.Evaluate(
        devset=optimizing["EXAMPLES"][:1], metric=odd, num_threads=1, max_errors=5
    )
    with dspy.context(lm=model()):
        assert evaluation(dspy.Predict("question -> answer")).score == 0
    [[feedback]] = [trace.info.assessments for trace in traces()]
    assert (feedback.name, feedback.error.error_message) == ("odd", "odd")


@pytest.mark.parametrize(
    ("switches", "count"),
    [
        ({"log_traces": False}, 0),
        ({"log_traces_from_eval": False}, 0),
        ({"log_traces_from_compile": True}, 8),
    ],
)
def test_traces_are_made_where_they_are_wanted(switches: dict[str, bool], count: int) -> None:
    pegboard.dspy.autolog(**switches)
    with dspy.context(lm=optimizing["answering"]()):
        if count:
            optimizing["optimize"]()
        else:
            optimizing["evaluate"]()
    assert (len(traces()) >= count) if count else not traces()


def test_a_fault_of_tracing_is_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("odd")

    pegboard.dspy.autolog()
    monkeypatch.setattr(tracing, "_kind", fail)
    with caplog.at_level(logging.WARNING), dspy.context(lm=model()):
        for _ in range(2):
            assert dspy.Predict("question -> answer")(question="a").answer == "3 km"
        told = [each.getMessage() for each in caplog.records]
        pegboard.dspy.autolog(silent=True)
        dspy.Predict("question -> answer")(question="a")
    assert len(told) == 1 == len(caplog.records)
    assert "Autologging of dspy failed in on_module_start: RuntimeError: odd" in told[0]


def test_it_is_undone() -> None:
    before = dict(main_thread_config)
    call = dspy.Evaluate.__call__
    pegboard.dspy.autolog()
    pegboard.dspy.autolog()
    assert main_thread_config["callbacks"] == [*before["callbacks"], tracing.TRACER]
    pegboard.dspy.autolog(disable=True)
    assert dict(main_thread_config) == before
    assert dspy.Evaluate.__call__ is call
    with dspy.context(lm=model()):
        assert dspy.Predict("question -> answer")(question="a").answer == "3 km"
    assert not traces()
