"""Traced calls of litellm: spans as MLflow makes them, and callers who notice nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import litellm
import pegboard
import pytest
from pegboard_litellm import calls
from pegboard_testing import span_tables
from pegboard_testing.llm_server import KEY, FakeOpenAI

HERE = Path(__file__).parent
ASK: Any = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "How far?"}]}


def test_spans_are_those_of_mlflow() -> None:
    made = span_tables.table(pegboard, HERE / "cases.py")
    expected = json.loads((HERE / "expected.json").read_text())
    assert made.keys() == expected.keys()
    for name, spans in expected.items():
        assert made[name] == spans, name


@pytest.mark.parametrize("stream", [False, True])
def test_the_trace_of_a_call_is_there_when_it_ends_with_its_tags_and_cost(stream: bool) -> None:
    pegboard.litellm.autolog()
    with FakeOpenAI() as fake:
        given = {"api_base": fake.url, "api_key": KEY, "stream": stream}
        result = litellm.completion(**ASK, **given, metadata={"tags": ["team:blue", "fast"]})
        assert list(result)
    trace = pegboard.get_trace(pegboard.get_last_active_trace_id())
    [span] = trace.data.spans
    assert (span.name, span.inputs["messages"]) == ("litellm-completion", ASK["messages"])
    assert (trace.info.tags["team"], trace.info.tags["fast"]) == ("blue", "")
    assert span.get_attribute("mlflow.llm.cost")["total_cost"] > 0


def test_a_fault_of_tracing_is_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("odd")

    pegboard.litellm.autolog()
    monkeypatch.setattr(calls, "_attributes", fail)
    with caplog.at_level(logging.WARNING, "pegboard"), FakeOpenAI() as fake:
        for _ in range(2):
            answer = litellm.completion(**ASK, api_base=fake.url, api_key=KEY)
            assert answer.choices[0].message.content == "How far?"
    [record] = [each for each in caplog.records if each.name == "pegboard"]
    assert "Autologging of litellm failed" in record.getMessage()


def test_it_is_undone() -> None:
    pegboard.litellm.autolog()
    pegboard.litellm.autolog(disable=True)
    assert calls.TRACER not in litellm.callbacks + litellm.success_callback
    with FakeOpenAI() as fake, pegboard.start_span("root") as root:
        litellm.completion(**ASK, api_base=fake.url, api_key=KEY)
    assert len(pegboard.get_trace(root.trace_id).data.spans) == 1
