"""A provider for the fake upstream, and models in this process, as tests of the path need them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from attrs import field, frozen
from pegboard.contracts.llm import (
    EventReader,
    HttpCall,
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    LocalProvider,
    Task,
    Trouble,
)
from pegboard_gateway.catalog.contract import GatewayEndpoint, Target
from pegboard_llm import errors
from pegboard_llm.sse import Events

FIELDS = frozenset(
    {
        "messages",
        "prompt",
        "input",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "parallel_tool_calls",
        "reasoning_effort",
        "n",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "user",
        "encoding_format",
    }
)
PATHS = {
    Task.CHAT: "chat/completions",
    Task.COMPLETION: "completions",
    Task.EMBEDDING: "embeddings",
}


@frozen
class Settings:
    base_url: str
    api_key: str = field(default="sk-marker-upstream", repr=False)


class Plain(LLMProvider):
    """Speaks OpenAI's API as it is."""

    settings = Settings
    takes: Mapping[Task, frozenset[str]] = dict.fromkeys(PATHS, FIELDS)

    def call(self, request: LLMRequest) -> HttpCall:
        body = {"model": request.model, **request.body}
        if request.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        headers = {
            "authorization": f"Bearer {self.options.api_key}",
            "content-type": "application/json",
        }
        url = f"{self.options.base_url}/{PATHS[request.task]}"
        return HttpCall(url, orjson.dumps(body), headers)

    def passed(self, path: str, body: bytes) -> HttpCall | None:
        headers = {
            "authorization": f"Bearer {self.options.api_key}",
            "content-type": "application/json",
        }
        return HttpCall(f"{self.options.base_url}/{path}", body, headers)

    def answer(self, request: LLMRequest, reply: HttpReply) -> Json:
        try:
            found: Json = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            raise LLMError(Trouble.GARBAGE, "The answer is not JSON.") from None
        return found

    def events(self, request: LLMRequest) -> EventReader:
        return Reader()

    def error(self, reply: HttpReply) -> LLMError:
        return errors.vendor_error("The fake vendor", reply, secrets=(self.options.api_key,))


class Reader(EventReader):
    def __init__(self) -> None:
        self._events, self._done = Events(), False

    def feed(self, data: bytes) -> Sequence[Json]:
        found = []
        for _, text in self._events.feed(data):
            if text == b"[DONE]":
                self._done = True
                continue
            event = orjson.loads(text)
            if "error" in event:
                raise LLMError(Trouble.OVERLOADED, event["error"]["message"])
            found.append(event)
        return found

    def end(self) -> Sequence[Json]:
        if not self._done:
            raise LLMError(Trouble.CUT, "The stream ended early.")
        return ()


class Here(LocalProvider):
    """A model in this process that repeats what it is asked, word by word."""

    settings = Settings
    takes: Mapping[Task, frozenset[str]] = dict.fromkeys(PATHS, FIELDS)

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.closed = threading.Event()
        self.made = 0

    def answer(self, request: LLMRequest) -> Json:
        text = request.body["messages"][-1]["content"]
        choice = {"index": 0, "message": {"role": "assistant", "content": text}}
        return {"object": "chat.completion", "choices": [choice], "usage": _usage(text)}

    def events(self, request: LLMRequest) -> Iterator[Json]:
        text = request.body["messages"][-1]["content"]
        try:
            for word in text.split():
                self.made += 1
                yield {"object": "chat.completion.chunk", "choices": [_delta(word)]}
            yield {"object": "chat.completion.chunk", "choices": [], "usage": _usage(text)}
        finally:
            self.closed.set()


def _delta(word: str) -> Json:
    return {"index": 0, "delta": {"content": word}, "finish_reason": None}


def _usage(text: str) -> Json:
    count = len(text.split())
    return {"prompt_tokens": count, "completion_tokens": count, "total_tokens": 2 * count}


def target(key: str, url: str, model: str = "small", **more: Any) -> Target:
    """Return a target at a fake upstream."""
    return Target(key, "plain", model, Plain(Settings(url)), **more)


def endpoint(name: str, *urls: str, **more: Any) -> GatewayEndpoint:
    """Return an endpoint with targets at fake upstreams, in the order of fallback."""
    targets = tuple(
        target(f"{name}/{number}", url, fallback_order=number) for number, url in enumerate(urls)
    )
    return GatewayEndpoint(name, more.pop("targets", targets), **more)
