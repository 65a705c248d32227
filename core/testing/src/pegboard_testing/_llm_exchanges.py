"""What the suites of language models ask, and how they read what comes back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from pegboard.contracts.llm import (
    HttpCall,
    HttpReply,
    Json,
    LLMProvider,
    LLMRequest,
    Model,
    Task,
)

MARKER = "marker-key-7f3a9c51e2"
"""The key to make a provider with: the suite looks for it in all that may be shown."""

_IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)
_TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
_SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "place",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}

BASES: Mapping[Task, Json] = {
    Task.CHAT: {"messages": [{"role": "user", "content": "Hello"}]},
    Task.COMPLETION: {"prompt": "Hello"},
    Task.EMBEDDING: {"input": ["Hello", "world"]},
}
"""The smallest request of each task."""

SAMPLES: Mapping[str, Json] = {
    "audio": {"audio": {"voice": "alloy", "format": "wav"}, "modalities": ["text", "audio"]},
    "best_of": {"best_of": 2},
    "dimensions": {"dimensions": 256},
    "echo": {"echo": True},
    "encoding_format": {"encoding_format": "base64"},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "function_call": {"function_call": "auto", "functions": [_TOOL["function"]]},
    "functions": {"functions": [_TOOL["function"]]},
    "input": {"input": "other"},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "logprobs": {"logprobs": True},
    "max_completion_tokens": {"max_completion_tokens": 77},
    "max_tokens": {"max_tokens": 77},
    "messages": {"messages": [{"role": "user", "content": "Other"}]},
    "metadata": {"metadata": {"a": "b"}},
    "modalities": {"modalities": ["text"]},
    "n": {"n": 2},
    "parallel_tool_calls": {"parallel_tool_calls": False, "tools": [_TOOL]},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "presence_penalty": {"presence_penalty": 0.5},
    "prompt": {"prompt": "other"},
    "prompt_cache_key": {"prompt_cache_key": "k"},
    "prompt_cache_retention": {"prompt_cache_retention": "24h"},
    "reasoning_effort": {"reasoning_effort": "low"},
    "response_format": {"response_format": _SCHEMA},
    "safety_identifier": {"safety_identifier": "s"},
    "seed": {"seed": 7},
    "service_tier": {"service_tier": "auto"},
    "stop": {"stop": ["END"]},
    "store": {"store": True},
    "suffix": {"suffix": "end"},
    "temperature": {"temperature": 0.3},
    "tool_choice": {"tool_choice": "required", "tools": [_TOOL]},
    "tools": {"tools": [_TOOL]},
    "top_k": {"top_k": 7},
    "top_logprobs": {"top_logprobs": 2, "logprobs": True},
    "top_p": {"top_p": 0.4},
    "user": {"user": "u-1"},
    "verbosity": {"verbosity": "low"},
    "web_search_options": {"web_search_options": {"search_context_size": "low"}},
}
"""For each field of OpenAI's, what a request says to use it."""

COMPLETION_SAMPLES: Mapping[str, Json] = {"logprobs": {"logprobs": 2}}


@frozen
class Exchange:
    """A documented exchange with a vendor: ``NAME.request.json`` and the files beside it."""

    place: Path
    name: str

    @property
    def request(self) -> LLMRequest:
        """What a client asks, in OpenAI's form: ``task``, ``model``, ``body``."""
        said = self.json("request")
        return LLMRequest(Task(said["task"]), said["model"], said["body"])

    def file(self, kind: str) -> Path:
        """Return the path of one of its files."""
        return self.place / f"{self.name}.{kind}"

    def json(self, kind: str) -> Any:
        """Return what one of its JSON files holds."""
        return json.loads(self.file(f"{kind}.json").read_text(encoding="utf-8"))

    def bytes(self, kind: str) -> bytes:
        """Return what one of its files holds."""
        return self.file(kind).read_bytes()


def exchanges(place: Path, kind: str) -> list[Exchange]:
    """Return the exchanges of a folder that have a file of a kind."""
    files = sorted(place.glob(f"*.{kind}"))
    return [Exchange(place, file.name.removesuffix(f".{kind}")) for file in files]


def reply(body: bytes) -> HttpReply:
    """Return an answer of status 200."""
    return HttpReply(200, {"content-type": "application/json"}, body)


def chunks(
    provider: LLMProvider, request: LLMRequest, pieces: Iterable[bytes]
) -> list[Mapping[str, Any]]:
    """Return all chunks of a stream that comes in pieces."""
    reader = provider.events(request)
    found: list[Mapping[str, Any]] = []
    for piece in pieces:
        found.extend(reader.feed(piece))
    found.extend(reader.end())
    return found


def merged(chunks: Iterable[Mapping[str, Any]]) -> Json:
    """Return the whole answer that chunks make."""
    from pegboard_llm.shapes import Merger

    merger = Merger()
    for chunk in chunks:
        merger.add(chunk)
    return merger.answer()


def plain(chunks: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return chunks without what each stream has of its own."""
    ids: dict[str, str] = {}
    made: list[Any] = []
    for chunk in chunks:
        made.append({key: chunk[key] for key in chunk if key not in ("id", "created")})
        made[-1]["choices"] = copy.deepcopy(chunk["choices"])
        for choice in made[-1]["choices"]:
            for call in (choice.get("delta") or {}).get("tool_calls") or ():
                if call.get("id"):
                    call["id"] = ids.setdefault(call["id"], f"call {len(ids)}")
    return made


def words(chunks: Sequence[Mapping[str, Any]]) -> Any:
    """Return what all choices said, and how they ended."""
    return merged(plain(chunks))["choices"]


def seen(call: HttpCall) -> tuple[str, bytes, tuple[tuple[str, str], ...]]:
    """Return all that a vendor sees of a call."""
    return call.url, call.body, tuple(sorted(call.headers.items()))


def damaged(value: Any) -> Iterator[Any]:
    """Yield copies of JSON, each with one part missing or of another kind."""
    kinds: tuple[Any, ...] = (None, "", 7, [], {}, [None], "x")
    for harm in kinds:
        if value != harm:
            yield harm
    if isinstance(value, dict):
        for key in value:
            yield {name: part for name, part in value.items() if name != key}
            for part in damaged(value[key]):
                yield {**value, key: part}
    if isinstance(value, list):
        for i, each in enumerate(value[:2]):
            for part in damaged(each):
                yield [*value[:i], part, *value[i + 1 :]]


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Return how near two vectors are."""

    def dot(x: Sequence[float], y: Sequence[float]) -> float:
        return sum(p * q for p, q in zip(x, y, strict=True))

    return dot(a, b) / float((dot(a, a) * dot(b, b)) ** 0.5)


class Providers:
    """What both kinds of providers are asked for."""

    @pytest.fixture
    def provider(self) -> Model:
        """Return the provider. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'provider'.")

    @pytest.fixture
    def model(self) -> str:
        """Return the name of a model that takes all that the provider takes."""
        return "model"
