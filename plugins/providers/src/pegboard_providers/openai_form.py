"""Servers that speak as OpenAI does: requests go as they are, answers come almost as they should.

What such servers do differently is put right here: usage that is missing or adds up otherwise, ids
and roles that are left out, reasons for the end of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pegboard.contracts.llm import EventReader, Json, LLMRequest, Task
from pegboard_llm import estimate, shapes
from pegboard_llm.vendors import HttpProvider, Stream

PATHS: Mapping[Task, str] = {
    Task.CHAT: "/chat/completions",
    Task.COMPLETION: "/completions",
    Task.EMBEDDING: "/embeddings",
}

KNOWN_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_REASONS = {
    "max_tokens": "length",
    "model_length": "length",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "refusal": "content_filter",
}


def reason(said: Any) -> str:
    """Return OpenAI's word for the end of an answer; whatever is not known is ``stop``."""
    if said in KNOWN_REASONS:
        return str(said)
    return _REASONS.get(str(said).lower(), "stop")


class OpenAIForm(HttpProvider):
    """A server with OpenAI's API below ``base``."""

    base: str
    renames: ClassVar[Mapping[str, str]] = {}
    """Fields that the server calls otherwise."""
    asks_usage: ClassVar[bool] = True
    """Whether a stream tells its usage only if it is asked to."""
    packs_vectors: ClassVar[bool] = False
    """Whether the server knows ``encoding_format``."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._headers: dict[str, str] = {}

    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""
        return self.base + PATHS[request.task]

    def headers(self) -> Mapping[str, str]:
        """Return the headers that hold credentials."""
        return self._headers

    def body(self, request: LLMRequest) -> Json:
        """Return the request, with the model's name."""
        fields = self.takes_of(request.model).get(request.task, frozenset())
        body = {key: value for key, value in request.body.items() if key in fields}
        for key in self.renames:
            if key in body:
                body[self.renames[key]] = body.pop(key)
        body["model"] = request.model
        if request.task is Task.EMBEDDING:
            if not self.packs_vectors:
                body.pop("encoding_format", None)
        elif request.stream:
            body["stream"] = True
            if self.asks_usage:
                body["stream_options"] = {"include_usage": True}
        return body

    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return an answer with what it lacks."""
        if request.task is Task.EMBEDDING:
            return self.read_embeddings(request, value)
        for i, choice in enumerate(value["choices"]):
            choice["index"] = i
            for key in [key for key in choice if choice[key] is None]:
                del choice[key]
            choice.setdefault("logprobs", None)
            choice["finish_reason"] = reason(choice.get("finish_reason"))
            if request.task is Task.CHAT:
                message = choice["message"] = self.message(choice["message"])
                if choice["finish_reason"] == "tool_calls" and "tool_calls" not in message:
                    choice["finish_reason"] = "stop"
            elif not isinstance(choice["text"], str):
                raise TypeError
        if not value["choices"]:
            raise ValueError
        chat = request.task is Task.CHAT
        value["id"] = text_or(value.get("id"), "") or shapes.new_id("chatcmpl" if chat else "cmpl")
        value["object"] = "chat.completion" if chat else "text_completion"
        value["created"] = created_of(value)
        value["model"] = text_or(value.get("model"), request.model)
        value["usage"] = usage_of(value.get("usage")) or estimate.usage(
            request, estimate.answer_text(value)
        )
        return value

    def message(self, said: Json) -> Json:
        """Return a message with OpenAI's fields, of OpenAI's kinds."""
        flatten(said)
        content = said.get("content")
        if content is not None and not isinstance(content, str):
            raise TypeError
        said["role"], said["content"] = "assistant", content
        said.pop("prefix", None)
        said.setdefault("refusal", None)
        self.move_reasoning(said)
        calls = said.get("tool_calls")
        if not calls:
            said.pop("tool_calls", None)
            if content is None and not said.get("refusal") and not said.get("audio"):
                said["content"] = None if said.get("function_call") else ""
        else:
            said["tool_calls"] = [_whole_call(call) for call in calls]
            said["content"] = content or None
        return said

    def move_reasoning(self, said: Json) -> None:
        """Put what a model thinks where DeepSeek puts it, wherever the server does."""
        if "reasoning" in said:
            text = said.pop("reasoning")
            said.setdefault("reasoning_content", text)
        if "reasoning_content" in said and not isinstance(said["reasoning_content"], str):
            del said["reasoning_content"]

    def read_embeddings(self, request: LLMRequest, value: Json) -> Json:
        """Return vectors in the order of the texts."""
        items = sorted(value["data"], key=lambda item: item["index"])
        vectors = [item["embedding"] for item in items]
        usage = usage_of(value.get("usage")) or estimate.usage(request)
        wanted = request.body.get("encoding_format")
        if self.packs_vectors and wanted == "base64" and all(isinstance(v, str) for v in vectors):
            wanted = None  # They came packed.
        elif not all(isinstance(vector, list) for vector in vectors) or not vectors:
            raise TypeError
        model = text_or(value.get("model"), request.model)
        return shapes.embeddings(model, vectors, usage, wanted)

    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""
        return OpenAIStream(self, request)


class OpenAIStream(Stream):
    """OpenAI's chunks, which are passed on with what they lack."""

    provider: OpenAIForm

    def __init__(self, provider: OpenAIForm, request: LLMRequest) -> None:
        super().__init__(provider, request)
        self._chat = request.task is Task.CHAT
        self._head: Json = {}
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._calls: dict[int, list[str]] = {}
        self._expected = int(request.body.get("n") or 1)

    def on(self, name: str, event: Json) -> Iterable[Json]:
        """Return the chunk."""
        if "choices" not in event or event.get("error"):
            if name == "error" or "error" in event or "message" in event:
                raise self.fail(event)
            raise KeyError("choices")
        usage = event.pop("usage", None)
        if usage:
            self.usage = usage_of(usage)
        choices = event["choices"]
        if not choices:
            return ()
        head = self._head
        if head and len(choices) == 1 and self._is_plain(choices[0]):
            event.update(head)
            return (event,)
        if not head:
            head = self._head = {
                "id": text_or(event.get("id"), "") or shapes.new_id(),
                "object": "chat.completion.chunk" if self._chat else "text_completion",
                "created": created_of(event),
                "model": text_or(event.get("model"), self.request.model),
            }
        kept = [choice for choice in choices if self._choice(choice)]
        if not kept:
            return ()
        event.update(head)
        event["choices"] = kept
        return (event,)

    def _is_plain(self, choice: Json) -> bool:
        """Whether a choice has nothing but more text, as almost all have; then it is noted."""
        delta = choice.get("delta")
        if (
            delta is None
            or len(delta) != 1
            or choice.get("finish_reason", "") is not None
            or choice.get("index") not in self._begun
            or choice["index"] in self._ended
        ):
            return False
        content = delta.get("content")
        if type(content) is not str:
            return False
        self.said.append(content)
        return True

    def _choice(self, choice: Json) -> bool:
        """Put a choice right; False if there is nothing new in it."""
        index = choice.get("index")
        if type(index) is not int:
            index = choice["index"] = 0
        ended = choice.get("finish_reason")
        if index in self._ended:
            return False
        if self._chat:
            delta = choice["delta"]
            if index not in self._begun:
                self._begun.add(index)
                delta["role"] = "assistant"
            self._delta(delta, index)
        else:
            text = choice["text"]
            if not isinstance(text, str):
                raise TypeError
            self._begun.add(index)
            self.said.append(text)
        if ended is None:
            choice["finish_reason"] = None
            return True
        choice["finish_reason"] = reason(ended)
        if choice["finish_reason"] == "tool_calls" and not self._calls.get(index):
            choice["finish_reason"] = "stop"
        self._ended.add(index)
        self.complete = len(self._ended) >= self._expected and self._ended == self._begun
        return True

    def _delta(self, delta: Json, index: int) -> None:
        flatten(delta)
        content = delta.get("content")
        if content:
            if type(content) is not str:
                raise TypeError
            self.said.append(content)
        elif content is not None and type(content) is not str:
            raise TypeError
        if len(delta) > 1 or "content" not in delta:
            if "reasoning" in delta or "reasoning_content" in delta:
                self.provider.move_reasoning(delta)
                self.said.append(delta.get("reasoning_content") or "")
            if "tool_calls" in delta:
                self._tool_calls(delta, index)

    def _tool_calls(self, delta: Json, index: int) -> None:
        """Number calls and give those that begin what a call begins with."""
        calls = delta["tool_calls"]
        if not calls:
            del delta["tool_calls"]
            return
        known = self._calls.setdefault(index, [])
        for call in calls:
            function = call["function"]
            position = call.get("index")
            if type(position) is not int or position > len(known) or position < 0:
                position = _position(call.get("id"), known)
            call["index"] = position
            if position == len(known):
                call["id"] = text_or(call.get("id"), "") or shapes.new_id("call")
                call["type"] = "function"
                if not isinstance(function["name"], str) or not function["name"]:
                    raise TypeError
                known.append(call["id"])
            if not isinstance(function.get("arguments"), str):
                function["arguments"] = ""
            self.said.append(function["arguments"])

    def done(self) -> Iterable[Json]:
        """Return the ends of choices that the server did not end, though it ended the stream."""
        open_choices = sorted(self._begun - self._ended)
        self.complete = bool(self._begun)
        self._ended |= self._begun
        key, nothing = ("delta", {}) if self._chat else ("text", "")
        return [
            {**self._head, "choices": [{"index": i, key: nothing, "finish_reason": "stop"}]}
            for i in open_choices
        ]

    def last(self, usage: Json) -> Json:
        """Return the last chunk."""
        return {**self._head, "choices": [], "usage": usage}


