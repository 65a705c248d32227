"""Autologging of language models' libraries: of one script, spans are those that MLflow makes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import llm_fake
import pytest
from mlflow_server import MlflowServer

LANGCHAIN = """
from langchain_core.documents import Document
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph

mlflow.langchain.autolog(run_tracer_inline=True)

class Library(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document(page_content="Ulm", metadata={"page": 3}, id="7")]

@tool
def distance(to: str) -> int:
    "How far it is."
    with mlflow.start_span("measuring"):
        return 3

def model(*messages):
    return GenericFakeChatModel(messages=iter(messages))

used = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11,
        "input_token_details": {"cache_read": 4}}
answer_of = lambda text: AIMessage(text, usage_metadata=used, id="m1")
calling = AIMessage(
    "", usage_metadata=used, id="m2",
    tool_calls=[{"name": "distance", "args": {"to": "Ulm"}, "id": "c1", "type": "tool_call"}],
)
prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
chain = lambda *texts: prompt | model(*map(answer_of, texts)) | StrOutputParser()

def fail(value):
    raise ValueError("no")

def graph():
    talker = model(calling, answer_of("3 km"))
    def talk(state):
        return {"messages": [talker.invoke(state["messages"])]}
    def act(state):
        call = state["messages"][-1].tool_calls[0]
        return {"messages": [distance.invoke(call)]}
    def after(state):
        return "act" if getattr(state["messages"][-1], "tool_calls", None) else END
    made = StateGraph(MessagesState)
    made.add_node("talk", talk)
    made.add_node("act", act)
    made.add_edge(START, "talk")
    made.add_conditional_edges("talk", after, ["act", END])
    made.add_edge("act", "talk")
    return made.compile()

thread = {"configurable": {"thread_id": "t7"}}
question = {"messages": [HumanMessage("How far?", id="m0")]}
CASES |= {
    "chain": lambda: chain("3 km").invoke({"question": "How far?"}),
    "batch": lambda: chain("3 km").batch([{"question": "How far?"}]),
    "chain stream": lambda: list(chain("3 km").stream({"question": "How far?"})),
    "chain async": lambda: run(chain("3 km").ainvoke({"question": "How far?"})),
    "completing": lambda: FakeListLLM(responses=["3 km"]).invoke("How far?"),
    "retriever": lambda: Library().invoke("Ulm"),
    "tool": lambda: distance.invoke({"to": "Ulm"}),
    "chain failing": lambda: ends(lambda: RunnableLambda(fail).invoke(1)),
    "graph": lambda: shown(graph().invoke(question, thread)["messages"]),
}
"""

SCRIPT = """
import asyncio, importlib, json, os, sys

mlflow = importlib.import_module(sys.argv[1])
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

mlflow.set_tracking_uri(sys.argv[2])
mlflow.set_experiment("calls")
mlflow.openai.autolog()
mlflow.anthropic.autolog()
known = {"base_url": sys.argv[3] + "/v1", "api_key": "key", "max_retries": 0}
client, later = OpenAI(**known), AsyncOpenAI(**known)
claude = Anthropic(base_url=sys.argv[3], api_key="key", max_retries=0)
claude_later = AsyncAnthropic(base_url=sys.argv[3], api_key="key", max_retries=0)
run = asyncio.new_event_loop().run_until_complete
ask = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "How far is Ulm?"}]},
    ],
    "temperature": 0.5,
}
parameters = {
    "type": "object",
    "properties": {"to": {"type": "string", "description": "Where to"}},
    "required": ["to"],
}
function = {"name": "distance", "description": "How far", "parameters": parameters}

class Distance(BaseModel):
    km: int

async def streamed(stream):
    return [chunk async for chunk in await stream]

