"""Completions by models that only chat: the prompt is what the user says.

Most models are no longer asked to complete texts. MLflow's gateway asks them so, and configurations
written for it expect it; so do tools that only complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from attrs import evolve, frozen
from pegboard.contracts.llm import (
    EventReader,
    HttpCall,
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    LocalProvider,
    Model,
    Renewal,
    Task,
)
from pegboard_llm import checks, shapes

_BOTH = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "max_tokens",
        "n",
        "presence_penalty",
        "seed",
        "stop",
        "temperature",
        "top_k",
        "top_p",
        "user",
    }
)
"""The fields that mean the same in both tasks."""


def by_chat(model: Model) -> Model:
    """Return a model that completes by chatting; one that cannot chat is returned as it is."""
    if isinstance(model, LLMProvider):
        return _Remote(model)
    return _Local(model) if isinstance(model, LocalProvider) else model


def _takes(inner: Mapping[Task, frozenset[str]]) -> Mapping[Task, frozenset[str]]:
    if Task.CHAT not in inner:
        return inner
    return {**inner, Task.COMPLETION: (inner[Task.CHAT] & _BOTH) | {"prompt"}}


def _asked(request: LLMRequest) -> LLMRequest:
    """Return the request to chat that stands for one to complete."""
    body = dict(request.body)
    prompt = body.pop("prompt", "")
    if isinstance(prompt, list) and len(prompt) == 1:
        [prompt] = prompt
    if not isinstance(prompt, str):
        raise checks.unsupported("This model completes one text at a time.", "prompt")
    body["messages"] = [{"role": "user", "content": prompt}]
    return evolve(request, task=Task.CHAT, body=body)


def _completion(answer: Json) -> Json:
    """Return the completion that an answer of a chat is."""
    choices = [
        {
            "index": choice["index"],
            "text": shapes.text_of(choice.get("message") or {}),
            "logprobs": None,
            "finish_reason": choice.get("finish_reason"),
        }
        for choice in answer["choices"]
    ]
    return {**answer, "object": "text_completion", "choices": choices}


def _piece(chunk: Json) -> Json:
    choices = [
        {
            "index": choice["index"],
            "text": (choice.get("delta") or {}).get("content") or "",
            "logprobs": None,
            "finish_reason": choice.get("finish_reason"),
        }
        for choice in chunk.get("choices", ())
    ]
    return {**chunk, "object": "text_completion", "choices": choices}


class _Remote(LLMProvider):
    """A vendor's model."""

    settings: ClassVar[type[Any]] = object
    takes: ClassVar[Mapping[Task, frozenset[str]]] = {}

    def __init__(self, inner: LLMProvider) -> None:
        super().__init__(inner.options)
        self.inner, self.compacts = inner, inner.compacts

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:
        return _takes(self.inner.takes_of(model))

    def output_limit(self, model: str) -> int | None:
        return self.inner.output_limit(model)

    def renewal(self) -> Renewal:
        return self.inner.renewal()

    def renew(self) -> None:
        self.inner.renew()

    def call(self, request: LLMRequest) -> HttpCall:
        return self.inner.call(_asked(request) if _completes(request) else request)

    def answer(self, request: LLMRequest, reply: HttpReply) -> Json:
        if not _completes(request):
            return self.inner.answer(request, reply)
        return _completion(self.inner.answer(_asked(request), reply))

    def events(self, request: LLMRequest) -> EventReader:
        if not _completes(request):
            return self.inner.events(request)
        return _Reader(self.inner.events(_asked(request)))

    def passed(self, path: str, body: bytes) -> HttpCall | None:
        return self.inner.passed(path, body)

    def error(self, reply: HttpReply) -> LLMError:
        return self.inner.error(reply)


class _Local(LocalProvider):
    """A model in this process."""

    settings: ClassVar[type[Any]] = object
    takes: ClassVar[Mapping[Task, frozenset[str]]] = {}

    def __init__(self, inner: LocalProvider) -> None:
        super().__init__(inner.options)
        self.inner = inner

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:
        return _takes(self.inner.takes_of(model))

    def output_limit(self, model: str) -> int | None:
        return self.inner.output_limit(model)

    def answer(self, request: LLMRequest) -> Json:
        if not _completes(request):
            return self.inner.answer(request)
        return _completion(self.inner.answer(_asked(request)))

    def events(self, request: LLMRequest) -> Iterator[Json]:
        if not _completes(request):
            yield from self.inner.events(request)
        else:
            yield from map(_piece, self.inner.events(_asked(request)))

    def close(self) -> None:
        self.inner.close()


@frozen
class _Reader(EventReader):
    inner: EventReader

    def feed(self, data: bytes) -> Sequence[Json]:
        return [_piece(each) for each in self.inner.feed(data)]

    def end(self) -> Sequence[Json]:
        return [_piece(each) for each in self.inner.end()]


def _completes(request: LLMRequest) -> bool:
    return request.task is Task.COMPLETION
