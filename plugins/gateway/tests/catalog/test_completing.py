"""Models that only chat complete too: the prompt is what the user says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from attrs import frozen
from pegboard.contracts.llm import (
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    LocalProvider,
    Task,
)
from pegboard.settings import structure
from pegboard_gateway.catalog.completing import by_chat
from pegboard_llm import shapes
from pegboard_providers.openai import OpenAI, OpenAISettings

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def vendor() -> LLMProvider:
    made = by_chat(OpenAI(structure(OpenAISettings, {"api_key": "k"}, "test")))
    assert isinstance(made, LLMProvider)
    return made


def asked(task: Task = Task.COMPLETION, stream: bool = False, **body: Any) -> LLMRequest:
    return LLMRequest(task, "gpt-4o-mini", body, stream)


def said(index: int, text: str, reason: str) -> Json:
    message = {"role": "assistant", "content": text}
    return {"index": index, "message": message, "finish_reason": reason}


def reply(body: Json) -> HttpReply:
    return HttpReply(200, {"content-type": "application/json"}, json.dumps(body).encode())


def answer_of_chat() -> Json:
    choices = [
        said(i, text, reason)
        for i, (text, reason) in enumerate((("One.", "stop"), ("Two", "length")))
    ]
    return shapes.chat("gpt-4o-mini", choices, USAGE, id="c-1", created=5)


@pytest.mark.parametrize("prompt", ["Hello", ["Hello"]])
def test_a_prompt_is_asked_as_a_message(prompt: Any) -> None:
    call = vendor().call(asked(prompt=prompt, max_tokens=5, stop=["x"]))
    assert call.url.endswith("/chat/completions")
    assert json.loads(call.body) == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 5,
        "stop": ["x"],
    }


def test_an_answer_becomes_a_completion() -> None:
    found = vendor().answer(asked(prompt="Hello"), reply(answer_of_chat()))
    assert (found["object"], found["id"], found["created"]) == ("text_completion", "c-1", 5)
    assert found["usage"]["total_tokens"] == 3
    assert [(c["index"], c["text"], c["finish_reason"]) for c in found["choices"]] == [
        (0, "One.", "stop"),
        (1, "Two", "length"),
    ]
    assert all("message" not in choice for choice in found["choices"])


def test_a_chat_stays_a_chat() -> None:
    request = asked(Task.CHAT, messages=[{"role": "user", "content": "Hi"}])
    assert vendor().call(request).url.endswith("/chat/completions")
    assert vendor().answer(request, reply(answer_of_chat()))["object"] == "chat.completion"


def test_events_become_pieces_of_text_however_they_are_cut() -> None:
    chunks = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"index": 0, "delta": {"content": "Hel"}}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": USAGE},
    ]
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    data = b"".join(b"data: " + json.dumps({**head, **each}).encode() + b"\n\n" for each in chunks)
    data += b"data: [DONE]\n\n"
    for size in (1, 7, len(data)):
        reader = vendor().events(asked(prompt="Hi", stream=True))
        events = [
            event
            for start in range(0, len(data), size)
            for event in reader.feed(data[start : start + size])
        ]
        events += reader.end()
        assert {event["object"] for event in events} == {"text_completion"}
        assert "".join(c["text"] for event in events for c in event["choices"]) == "Hello"
        assert events[-1]["usage"]["total_tokens"] == 3
        reasons = [c["finish_reason"] for event in events for c in event["choices"]]
        assert reasons[-1] == "stop"


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1], [2]]])
def test_what_is_no_single_text_is_refused(prompt: Any) -> None:
    with pytest.raises(LLMError) as caught:
        vendor().call(asked(prompt=prompt))
    assert caught.value.param == "prompt"


def test_it_takes_what_means_the_same_in_both_tasks() -> None:
    takes = vendor().takes_of("gpt-4o-mini")
    assert {"prompt", "max_tokens", "temperature"} <= takes[Task.COMPLETION]
    assert takes[Task.COMPLETION].isdisjoint({"messages", "tools", "suffix", "echo", "best_of"})
    assert "messages" in takes[Task.CHAT]


@frozen
class Nothing:
    """No settings."""


class Parrot(LocalProvider):
    settings = Nothing
    takes = MappingProxyType({Task.CHAT: frozenset({"messages", "max_tokens"})})
    closed = False

    def answer(self, request: LLMRequest) -> Json:
        text = request.body["messages"][-1]["content"]
        return shapes.chat("parrot", [said(0, text, "stop")], USAGE)

    def events(self, request: LLMRequest) -> Iterator[Json]:
        for letter in request.body["messages"][-1]["content"]:
            yield {"choices": [{"index": 0, "delta": {"content": letter}}]}
        yield {"choices": [], "usage": USAGE}

    def close(self) -> None:
        self.closed = True


def test_a_model_in_this_process_completes_too() -> None:
    inner = Parrot(Nothing())
    model = by_chat(inner)
    assert isinstance(model, LocalProvider)
    assert model.answer(asked(prompt="Hi"))["choices"][0]["text"] == "Hi"
    pieces = [c["text"] for event in model.events(asked(prompt="Hi")) for c in event["choices"]]
    assert pieces == ["H", "i"]
    assert model.takes_of("parrot")[Task.COMPLETION] == {"prompt", "max_tokens"}
    model.close()
    assert inner.closed
