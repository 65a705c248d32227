"""Anthropic's Messages API.

Source: platform.claude.com, "Messages", "Streaming messages", "Structured outputs", "Errors".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen, validators
from pegboard.contracts.llm import EventReader, Json, LLMRequest, Task
from pegboard.settings import Secret
from pegboard_llm import claude, shapes
from pegboard_llm.vendors import (
    HttpProvider,
    Stream,
    checked_url,
    fields,
    from_environment,
    key_of,
    variables_of,
)

from pegboard_providers import anthropic_messages as translate
from pegboard_providers.settings import extra_headers, url_field

BASE_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"

_TAKES = fields(
    {
        Task.CHAT: (
            "messages max_completion_tokens max_tokens parallel_tool_calls reasoning_effort"
            " response_format service_tier stop temperature tool_choice tools top_k top_p user"
        )
    }
)
_SAMPLING = frozenset({"temperature", "top_k", "top_p"})
_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


@frozen(kw_only=True)
class AnthropicSettings:
    """An account with Anthropic."""

    api_key: Secret = field(factory=Secret)
    base_url: str = url_field()
    version: str = VERSION
    beta: list[str] = field(factory=list)
    """Features to ask for in the header ``anthropic-beta``."""
    max_tokens: int = field(default=0, validator=validators.ge(0))
    """The limit of an answer if the request has none, as Anthropic needs one; 0: by model."""
    headers: dict[str, Secret] = field(factory=dict)
    """Sent with each request."""


class AnthropicForm(HttpProvider):
    """Anthropic's messages, wherever they are sent and whoever sends them."""

    vendor = "Anthropic"
    takes = _TAKES

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:
        """Return what a model takes: new ones have no sampling, old ones do not think."""
        taken = _TAKES[Task.CHAT]
        version = claude.version_of(model)
        if version >= claude.NO_SAMPLING:
            taken -= _SAMPLING
        if version < claude.THINKS:
            taken -= {"reasoning_effort"}
        return {Task.CHAT: taken}

    def output_limit(self, model: str) -> int:
        """Return the limit of answers that requests do not limit."""
        return self.options.max_tokens or translate.limit_of(model)

    def body(self, request: LLMRequest) -> Json:
        """Return the request in Anthropic's form."""
        return translate.body(request, self.output_limit(request.model))

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return an answer in OpenAI's form."""
        texts, thoughts, calls, blocks = [], [], [], []
        as_text = translate.answers_through_tool(request)
        for block in value["content"]:
            kind = block["type"]
            if kind == "text":
                texts.append(block["text"])
            elif kind == "thinking":
                thoughts.append(block["thinking"])
                blocks.append(block)
            elif kind == "redacted_thinking":
                blocks.append(block)
            elif kind == "tool_use":
                arguments = shapes.encoded(block["input"]).decode()
                if as_text:
                    texts.append(arguments)
                else:
                    calls.append(shapes.tool_call(block["id"] + "", block["name"] + "", arguments))
        content = "".join(texts) or (None if calls else "")
        message = shapes.message(content, tool_calls=calls, reasoning="".join(thoughts))
        if blocks:
            message["thinking_blocks"] = blocks
        ended = _reason(value["stop_reason"], as_text, bool(calls))
        usage = _usage(value["usage"])
        choice = shapes.choice(message, ended)
        return shapes.chat(value["model"] + "", [choice], usage, id=value["id"] + "")

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        return _Stream(self, request)


class Anthropic(AnthropicForm):
    """Claude."""

    settings = AnthropicSettings

    def __init__(self, options: AnthropicSettings) -> None:
        super().__init__(options)
        home = from_environment("ANTHROPIC_BASE_URL") or BASE_URL
        base = checked_url(options.base_url or home, "base_url")
        self._url = base.removesuffix("/v1") + "/v1/messages"
        variables = variables_of(base, home, "ANTHROPIC_API_KEY")
        key = self.keep_secret(key_of(options.api_key, self.vendor, *variables))
        self._headers = {"x-api-key": key, "anthropic-version": options.version}
        if options.beta:
            self._headers["anthropic-beta"] = ",".join(options.beta)
        self._headers |= extra_headers(options.headers)

    def url(self, request: LLMRequest) -> str:  # noqa: ARG002
        """Return where all requests go."""
        return self._url

    def root(self) -> str:
        """Return the address of the API."""
        return self._url.removesuffix("/messages")

    def headers(self) -> Mapping[str, str]:
        """Return the headers that hold credentials."""
        return self._headers


