"""The contract of local providers, kept by one that repeats what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from pegboard.contracts.llm import Json, LLMRequest, LocalProvider, Task
from pegboard.settings import NoSettings
from pegboard_llm import estimate, shapes
from pegboard_testing import LocalProviderContract


class Parrot(LocalProvider):
    """Says the last message again, word by word; a word is a token."""

    settings = NoSettings
    takes: ClassVar = {
        Task.CHAT: frozenset({"messages", "max_tokens", "temperature", "seed"}),
        Task.COMPLETION: frozenset({"prompt", "max_tokens", "temperature"}),
        Task.EMBEDDING: frozenset({"input"}),
    }

    def answer(self, request: LLMRequest) -> Json:
        if request.task is Task.EMBEDDING:
            texts = request.body["input"]
            vectors = [[float(text.count(letter)) for letter in "dogpr"] for text in texts]
            return shapes.embeddings("parrot", vectors, estimate.usage(request))
        merger = shapes.Merger()
        for chunk in self.events(request):
            merger.add(chunk)
        return merger.answer()

    def events(self, request: LLMRequest) -> Iterator[Json]:
        chunks = shapes.Chunks("parrot", task=request.task)
        chat = request.task is Task.CHAT
        said = request.body["messages"][-1]["content"] if chat else request.body["prompt"]
        words = (said + " again").split()
        most = request.body.get("max_tokens", len(words))
        for word in words[:most]:
            yield chunks.text(word + " ")
        yield from chunks.finish("length" if most < len(words) else "stop")
        prompt = estimate.prompt_tokens(request)
        yield chunks.usage(shapes.usage(prompt, min(most, len(words))))


class TestParrot(LocalProviderContract):
    @pytest.fixture
    def provider(self) -> LocalProvider:
        return Parrot(NoSettings())


class Careless(Parrot):
    """Does not end what it begins."""

    def events(self, request: LLMRequest) -> Iterator[Json]:
        yield from (chunk for chunk in super().events(request) if chunk["choices"])


class Forgetful(Parrot):
    """Does not heed the limit."""

    def events(self, request: LLMRequest) -> Iterator[Json]:
        kept = {key: value for key, value in request.body.items() if key != "max_tokens"}
        yield from super().events(LLMRequest(request.task, request.model, kept))


@pytest.mark.parametrize(
    ("provider", "test"),
    [
        (Careless, "test_a_stream_has_the_form_and_is_the_whole_answer"),
        (Forgetful, "test_an_answer_stops_at_its_limit"),
    ],
)
def test_one_that_does_not_keep_the_contract_fails(
    provider: type[LocalProvider], test: str
) -> None:
    made: Any = provider(NoSettings())
    body = {"messages": [{"role": "user", "content": "Name three colours."}]}
    request = LLMRequest(Task.CHAT, "parrot", body)
    with pytest.raises(AssertionError):
        getattr(LocalProviderContract(), test)(made, request)
