"""Traced runs of LangChain and LangGraph: the caller sees what he saw before.

That spans are those of MLflow is shown beside MLflow, in the tests of the whole.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pegboard
import pytest
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph

USED = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}


def last() -> Any:
    trace_id = pegboard.get_last_active_trace_id()
    return None if trace_id is None else pegboard.get_trace(trace_id)


def test_runs_of_many_threads_are_traces_of_their_own() -> None:
    pegboard.langchain.autolog()
    inner = RunnableLambda(lambda n: n + 1, name="inner")

    def ask(number: int) -> tuple[int, str]:
        outer = RunnableLambda(inner.invoke, name=f"outer {number}")
        return outer.invoke(number), pegboard.get_last_active_trace_id(thread_local=True)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(16)))
    assert [result for result, _ in found] == [n + 1 for n in range(16)]
    for number, (_, trace_id) in enumerate(found):
        outer, within = pegboard.get_trace(trace_id).data.spans
        assert (outer.name, within.name) == (f"outer {number}", "inner")
        assert within.parent_id == outer.span_id


def test_a_graph_has_a_session_tokens_and_cost() -> None:
    pegboard.langchain.autolog()
    model = GenericFakeChatModel(
        messages=iter([AIMessage("3 km", usage_metadata=USED)]),
        metadata={"ls_model_name": "gpt-4o-mini", "ls_provider": "openai"},
    )
    graph = StateGraph(MessagesState)
    graph.add_node("talk", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "talk")
    with pegboard.start_span("mine"):
        graph.compile().invoke(
            {"messages": [("user", "How far?")]}, {"configurable": {"thread_id": "t7"}}
        )
    trace = last()
    assert [span.name for span in trace.data.spans] == [
        "mine",
        "LangGraph",
        "talk",
        "GenericFakeChatModel",
    ]
    assert trace.info.trace_metadata["mlflow.trace.session"] == "t7"
    assert trace.data.spans[3].get_attribute("mlflow.llm.cost")["total_cost"] == 0.15


def test_an_error_passes_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    raised = ValueError("no")

    def fail(_: Any) -> None:
        raise raised

    pegboard.langchain.autolog()
    with pytest.raises(ValueError, match="no") as caught:
        RunnableLambda(fail).invoke(1)
    assert caught.value is raised
    [span] = last().data.spans
    assert (span.status.status_code, span.status.description) == ("ERROR", "no")
    assert not caplog.records


def test_a_fault_of_tracing_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    pegboard.langchain.autolog()
    odd = [AIMessage("3 km", usage_metadata=USED, response_metadata={"usage": 5}) for _ in "12"]
    for message in odd:
        message.usage_metadata = None
    model = GenericFakeChatModel(messages=iter(odd))
    with caplog.at_level(logging.WARNING):
        assert [model.invoke("How far?").content for _ in odd] == ["3 km"] * 2
    [record] = caplog.records
    assert "Autologging of langchain failed" in record.getMessage()
    assert last().data.spans[0].outputs["choices"]


def test_it_can_be_undone() -> None:
    pegboard.langchain.autolog()
    pegboard.langchain.autolog(disable=True)
    before = pegboard.get_last_active_trace_id()
    assert FakeListChatModel(responses=["a"]).invoke("b").content == "a"
    assert pegboard.get_last_active_trace_id() == before
