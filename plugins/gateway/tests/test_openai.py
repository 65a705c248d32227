"""OpenAI's API, asked by OpenAI's client."""

from __future__ import annotations

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