class _Stream(Stream):
    """Events of the Messages API."""

    def __init__(self, provider: HttpProvider, request: LLMRequest) -> None:
        super().__init__(provider, request)
        self._as_text = translate.answers_through_tool(request)
        self._counts: Json = {}
        self._calls: dict[int, int] = {}
        self._empty_calls: dict[int, str] = {}
        self._thinking: dict[int, Json] = {}

    def on(self, name: str, event: Json) -> Iterable[Json]:  # noqa: ARG002
        """Return the chunks that an event stands for."""
        kind = event["type"]
        if kind == "content_block_delta":
            return self._delta(event["index"], event["delta"])
        if kind == "content_block_start":
            return self._start(event["index"], event["content_block"])
        if kind == "content_block_stop":
            return self._stop(event["index"])
        if kind == "message_start":
            message = event["message"]
            self.chunks.name(id=message["id"] + "", model=message["model"] + "")
            self._counts |= message["usage"]
        elif kind == "message_delta":
            self._counts |= {k: v for k, v in (event.get("usage") or {}).items() if v is not None}
            self.usage = _usage(self._counts)
            if (ended := event["delta"].get("stop_reason")) is not None and not self.complete:
                self.complete = True
                return self.chunks.finish(_reason(ended, self._as_text, bool(self._calls)))
        elif kind == "error":
            raise self.fail(event)
        return ()

    def _start(self, index: int, block: Json) -> Iterable[Json]:
        kind = block["type"]
        if kind == "tool_use" and not self._as_text:
            position = self._calls[index] = len(self._calls)
            given = block.get("input")
            self._empty_calls[index] = shapes.encoded(given or {}).decode()
            return [self.chunks.tool_start(position, block["id"] + "", block["name"] + "")]
        if kind == "text" and block["text"]:
            return [self.chunks.text(block["text"] + "")]
        if kind == "thinking":
            self._thinking[index] = {"type": kind, "thinking": [], "signature": ""}
        elif kind == "redacted_thinking":
            return [self.chunks.delta({"thinking_blocks": [block]})]
        return ()

    def _delta(self, index: int, delta: Json) -> Iterable[Json]:
        kind = delta["type"]
        if kind == "text_delta":
            self.said.append(delta["text"])
            return [self.chunks.text(delta["text"] + "")]
        if kind == "input_json_delta":
            text = delta["partial_json"] + ""
            if self._as_text:
                return [self.chunks.text(text)] if text else ()
            if text:
                self._empty_calls.pop(index, None)
                return [self.chunks.tool_more(self._calls[index], text)]
        elif kind == "thinking_delta":
            self._thinking[index]["thinking"].append(delta["thinking"] + "")
            return [self.chunks.reasoning(delta["thinking"])]
        elif kind == "signature_delta":
            self._thinking[index]["signature"] += delta["signature"]
        return ()

    def _stop(self, index: int) -> Iterable[Json]:
        if (arguments := self._empty_calls.pop(index, None)) is not None:
            return [self.chunks.tool_more(self._calls[index], arguments)]
        if (block := self._thinking.pop(index, None)) is not None:
            block["thinking"] = "".join(block["thinking"])
            return [self.chunks.delta({"thinking_blocks": [block]})]
        return ()


def _reason(said: Any, as_text: bool, calls: bool) -> str:
    ended = _REASONS.get(said, "stop")
    if ended == "tool_calls" and (as_text or not calls):
        return "stop"
    return ended


def _usage(said: Mapping[str, Any]) -> Json:
    read = _count(said.get("cache_read_input_tokens"))
    written = _count(said.get("cache_creation_input_tokens"))
    details = said.get("output_tokens_details") or {}
    completion = _count(said["output_tokens"])
    return shapes.usage(
        _count(said["input_tokens"]) + read + written,
        completion,
        cached=read,
        cache_write=written,
        reasoning=min(_count(details.get("thinking_tokens")), completion),
    )


def _count(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise TypeError
    return value
