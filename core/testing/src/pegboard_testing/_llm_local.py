"""The contract of providers of models in this process, as tests."""

from __future__ import annotations

import copy
import threading
from typing import Any, ClassVar

import pytest
from attrs import evolve
from pegboard.contracts.llm import LLMRequest, LocalProvider, Task

from pegboard_testing import _llm_exchanges as read
from pegboard_testing._llm_exchanges import BASES, MARKER, Providers
from pegboard_testing._llm_shapes import check_answer, check_chunks


class LocalProviderContract(Providers):
    """What every provider of models in this process does.

    Subclass it, with a name that begins with ``Test``, and give it the fixtures ``provider`` and
    ``model``, and where the provider offers embeddings ``embedding_model``. Loading a model takes
    time: give the fixtures the scope of the class or module.
    """

    deterministic: ClassVar[bool] = True
    """Whether temperature 0 with a seed gives the same words each time."""

    @pytest.fixture
    def embedding_model(self, model: str) -> str:
        """Return the name of a model for embeddings."""
        return model

    @pytest.fixture
    def chat(self, provider: LocalProvider, model: str) -> LLMRequest:
        """Return a request for a short answer."""
        body = {
            "messages": [{"role": "user", "content": "Name three colours."}],
            "max_tokens": 16,
            "temperature": 0,
            "seed": 7,
        }
        taken = provider.takes_of(model)[Task.CHAT]
        return LLMRequest(Task.CHAT, model, {key: body[key] for key in body if key in taken})

    def test_what_is_taken_are_fields_of_tasks(self, provider: LocalProvider, model: str) -> None:
        takes = provider.takes_of(model)
        assert takes
        for task, fields in takes.items():
            assert BASES[task].keys() <= fields
            assert not fields & {"model", "stream", "stream_options"}

    def test_an_answer_has_the_form_and_its_tokens_are_counted(
        self, provider: LocalProvider, chat: LLMRequest
    ) -> None:
        before = copy.deepcopy(chat.body)
        answer = provider.answer(chat)
        assert chat.body == before, "the request was changed"
        check_answer(Task.CHAT, answer)
        assert answer["usage"]["prompt_tokens"] > 0
        assert 0 < answer["usage"]["completion_tokens"] <= 16

    def test_an_answer_stops_at_its_limit(self, provider: LocalProvider, chat: LLMRequest) -> None:
        answer = provider.answer(evolve(chat, body={**chat.body, "max_tokens": 2}))
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] <= 2

    def test_a_stream_has_the_form_and_is_the_whole_answer(
        self, provider: LocalProvider, chat: LLMRequest
    ) -> None:
        chunks = list(provider.events(evolve(chat, stream=True)))
        check_chunks(Task.CHAT, chunks)
        merged = read.merged(chunks)
        check_answer(Task.CHAT, merged)
        if self.deterministic:
            whole = provider.answer(chat)
            assert merged["choices"] == whole["choices"]
            for key in ("prompt_tokens", "completion_tokens"):
                assert merged["usage"][key] == whole["usage"][key]

    def test_words_come_one_after_the_other(
        self, provider: LocalProvider, chat: LLMRequest
    ) -> None:
        chunks = list(provider.events(evolve(chat, stream=True)))
        assert sum(bool(chunk["choices"]) for chunk in chunks) > 2

    def test_a_stream_that_is_closed_stops_the_model(
        self, provider: LocalProvider, chat: LLMRequest
    ) -> None:
        for _ in range(3):
            events: Any = provider.events(evolve(chat, stream=True))
            next(events)
            events.close()
            assert list(events) == []
        check_answer(Task.CHAT, provider.answer(chat))

    def test_a_stream_that_was_never_begun_can_be_closed(
        self, provider: LocalProvider, chat: LLMRequest
    ) -> None:
        events: Any = provider.events(evolve(chat, stream=True))
        events.close()
        check_answer(Task.CHAT, provider.answer(chat))

    def test_threads_may_share_it(self, provider: LocalProvider, chat: LLMRequest) -> None:
        expected = provider.answer(chat)["choices"]
        faults: list[BaseException] = []

        def work(number: int) -> None:
            try:
                if number % 2:
                    found = provider.answer(chat)
                else:
                    found = read.merged(list(provider.events(evolve(chat, stream=True))))
                check_answer(Task.CHAT, found)
                if self.deterministic:
                    assert found["choices"] == expected
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []

    def test_a_text_is_completed(self, provider: LocalProvider, model: str) -> None:
        if Task.COMPLETION not in provider.takes_of(model):
            return
        body = {"prompt": "One, two,", "max_tokens": 4, "temperature": 0}
        request = LLMRequest(Task.COMPLETION, model, body)
        answer = provider.answer(request)
        check_answer(Task.COMPLETION, answer)
        chunks = list(provider.events(evolve(request, stream=True)))
        check_chunks(Task.COMPLETION, chunks)
        if self.deterministic:
            assert read.merged(chunks)["choices"] == answer["choices"]

    def test_texts_become_vectors(self, provider: LocalProvider, embedding_model: str) -> None:
        if Task.EMBEDDING not in provider.takes_of(embedding_model):
            return
        body = {"input": ["a small dog", "a little dog", "the price of oil"]}
        answer = provider.answer(LLMRequest(Task.EMBEDDING, embedding_model, body))
        check_answer(Task.EMBEDDING, answer)
        assert answer["usage"]["prompt_tokens"] > 0
        near, other, far = (item["embedding"] for item in answer["data"])
        assert len(near) == len(other) == len(far)
        assert read.cosine(near, other) > read.cosine(near, far)

    def test_no_words_of_its_own_are_shown(self, provider: LocalProvider) -> None:
        assert MARKER not in repr(provider) + repr(provider.options)
