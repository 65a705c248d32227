"""Traced agents of Pydantic AI: MLflow's spans, and callers who notice nothing."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard_pydantic_ai import reading
from pegboard_testing import span_tables
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

HERE = Path(__file__).parent


def model() -> TestModel:
    return TestModel(custom_output_text="3 km")


def last() -> Any:
    return pegboard.get_trace(pegboard.get_last_active_trace_id())


def names() -> list[str]:
    return [span.name for span in last().data.spans]


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


@pytest.mark.parametrize("way", ["with", "iterated", "output"])
def test_the_span_of_a_stream_ends_with_it_and_holds_its_messages(way: str) -> None:
    pegboard.pydantic_ai.autolog()
    agent = Agent(model())
    stream = agent.run_stream_sync("How far?")
    if way == "with":
        with stream:
            assert list(stream.stream_text(debounce_by=None))[-1] == "3 km"
            assert stream.get_output() == "3 km"
            assert pegboard.get_current_active_span() is None
    elif way == "iterated":
        assert list(stream.stream_text(debounce_by=None))[-1] == "3 km"
    else:
        assert stream.get_output() == "3 km"
    stream.__exit__(None, None, None)
    trace = last()
    assert names() == ["Agent.run_stream_sync", "Agent.run_stream", "TestModel.request"]
    for span in trace.data.spans[:2]:
        asked, answered = span.outputs["_new_messages_serialized"]
        assert asked["parts"][0]["content"] == "How far?"
        assert answered["parts"][0]["content"] == "3 km"
    assert {span.status.status_code for span in trace.data.spans} == {"OK"}
    assert trace.data.spans[0].get_attribute("mlflow.chat.tokenUsage")["output_tokens"] == 2


def test_what_a_stream_is_left_with_passes_unchanged() -> None:
    pegboard.pydantic_ai.autolog()
    raised = ValueError("enough")
    with pytest.raises(ValueError, match="enough") as caught, Agent(model()).run_stream_sync("a"):
        raise raised
    assert caught.value is raised
    assert last().data.spans[0].status.status_code == "ERROR"


def test_agents_made_before_are_traced_and_named_as_ever() -> None:
    early = Agent(model())
    pegboard.pydantic_ai.autolog()
    pegboard.pydantic_ai.autolog()
    assert early.run_sync("How far?").output == "3 km"
    assert early.name == "early"
    assert names() == ["Agent.run_sync", "Agent.run", "TestModel.request"]


def test_a_fault_of_tracing_is_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("odd")

    pegboard.pydantic_ai.autolog()
    monkeypatch.setattr(reading, "tell_result", fail)
    monkeypatch.setattr(reading, "attributes", fail)
    agent = Agent(model())
    with caplog.at_level(logging.WARNING, "pegboard"):
        for _ in range(2):
            assert agent.run_sync("How far?").output == "3 km"
    told = [each.getMessage() for each in caplog.records if each.name == "pegboard"]
    assert len(told) == len(set(told)) > 0
    assert all("Autologging of pydantic_ai failed in" in each for each in told)
    caplog.clear()
    pegboard.pydantic_ai.autolog(silent=True)
    agent.run_sync("How far?")
    assert not caplog.records


@pytest.mark.parametrize("switch", [{"disable": True}, {"log_traces": False}])
def test_it_is_undone(switch: dict[str, bool]) -> None:
    methods = {name: getattr(Agent, name) for name in ("__init__", "run", "run_sync", "run_stream")}
    pegboard.pydantic_ai.autolog()
    pegboard.pydantic_ai.autolog(**switch)
    assert {name: getattr(Agent, name) for name in methods} == methods
    before = pegboard.get_last_active_trace_id()
    assert Agent(model()).run_sync("How far?").output == "3 km"
    assert pegboard.get_last_active_trace_id() == before
