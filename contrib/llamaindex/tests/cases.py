"""Runs of LlamaIndex, for spans that are compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from llama_index.core import PromptTemplate, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.schema import TextNode
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault, saying

LEFT_OUT = ("api_base", "api_key", "timestamp", "created", "start_node_id", "ref_doc_id")


def reduced(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what MLflow has of asynchronous streams: the name of a generator."""
    if row["name"].endswith("astream_chat"):
        row.pop("outputs", None)
        row["attributes"].pop("usage", None)
    return row


def streaming(*deltas: Mapping[str, Any]) -> Fault:
    """Return an answer that comes in pieces."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    choices = [{"index": 0, "delta": each, "finish_reason": None} for each in (*deltas, {})]
    choices[-1]["finish_reason"] = "stop"
    events = [{**head, "choices": [each]} for each in choices]
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"
    return Fault(200, body.encode())


def calling(name: str, given: Mapping[str, Any]) -> Fault:
    """Return a streamed answer that calls a tool."""
    function = {"name": name, "arguments": json.dumps(given)}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    return streaming({"role": "assistant", "content": None, "tool_calls": [call]})


def words(text: str) -> Fault:
    return streaming(*({"role": "assistant", "content": f"{word} "} for word in text.split()))


def distance(place: str) -> str:
    """Measure."""
    if place == "nowhere":
        raise ValueError("failed to measure")
    return f"3 km to {place}"


@contextmanager
def cases(mlflow: Any) -> Iterator[Mapping[str, Callable[[], Any]]]:
    mlflow.llama_index.autolog()
    with FakeOpenAI() as fake, closing(asyncio.new_event_loop()) as loop:
        at = {"api_base": fake.url, "api_key": KEY, "max_retries": 0}
        llm = OpenAI("gpt-4o-mini", temperature=0.5, **at)
        keyless = OpenAI("gpt-4o-mini", **{**at, "api_key": "none"})
        embedding = OpenAIEmbedding(model="text-embedding-3-small", **at)
        node = TextNode(text="Ulm is 3 km away.", id_="node")
        index = VectorStoreIndex([node], embed_model=embedding)
        messages = [ChatMessage("How far is Ulm?", role="user")]
        tool = FunctionTool.from_defaults(distance)

        def answers(*faults: Fault) -> None:
            fake.faults[:] = faults

        def streamed() -> None:
            assert list(llm.stream_chat(messages))

        async def later() -> None:
            await llm.achat(messages)

        async def streamed_later() -> None:
            assert [each async for each in await llm.astream_chat(messages)]

        def query(**given: Any) -> Any:
            return index.as_query_engine(llm=llm, **given).query("How far is Ulm?")

        async def query_later() -> None:
            await index.as_query_engine(llm=llm).aquery("How far is Ulm?")

        def streamed_query() -> None:
            assert list(query(streaming=True).response_gen)

        def chat() -> None:
            answers(saying("3 km"))
            SimpleChatEngine.from_defaults(llm=llm).chat("How far?")

        def streamed_chat() -> None:
            answers(words("3 km"))
            engine = SimpleChatEngine.from_defaults(llm=llm)
            assert list(engine.stream_chat("How far?").response_gen)

        async def agent() -> None:
            places = ("Ulm", "nowhere")
            answers(*(calling("distance", {"place": place}) for place in places), words("3 km"))
            made = FunctionAgent(name="mapper", tools=[tool], llm=llm, system_prompt="Be brief.")
            await made.run("How far is Ulm?")

        run = loop.run_until_complete
        yield {
            "chat": lambda: llm.chat(messages),
            "predict": lambda: llm.predict(PromptTemplate("How far is {place}?"), place="Ulm"),
            "async": lambda: run(later()),
            "stream": streamed,
            "async stream": lambda: run(streamed_later()),
            "embedding": lambda: embedding.get_text_embedding("a"),
            "retriever": lambda: index.as_retriever().retrieve("How far?"),
            "query": query,
            "async query": lambda: run(query_later()),
            "streamed query": streamed_query,
            "tool": lambda: tool(place="Ulm"),
            "failing tool": lambda: tool(place="nowhere"),
            "chat engine": chat,
            "streamed chat engine": streamed_chat,
            "agent": lambda: run(agent()),
            "failing": lambda: keyless.chat(messages),
        }
