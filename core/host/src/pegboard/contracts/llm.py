"""The contract of LLM providers: one vendor or local model behind the gateway."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen


@frozen
class ChatMessage:
    """One message of a conversation; ``role`` is system, user, assistant or tool."""

    role: str
    content: str


@frozen
class ChatRequest:
    """What is asked of a model. ``options`` are further fields, in OpenAI's names."""

    model: str
    messages: Sequence[ChatMessage]
    options: Mapping[str, Any] = field(factory=dict)


@frozen
class TokenUsage:
    """What an answer cost, in tokens."""

    input_tokens: int
    output_tokens: int


@frozen
class ChatAnswer:
    """A model's answer; ``finish_reason`` is stop, length, tool_calls or content_filter."""

    content: str
    finish_reason: str
    usage: TokenUsage


class LLMProvider(ABC):
    """A source of model answers. Opened with its own section of the configuration."""

    @abstractmethod
    def chat(self, request: ChatRequest) -> ChatAnswer:
        """Answer a conversation."""

    @abstractmethod
    def stream(self, request: ChatRequest) -> Iterator[str]:
        """Answer a conversation, text piece by text piece."""

    @abstractmethod
    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text."""
