"""Runs of agents of Pydantic AI, for spans that are compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from mcp.server.mcpserver import MCPServer
from openai import AsyncOpenAI
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault, saying
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

LEFT_OUT = ("timestamp", "run_id", "conversation_id", "_state")
"""What differs in each run; and what the library remembers of one."""

NO_DATA = ("model_request_parameters", "root_capability", "toolsets")
"""What of the library's own objects is in spans as it is; their names are compared."""


def reduced(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what MLflow has of objects that are no data.

    Of streams it has their insides as output, of a class that is wanted all that a class has.
    """
    if row["name"].startswith("Agent.run_stream"):
        row.pop("outputs", None)
        row["status"] = row["status"][:1]
    for part in [each for each in (row["attributes"], row["inputs"]) if isinstance(each, dict)]:
        part |= {name: sorted(part[name]) for name in NO_DATA if isinstance(part.get(name), dict)}
        part.pop("output_type", None)
    row["attributes"].pop("toolsets", None)
    row["events"] = row["events"][:1]
    return row


class Place(BaseModel):
    name: str
    people: int


def calling(name: str, given: Mapping[str, Any]) -> Fault:
    """Return an answer that calls a tool."""
    function = {"name": name, "arguments": json.dumps(given)}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = json.loads(saying("").body)
    body["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return Fault(200, json.dumps(body).encode())


@contextmanager
def cases(mlflow: Any) -> Iterator[Mapping[str, Callable[[], Any]]]:
    mlflow.pydantic_ai.autolog()
    with FakeOpenAI() as fake, closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)

        def model(key: str = KEY) -> OpenAIChatModel:
            client = AsyncOpenAI(base_url=fake.url, api_key=key, max_retries=0)
            return OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))

        plain = Agent(model(), system_prompt="Be brief.", name="guide")
        agent = Agent(model(), instructions="Use tools.", deps_type=int, name="mapper", retries=1)

        @agent.tool_plain
        def distance(place: str) -> str:
            """Measure."""
            if place == "Atlantis":
                raise ModelRetry("There is no such place.")
            if place == "nowhere":
                raise ValueError("failed to measure")
            return f"3 km to {place}"

        server = MCPServer("places")

        @server.tool()
        def people(place: str) -> int:
            """Count."""
            return len(place)

        remote = Agent(model(), toolsets=[MCPToolset(server)])

        keyless = Agent(model("none"), name="keyless")

        def answers(*faults: Fault) -> None:
            fake.faults[:] = faults

        def tools(*places: Any) -> Any:
            answers(*(calling("distance", {"place": place}) for place in places), saying("3 km"))
            return agent.run_sync("How far is it?", deps=1, model_settings={"temperature": 0.5})

        async def stream() -> None:
            async with plain.run_stream("How far is Ulm?") as result:
                assert [each async for each in result.stream_text(delta=True, debounce_by=None)]

        def stream_sync() -> None:
            with plain.run_stream_sync("How far is Ulm?") as result:
                assert list(result.stream_text(delta=True, debounce_by=None))

        def structured() -> None:
            answers(calling("final_result", {"name": "Ulm", "people": 5}))
            plain.run_sync("Where?", output_type=Place)

        def mcp() -> None:
            answers(calling("people", {"place": "Ulm"}), saying("3"))
            loop.run_until_complete(remote.run("How many?"))

        yield {
            "sync": lambda: plain.run_sync("How far is Ulm?"),
            "async": lambda: loop.run_until_complete(plain.run("How far is Ulm?")),
            "stream": lambda: loop.run_until_complete(stream()),
            "stream sync": stream_sync,
            "tools": lambda: tools("Ulm", "Neu-Ulm"),
            "retry": lambda: tools("Atlantis", "Ulm"),
            "invalid": lambda: tools(1, "Ulm"),
            "failing tool": lambda: tools("nowhere"),
            "structured": structured,
            "mcp": mcp,
            "failing": lambda: keyless.run_sync("How far?"),
            "failing stream": lambda: keyless.run_stream_sync("How far?"),
        }
