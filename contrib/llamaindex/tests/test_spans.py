"""What LlamaIndex runs, traced: MLflow's spans, and callers who notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pegboard
import pytest
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.llms import ChatMessage, MockLLM
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.llms.openai import OpenAI
from pegboard_llamaindex import reading, spans
from pegboard_testing import span_tables
from pegboard_testing.llm_server import KEY, FakeOpenAI

HERE = Path(__file__).parent
ASK = [ChatMessage("How far is Ulm?")]


class Asking(Workflow):
    @step
    async def ask(self, event: StartEvent) -> StopEvent:
        with pegboard.start_span("mine"):
            answer = await MockLLM(max_tokens=2).acomplete(event.question)
        return StopEvent(result=str(answer))


def last() -> Any:
    return pegboard.get_trace(pegboard.get_last_active_trace_id())


def test_spans_are_those_of_mlflow() -> None:
    made = span_tables.table(pegboard, HERE / "cases.py")
    expected = json.loads((HERE / "expected.json").read_text())
    assert made.keys() == expected.keys()
    for name, found in expected.items():
        assert made[name] == found, name
    assert not spans._runs


def test_the_example_prints_what_the_readme_says() -> None:
    readme = (HERE.parent / "README.md").read_text()
    code, said = re.findall(r"```(?:python|text)\n(.*?)```", readme, re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == said


def test_an_asynchronous_stream_has_its_answer_tokens_and_cost() -> None:
    async def ask(llm: OpenAI) -> None:
        assert [each async for each in await llm.astream_chat(ASK)]

    pegboard.llama_index.autolog()
    usage = {"stream_options": {"include_usage": True}}
    with FakeOpenAI() as fake:
        at = {"api_base": fake.url, "api_key": KEY}
        asyncio.run(ask(OpenAI("gpt-4o-mini", additional_kwargs=usage, **at)))
    [span] = last().data.spans
    assert span.outputs["message"]["blocks"][0]["text"] == "How far is Ulm?"
    assert span.get_attribute("mlflow.chat.tokenUsage")["total_tokens"] == 8
    assert span.get_attribute("mlflow.llm.cost")["total_cost"] > 0


def test_an_error_passes_unchanged() -> None:
    pegboard.llama_index.autolog()
    raised = ValueError("cut")

    def fail(place: str) -> str:
        raise raised

    with pytest.raises(ValueError, match="cut") as caught:
        FunctionTool.from_defaults(fail)(place="Ulm")
    assert caught.value is raised
    assert {span.status.status_code for span in last().data.spans} == {"ERROR"}


def test_spans_of_ones_own_are_between_those_of_a_workflow() -> None:
    async def run() -> Any:
        return await Asking().run(question="How far is Ulm?")

    pegboard.llama_index.autolog()
    assert asyncio.run(run()) == "text text"
    found = last().data.spans
    names = {span.span_id: span.name for span in found}
    within = [(span.name, names.get(span.parent_id)) for span in found]
    assert within[:3] == [
        ("Asking.run", None),
        ("Asking.ask", "Asking.run"),
        ("mine", "Asking.ask"),
    ]
    assert within[3] == ("MockLLM.acomplete", "mine")
    assert found[0].inputs == {"question": "How far is Ulm?"}
    assert found[0].outputs == {"result": "text text"}


def test_a_fault_of_tracing_is_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("odd")

    pegboard.llama_index.autolog()
    monkeypatch.setattr(reading, "attributes", fail)
    llm = MockLLM(max_tokens=2)
    with caplog.at_level(logging.WARNING, "pegboard"):
        for _ in range(2):
            assert str(llm.complete("How far is Ulm?")) == "text text"
        told = [each.getMessage() for each in caplog.records]
        pegboard.llama_index.autolog(silent=True)
        llm.complete("How far is Ulm?")
    assert len(told) == 1 == len(caplog.records)
    assert "Autologging of llama_index failed in a beginning: RuntimeError: odd" in told[0]


@pytest.mark.parametrize("switch", [{"disable": True}, {"log_traces": False}])
def test_it_is_undone(switch: dict[str, bool]) -> None:
    root = get_dispatcher()
    before = (list(root.span_handlers), list(root.event_handlers))
    pegboard.llama_index.autolog()
    pegboard.llama_index.autolog()
    assert len(root.span_handlers) == len(before[0]) + 1
    pegboard.llama_index.autolog(**switch)
    assert (root.span_handlers, root.event_handlers) == before
    trace_id = pegboard.get_last_active_trace_id()
    assert str(MockLLM(max_tokens=2).complete("How far is Ulm?")) == "text text"
    assert pegboard.get_last_active_trace_id() == trace_id
