"""Traced calls of the anthropic library: whatever tracing does, the caller sees what he saw before.

That spans are those of MLflow is shown beside MLflow, in the tests of the whole.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import nullcontext
from typing import Any

import httpx2
import pegboard
import pytest
from anthropic import Anthropic, AsyncAnthropic, NotFoundError

from .messages import ASK, MESSAGE


def _delta(index: int, kind: str, name: str, text: str) -> dict[str, Any]:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": kind, name: text},
    }


TOOL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    _delta(0, "text_delta", "text", "3 "),
    _delta(0, "text_delta", "text", "km"),
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": TOOL},
    _delta(1, "input_json_delta", "partial_json", '{"to"'),
    _delta(1, "input_json_delta", "partial_json", ': "Ulm"}'),
    {"type": "content_block_stop", "index": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 7},
    },
    {"type": "message_stop"},
]
STREAM = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in EVENTS)


def answered(request: httpx2.Request) -> httpx2.Response:
    asked = json.loads(request.content)
    assert "traceparent" in request.headers
    if asked["model"] == "none":
        return httpx2.Response(404, json={"error": {"message": "no"}})
    if asked.get("stream"):
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=STREAM.encode())
    return httpx2.Response(200, json=MESSAGE)


@pytest.fixture
def client() -> Anthropic:
    pegboard.anthropic.autolog()
    transport = httpx2.MockTransport(answered)
    return Anthropic(api_key="key", http_client=httpx2.Client(transport=transport))


def last() -> Any:
    [span] = pegboard.get_trace(pegboard.get_last_active_trace_id()).data.spans
    return span


def check_streamed(span: Any) -> None:
    text, tool = span.outputs["content"]
    assert (text["text"], tool["name"], tool["input"]) == ("3 km", "f", {"to": "Ulm"})
    assert span.outputs["stop_reason"] == "tool_use"
    used = span.get_attribute("mlflow.chat.tokenUsage")
    assert (used["input_tokens"], used["output_tokens"], used["total_tokens"]) == (14, 7, 21)
    # 10 tokens, 4 of the cache and 7 of the answer.
    cost = span.get_attribute("mlflow.llm.cost")["total_cost"]
    assert cost == pytest.approx((10 * 3 + 4 * 0.3 + 7 * 15) * 1e-6)


def test_a_stream_becomes_one_message(client: Anthropic) -> None:
    events = list(client.messages.create(**ASK, stream=True))
    assert [event.type for event in events] == [event["type"] for event in EVENTS]
    span = last()
    assert len(span.events) == len(EVENTS)
    check_streamed(span)


def test_an_asynchronous_stream_becomes_one_message() -> None:
    async def ask() -> int:
        transport = httpx2.MockTransport(answered)
        http = httpx2.AsyncClient(transport=transport)
        async with AsyncAnthropic(api_key="key", http_client=http) as later:
            return len([each async for each in await later.messages.create(**ASK, stream=True)])

    pegboard.anthropic.autolog()
    assert asyncio.run(ask()) == len(EVENTS)
    check_streamed(last())


def test_a_stream_in_a_block_becomes_one_message(client: Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        assert list(stream.text_stream) == ["3 ", "km"]
        assert stream.get_final_message().usage.output_tokens == 7
    span = last()
    assert (span.name, span.span_type, span.inputs) == ("Messages.stream", "CHAT_MODEL", ASK)
    assert len(span.events) == len(EVENTS)
    check_streamed(span)


def test_an_asynchronous_stream_in_a_block_becomes_one_message() -> None:
    async def ask() -> str:
        transport = httpx2.MockTransport(answered)
        http = httpx2.AsyncClient(transport=transport)
        async with (
            AsyncAnthropic(api_key="key", http_client=http) as later,
            later.messages.stream(**ASK) as stream,
        ):
            return await stream.get_final_text()

    pegboard.anthropic.autolog()
    assert asyncio.run(ask()) == "3 km"
    assert last().name == "AsyncMessages.stream"
    check_streamed(last())


@pytest.mark.parametrize("way", ["left", "failing", "forgotten"])
def test_a_stream_in_a_block_ends_its_span_in_every_case(client: Anthropic, way: str) -> None:
    asked = client.messages.stream(**{**ASK, "model": "none" if way == "failing" else "claude"})
    with pytest.raises(NotFoundError) if way == "failing" else nullcontext():
        if way != "forgotten":
            with asked as stream:
                next(iter(stream.text_stream))
    del asked
    expected = {"left": ("OK", 3), "failing": ("ERROR", 1), "forgotten": ("OK", 0)}
    assert (str(last().status.status_code), len(last().events)) == expected[way]


def test_a_stream_that_is_left_ends_the_span_with_what_came(client: Anthropic) -> None:
    stream = client.messages.create(**ASK, stream=True)
    for _ in range(3):
        next(stream)
    stream.close()
    assert last().outputs["content"][0]["text"] == "3 "


class Odd(dict[str, Any]):
    """A tool that the library can send, and whose reading fails."""

    def get(self, *_: Any) -> Any:
        raise RuntimeError("odd")


def test_a_fault_of_tracing_is_one_warning(
    client: Anthropic, caplog: pytest.LogCaptureFixture
) -> None:
    tools: Any = [Odd(name="f", input_schema={"type": "object"})]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert client.messages.create(**ASK, tools=tools).content
    [record] = caplog.records
    assert "Autologging of anthropic failed" in record.getMessage()