def ends(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__

plain = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [ask["messages"][1]]}
CASES = {
    "chat": lambda: client.chat.completions.create(**ask),
    "tools": lambda: client.chat.completions.create(
        **ask, tools=[{"type": "function", "function": function}]
    ),
    "stream": lambda: list(client.chat.completions.create(**ask, stream=True)),
    "stream with usage": lambda: list(
        client.chat.completions.create(
            **ask, stream=True, stream_options={"include_usage": True}
        )
    ),
    "parse": lambda: client.chat.completions.parse(**ask, response_format=Distance),
    "raw": lambda: client.chat.completions.with_raw_response.create(**ask).parse(),
    "completion": lambda: client.completions.create(model="gpt-3.5-turbo-instruct", prompt="a"),
    "completion stream": lambda: list(
        client.completions.create(model="gpt-3.5-turbo-instruct", prompt="a", stream=True)
    ),
    "embeddings": lambda: client.embeddings.create(
        model="text-embedding-3-small", input=["a"], encoding_format="float"
    ),
    "responses": lambda: client.responses.create(
        model="gpt-4o-mini", input="How far?", tools=[{"type": "function", **function}]
    ),
    "responses stream": lambda: list(
        client.responses.create(model="gpt-4o-mini", input="How far?", stream=True)
    ),
    "failing": lambda: ends(
        lambda: client.chat.completions.create(**{**ask, "model": "none"})
    ),
    "async": lambda: run(later.chat.completions.create(**ask)),
    "async stream": lambda: run(
        streamed(later.chat.completions.create(**ask, stream=True))
    ),
    "claude": lambda: claude.messages.create(**plain, system="Be brief."),
    "claude tools": lambda: claude.messages.create(
        **plain,
        tools=[{"name": "distance", "description": "How far", "input_schema": parameters}],
    ),
    "claude failing": lambda: ends(lambda: claude.messages.create(**{**plain, "model": "none"})),
    "claude async": lambda: run(claude_later.messages.create(**plain)),
}

def shown(result):
    items = result if isinstance(result, list) else [result]
    return [each.model_dump(mode="json") if hasattr(each, "model_dump") else each for each in items]

# Costs are in prices' own tests; MLflow shows them where its server has added them.
LEFT_OUT = ("mlflow.traceRequestId", "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.llm.cost")
# LANGCHAIN
answer, ids = {}, {}
for name, call in CASES.items():
    with mlflow.start_span(name) as span:
        ids[name] = span.trace_id
        answer[name] = {"result": shown(call())}
getattr(mlflow, "flush_trace_async_logging", lambda: None)()
for name, trace_id in ids.items():
    trace = mlflow.get_trace(trace_id)
    assert trace is not None, name
    spans = trace.data.spans
    names = {span.span_id: span.name for span in spans}
    answer[name]["spans"] = [
        {
            "name": span.name,
            "parent": names.get(span.parent_id),
            "type": span.span_type,
            "status": [str(span.status.status_code.value), span.status.description],
            "inputs": span.inputs,
            "outputs": span.outputs,
            "attributes": {
                key: value for key, value in span.attributes.items()
                if key not in LEFT_OUT
                # MLflow's server adds it to calls that failed, at times only later.
                and not (name == "failing" and key == "mlflow.llm.model")
            },
            "events": [
                [event.name, json.loads(event.attributes["mlflow.chunk.value"])]
                if "mlflow.chunk.value" in event.attributes
                else [event.name, sorted(event.attributes)]
                for event in span.events
            ],
        }
        for span in spans
    ]
print(json.dumps(answer, default=str))
"""
SCRIPT = SCRIPT.replace("# LANGCHAIN", LANGCHAIN)

NAMES = [
    *("chat", "tools", "stream", "stream with usage", "parse", "raw", "completion"),
    *("completion stream", "embeddings", "responses", "responses stream", "failing", "async"),
    *("async stream", "claude", "claude tools", "claude failing", "claude async"),
    *("chain", "batch", "chain stream", "chain async", "completing", "retriever", "tool"),
    *("chain failing", "graph"),
]


def _run(python: str | Path, module: str, uri: str, place: Path) -> Any:
    with llm_fake.answering() as url:
        done = subprocess.run(
            [str(python), "-c", SCRIPT, module, uri, url],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return _rounded(json.loads(done.stdout.splitlines()[-1]))


_CHANGING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    if isinstance(value, str):
        return _CHANGING.sub("ID", value)
    return round(value, 12) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("ours")
    return _run(sys.executable, "pegboard", f"sqlite:{place}/runs.db", place)


@pytest.fixture(scope="module")
def theirs(
    tmp_path_factory: pytest.TempPathFactory, mlflow_server: MlflowServer, llm_python: Path
) -> Any:
    return _run(llm_python, "mlflow", mlflow_server.url, tmp_path_factory.mktemp("theirs"))


@pytest.mark.parametrize("name", NAMES)
def test_spans_are_those_of_mlflow(ours: Any, theirs: Any, name: str) -> None:
    assert ours[name] == theirs[name]


def test_no_case_was_left_out(ours: Any, theirs: Any) -> None:
    assert set(ours) == set(theirs) == set(NAMES)