def _position(id: Any, known: list[str]) -> int:
    """Return the number of a call that the server does not number."""
    if id:
        return known.index(id) if id in known else len(known)
    return max(len(known) - 1, 0)  # More of the last one.


def _whole_call(call: Json) -> Json:
    if call.get("type") == "custom" and isinstance(call["custom"], dict):
        return call
    function = call["function"]
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        arguments = shapes.encoded(arguments).decode()  # As some servers for local models do.
    name = function["name"]
    if not isinstance(name, str) or not name:
        raise TypeError
    made = {**call, "id": text_or(call.get("id"), "") or shapes.new_id("call"), "type": "function"}
    made.pop("index", None)
    made["function"] = {**function, "name": name, "arguments": text_or(arguments, "{}")}
    return made


def flatten(said: Json) -> None:
    """Put the pieces of a content where OpenAI's clients look for text and for thoughts.

    Mistral calls thoughts ``thinking``, Databricks ``reasoning``.
    """
    pieces = said.get("content")
    if not isinstance(pieces, list):
        return
    texts, thoughts = [], []
    for piece in pieces:
        kind = piece["type"]
        if kind == "text":
            texts.append(piece["text"])
        elif kind == "thinking":
            thoughts += [part["text"] for part in piece[kind] if part["type"] == "text"]
        elif kind == "reasoning":
            thoughts += [part["text"] for part in piece.get("summary") or () if "text" in part]
    said["content"] = "".join(texts)
    if thoughts:
        said["reasoning_content"] = "".join(thoughts)


