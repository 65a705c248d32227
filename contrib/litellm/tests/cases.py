"""Calls of litellm, for spans that are compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import litellm
from pegboard_testing.llm_server import KEY, FakeOpenAI

LEFT_OUT = ("litellm_call_id", "created")


async def told(mlflow: Any) -> None:
    """Wait until litellm has told of an asynchronous call, which it does some time after it."""
    if mlflow.__name__ != "pegboard":
        await asyncio.sleep(1)
        return
    from pegboard_litellm.calls import under_way

    for _ in range(6000):
        if not under_way:
            return
        await asyncio.sleep(0.01)


@contextmanager
def cases(mlflow: Any) -> Iterator[Mapping[str, Callable[[], Any]]]:
    mlflow.litellm.autolog()
    with FakeOpenAI() as fake, closing(asyncio.new_event_loop()) as loop:
        at = {"api_base": fake.url, "api_key": KEY}
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "How far is Ulm?"},
        ]
        ask = {"model": "openai/gpt-4o-mini", "messages": messages, "temperature": 0.5, **at}
        function = {"name": "distance", "parameters": {"type": "object", "properties": {}}}
        tools = [{"type": "function", "function": function}]

        async def later(stream: bool) -> None:
            answer = await litellm.acompletion(**ask, stream=stream)
            if stream:
                assert [each async for each in answer]
            await told(mlflow)

        yield {
            "chat": lambda: litellm.completion(**ask),
            "tags": lambda: litellm.completion(**ask, metadata={"tags": ["a:b", "c"]}, user="u"),
            "tools": lambda: litellm.completion(**ask, tools=tools, tool_choice="auto"),
            "stream": lambda: list(litellm.completion(**ask, stream=True)),
            "failing": lambda: litellm.completion(**{**ask, "api_key": "none"}),
            "async": lambda: loop.run_until_complete(later(stream=False)),
            "async stream": lambda: loop.run_until_complete(later(stream=True)),
            "embedding": lambda: litellm.embedding(
                model="openai/text-embedding-3-small", input=["a"], **at
            ),
        }
