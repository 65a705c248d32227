"""OpenAI's API, asked by OpenAI's client."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from . import upstream_fake as fakes
from .plain_provider import endpoint
from .running import Running, running
from .upstream_fake import FakeUpstream

MESSAGES: Any = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Running]:
    with running(tmp_path, endpoint("chat", upstream.url)) as started:
        yield started


def test_a_conversation_is_answered(gateway: Running, upstream: FakeUpstream) -> None:
    found = gateway.openai().chat.completions.create(
        model="chat", messages=MESSAGES, temperature=0.5
    )
    assert found.choices[0].message.content == "".join(fakes.WORDS)
    assert found.usage is not None and found.usage.total_tokens == fakes.USAGE["total_tokens"]
    assert upstream.requests[0].json == {
        "model": "small",
        "messages": MESSAGES,
        "temperature": 0.5,
    }
    record = gateway.notes.wait()[0]
    assert (record.outcome, record.status, record.tokens.input) == ("done", 200, 7)


def test_a_conversation_is_streamed(gateway: Running) -> None:
    stream = gateway.openai().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    events = list(stream)
    words = [event.choices[0].delta.content for event in events]
    assert words == [*fakes.WORDS, None]
    with_usage = gateway.openai().chat.completions.create(
        model="chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    last = list(with_usage)[-1]
    assert last.choices == [] and last.usage is not None
    assert [record.tokens.output for record in gateway.notes.wait(2)] == [6, 6]


def test_what_is_wrong_is_said_in_openais_form(gateway: Running, upstream: FakeUpstream) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        gateway.openai().chat.completions.create(model="other", messages=MESSAGES)
    assert caught.value.code == "model_not_found" and caught.value.param == "model"
    upstream.next(fakes.failing(400, "It is wrong.", param="messages"))
    with pytest.raises(openai.BadRequestError, match="It is wrong"):
        gateway.openai().chat.completions.create(model="chat", messages=MESSAGES)


def test_texts_are_completed(gateway: Running) -> None:
    found = gateway.openai().completions.create(model="chat", prompt="Hi", max_tokens=5)
    assert found.choices[0].text == "".join(fakes.WORDS)
    stream = gateway.openai().completions.create(model="chat", prompt="Hi", stream=True)
    assert "".join(event.choices[0].text for event in stream) == "".join(fakes.WORDS)


@pytest.mark.parametrize("count", [1, 40])
def test_texts_become_vectors(gateway: Running, upstream: FakeUpstream, count: int) -> None:
    texts = [f"text {number}" for number in range(count)]
    found = gateway.openai().embeddings.create(model="chat", input=texts, encoding_format="float")
    assert [item.embedding for item in found.data] == [list(fakes.EMBEDDING)] * count
    assert gateway.notes.wait()[0].tokens.input == 7


def test_a_long_conversation_passes_and_so_does_a_long_answer(
    gateway: Running, upstream: FakeUpstream
) -> None:
    upstream.next(fakes.huge(1_000_000))
    long: Any = [{"role": "user", "content": "x" * 1_000_000}]
    found = gateway.openai().chat.completions.create(model="chat", messages=long)
    assert len(found.choices[0].message.content or "") == 1_000_000
    assert upstream.requests[0].json["messages"] == long


def test_the_asynchronous_client_is_served_and_may_give_up(
    gateway: Running, upstream: FakeUpstream
) -> None:
    upstream.always(fakes.paused(1), model="small")

    async def work() -> str:
        client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0)
        async with client:
            stream = await client.chat.completions.create(
                model="chat", messages=MESSAGES, stream=True
            )
            async for event in stream:
                await stream.close()
                return event.choices[0].delta.content or ""
        return ""

    assert asyncio.run(work()) == fakes.WORDS[0]
    assert upstream.requests[0].gone.wait(fakes.SECONDS)
    assert gateway.notes.wait()[0].outcome == "gone"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b'"x"', None),
        (b"{}", "model"),
        (b'{"model": 3}', "model"),
        (b'{"model": "chat"}', "messages"),
        (b'{"model": "chat", "messages": [], "temperature": 3}', "messages"),
        (b'{"model": "chat", "messages": [{"role": "user", "content": "a"}], "n": 0}', "n"),
        (b'{"model": "chat", "messages": [{"role": "user", "content": "a"}], "odd": 1}', "odd"),
        (b"[" * 2000, None),
        (b'{"model": "chat", "messages": [' + b"1," * 300_000 + b"1]}", None),
    ],
)
def test_a_wrong_body_is_refused(
    gateway: Running, upstream: FakeUpstream, body: bytes, param: str | None
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=fakes.SECONDS)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    response = connection.getresponse()
    error = json.loads(response.read())["error"]
    assert response.status == 400 and error["type"] == "invalid_request_error"
    assert error["param"] == param and error["message"]
    assert not upstream.requests