def usage_of(said: Any) -> Json | None:
    """Return a server's usage with counts that agree; None if it has not counted."""
    if not isinstance(said, dict):
        return None
    prompt, completion = _count(said.get("prompt_tokens")), _count(said.get("completion_tokens", 0))
    if prompt is None or completion is None:
        return None
    details = _counts(said.get("completion_tokens_details"))
    reasoning = details.get("reasoning_tokens", 0)
    if reasoning and said.get("total_tokens") == prompt + completion + reasoning:
        completion += reasoning  # xAI does not count them among the others.
    made: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    cached = _counts(said.get("prompt_tokens_details"))
    hits = _count(said.get("prompt_cache_hit_tokens"))
    if "cached_tokens" not in cached and hits is not None:
        cached["cached_tokens"] = hits
    for key, most, counts in (
        ("prompt_tokens_details", prompt, cached),
        ("completion_tokens_details", completion, details),
    ):
        kept = {name: count for name, count in counts.items() if count <= most}
        if kept:
            made[key] = kept
    return made


def _counts(said: Any) -> dict[str, int]:
    if not isinstance(said, dict):
        return {}
    counted = ((key, _count(value)) for key, value in said.items())
    return {key: count for key, count in counted if count is not None}


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def text_or(value: Any, otherwise: str) -> str:
    """Return a value if it is text."""
    return value if isinstance(value, str) else otherwise


def created_of(value: Mapping[str, Any]) -> int:
    """Return when an answer was made: what the server says, else now."""
    created = value.get("created")
    return created if type(created) is int else shapes.now()
