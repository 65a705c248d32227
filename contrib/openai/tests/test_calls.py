"""Traced calls of the openai library: whatever tracing does, the caller sees what he saw before.

That spans are those of MLflow is shown beside MLflow, in the tests of the whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import openai
import pegboard
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk
from pegboard_openai.streams import whole
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault

ASK: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "a b c"}]}
ENDLESS: Any = {**ASK, "messages": [{"role": "user", "content": "endless"}], "stream": True}


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as started:
        yield started


@pytest.fixture
def client(server: FakeOpenAI) -> OpenAI:
    pegboard.openai.autolog()
    return OpenAI(base_url=server.url, api_key=KEY, max_retries=0)


def last() -> Any:
    [span] = pegboard.get_trace(pegboard.get_last_active_trace_id()).data.spans
    return span


def test_a_call_is_a_span_with_tokens_and_cost(client: OpenAI) -> None:
    answer = client.chat.completions.create(**ASK)
    span = last()
    assert (span.name, span.span_type, span.status.status_code) == (
        "Completions",
        "CHAT_MODEL",
        "OK",
    )
    assert (span.inputs, span.outputs) == (ASK, answer.model_dump())
    used = span.get_attribute("mlflow.chat.tokenUsage")
    cost = span.get_attribute("mlflow.llm.cost")
    assert cost["input_cost"] == pytest.approx(used["input_tokens"] * 0.15e-6)
    assert cost["output_cost"] == pytest.approx(used["output_tokens"] * 0.6e-6)


def test_requests_say_within_which_span_they_are(client: OpenAI, server: FakeOpenAI) -> None:
    client.chat.completions.create(**ASK)
    span = last()
    own = {"traceparent": f"00-{'7' * 32}-{'7' * 16}-01"}
    client.chat.completions.create(**ASK, extra_headers=own)
    first, second = (seen.headers["traceparent"] for seen in server.seen)
    assert first == f"00-{span.trace_id.removeprefix('tr-')}-{span.span_id}-01"
    assert second == own["traceparent"]


def test_a_stream_comes_piece_by_piece_and_may_be_left(client: OpenAI) -> None:
    stream = client.chat.completions.create(**ENDLESS)
    pieces = [next(stream) for _ in range(3)]
    stream.close()
    span = last()
    assert [event.name for event in span.events] == [f"mlflow.chunk.item.{n}" for n in range(3)]
    said = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert span.outputs["choices"][0]["message"]["content"] == said


def test_an_asynchronous_stream_may_be_left(server: FakeOpenAI) -> None:
    async def ask() -> None:
        later = AsyncOpenAI(base_url=server.url, api_key=KEY)
        async with later, await later.chat.completions.create(**ENDLESS) as stream:
            async for _ in stream:
                break

    pegboard.openai.autolog()
    asyncio.run(ask())
    assert len(last().events) == 1


def test_a_stream_that_breaks_raises_what_it_raised_before(
    client: OpenAI, server: FakeOpenAI
) -> None:
    server.faults = [Fault(cut_after=300)] * 2
    raised = []
    for disable in (True, False):
        pegboard.openai.autolog(disable=disable)
        with pytest.raises(openai.APIConnectionError) as caught:
            list(client.chat.completions.create(**ASK, stream=True))
        raised.append(str(caught.value))
    assert raised[0] == raised[1]
    assert last().status.status_code == "ERROR"


def test_an_error_of_the_server_is_in_the_span(client: OpenAI, server: FakeOpenAI) -> None:
    server.faults = [Fault()]
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ASK)
    span = last()
    assert (span.status.status_code, span.events[0].name) == ("ERROR", "exception")


class Odd(dict[str, Any]):
    """A tool that the library can send, and whose reading fails."""

    def get(self, *_: Any) -> Any:
        raise RuntimeError("odd")


def test_a_fault_of_tracing_is_one_warning(
    client: OpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    tools: Any = [Odd(type="function", function={"name": "f"})]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert client.chat.completions.create(**ASK, tools=tools).choices
    [record] = caplog.records
    assert "Autologging of openai failed" in record.getMessage()
    assert "The call goes on" in record.getMessage()
    assert last().outputs["choices"]


def test_calls_are_made_where_nothing_is_traced(client: OpenAI) -> None:
    before = pegboard.get_last_active_trace_id()
    pegboard.openai.autolog(disable=True)
    assert client.chat.completions.create(**ASK).choices
    pegboard.autolog(log_traces=False)
    assert client.chat.completions.create(**ASK).choices
    assert pegboard.get_last_active_trace_id() == before
    pegboard.openai.autolog()
    assert client.chat.completions.create(**ASK).choices
    assert pegboard.get_last_active_trace_id() != before


def chunk(delta: dict[str, Any], index: int = 0, reason: str | None = None) -> ChatCompletionChunk:
    return ChatCompletionChunk.model_validate(
        {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": index, "delta": delta, "finish_reason": reason}],
        }
    )


def test_calls_of_tools_and_several_choices_are_put_together() -> None:
    def part(index: int, **function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "function": function}]}

    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f"}}
    answer = whole(
        [
            chunk({"role": "assistant", "tool_calls": [first]}),
            chunk({"content": "other"}, 1),
            chunk(part(0, arguments='{"a"')),
            chunk(part(1, name="g", arguments="{}")),
            chunk(part(0, arguments=": 1}")),
            chunk({}, 0, "tool_calls"),
            chunk({}, 1, "length"),
        ]
    )
    calls = answer.choices[0].message.tool_calls
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("f", '{"a": 1}'),
        ("g", "{}"),
    ]
    assert [choice.finish_reason for choice in answer.choices] == ["tool_calls", "length"]
    assert answer.choices[1].message.content == "other"
