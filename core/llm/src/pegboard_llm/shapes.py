"""OpenAI's objects: answers, chunks, usage and embeddings, and chunks merged into an answer."""

from __future__ import annotations

import base64
import sys
import time
import uuid
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError, Task, Trouble


def encoded(value: Any) -> bytes:
    """Return JSON; LLMError INVALID for what JSON cannot hold."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise LLMError(Trouble.INVALID, f"The request is not JSON: {error}.") from None


def decoded(body: bytes | bytearray | str, who: str) -> Json:
    """Return the object that JSON is; LLMError GARBAGE, which names ``who`` sent it, if not."""
    try:
        value = orjson.loads(body)
    except ValueError:
        raise LLMError(Trouble.GARBAGE, f"{who} answered with what is not JSON.") from None
    if type(value) is not dict:
        raise LLMError(Trouble.GARBAGE, f"{who} answered with what is not a JSON object.")
    return value


def new_id(prefix: str = "chatcmpl") -> str:
    """Return an identifier for an answer whose vendor gives it none."""
    return f"{prefix}-{uuid.uuid4().hex}"


def now() -> int:
    """Return the time as OpenAI's ``created`` has it: whole seconds since 1970."""
    return int(time.time())


def usage(
    prompt: int,
    completion: int = 0,
    *,
    cached: int = 0,
    cache_write: int = 0,
    reasoning: int = 0,
    estimated: bool = False,
) -> Json:
    """Return a ``usage`` object. All are counts of tokens.

    ``cached`` and ``cache_write`` are parts of ``prompt``, ``reasoning`` of ``completion``.
    ``estimated`` says that the vendor did not count.
    """
    made: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if cached or cache_write:
        details = {"cached_tokens": cached}
        if cache_write:
            details["cache_write_tokens"] = cache_write
        made["prompt_tokens_details"] = details
    if reasoning:
        made["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    if estimated:
        made["estimated"] = True
    return made


def message(
    content: str | None,
    *,
    tool_calls: Sequence[Mapping[str, Any]] = (),
    reasoning: str = "",
    refusal: str | None = None,
) -> Json:
    """Return an assistant's message. ``reasoning`` goes where DeepSeek and vLLM put it."""
    made: Json = {"role": "assistant", "content": content, "refusal": refusal}
    if reasoning:
        made["reasoning_content"] = reasoning
    if tool_calls:
        made["tool_calls"] = list(tool_calls)
    return made


def tool_call(id: str, name: str, arguments: str) -> Json:
    """Return a call of a tool; ``arguments`` is JSON as text."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def choice(
    message: Mapping[str, Any], finish_reason: str, index: int = 0, logprobs: Any = None
) -> Json:
    """Return one choice of a chat answer."""
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": finish_reason,
    }


def chat(
    model: str,
    choices: Sequence[Mapping[str, Any]],
    usage: Mapping[str, Any],
    *,
    id: str = "",
    created: int = 0,
) -> Json:
    """Return a ``chat.completion`` object."""
    return {
        "id": id or new_id(),
        "object": "chat.completion",
        "created": created or now(),
        "model": model,
        "choices": list(choices),
        "usage": usage,
    }


def completion(
    model: str,
    texts: Iterable[tuple[str, str]],
    usage: Mapping[str, Any],
    *,
    id: str = "",
    created: int = 0,
) -> Json:
    """Return a ``text_completion`` object of texts, each with its finish reason."""
    return {
        "id": id or new_id("cmpl"),
        "object": "text_completion",
        "created": created or now(),
        "model": model,
        "choices": [
            {"index": i, "text": text, "logprobs": None, "finish_reason": reason}
            for i, (text, reason) in enumerate(texts)
        ],
        "usage": usage,
    }


def embeddings(
    model: str,
    vectors: Iterable[Sequence[float]],
    usage: Mapping[str, Any],
    encoding_format: str | None = "float",
) -> Json:
    """Return a ``list`` of embeddings, in the form that ``encoding_format`` of a request names."""
    return {
        "object": "list",
        "model": model,
        "data": [
            {
                "object": "embedding",
                "index": i,
                "embedding": packed(vector) if encoding_format == "base64" else vector,
            }
            for i, vector in enumerate(vectors)
        ],
        "usage": {
            "prompt_tokens": usage["prompt_tokens"],
            "total_tokens": usage["prompt_tokens"],
            **({"estimated": True} if usage.get("estimated") else {}),
        },
    }


def packed(vector: Sequence[float]) -> str:
    """Return a vector in base64: float32, the lowest byte first."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


class Chunks:
    """Makes the chunks of one streamed answer: they share id, time and model."""

    __slots__ = ("_head", "_key", "_started")

    def __init__(
        self, model: str, *, task: Task = Task.CHAT, id: str = "", created: int = 0
    ) -> None:
        chat = task is Task.CHAT
        self._head = {
            "id": id or new_id("chatcmpl" if chat else "cmpl"),
            "object": "chat.completion.chunk" if chat else "text_completion",
            "created": created or now(),
            "model": model,
        }
        self._key = "delta" if chat else "text"
        self._started: set[int] = set()

    def name(self, *, id: str = "", model: str = "") -> None:
        """Take the vendor's own id and name of the model, once it has said them."""
        self._head["id"] = id or self._head["id"]
        self._head["model"] = model or self._head["model"]

    def delta(self, delta: Json, index: int = 0, logprobs: Any = None) -> Json:
        """Return a chunk with what is new; the first of a choice says whose words they are."""
        if index not in self._started:
            self._started.add(index)
            delta = {"role": "assistant", "content": "", **delta}
        return self._chunk(delta, index, None, logprobs)

    def text(self, text: str, index: int = 0, logprobs: Any = None) -> Json:
        """Return a chunk with more text."""
        if self._key == "text":
            return self._chunk(text, index, None, logprobs)
        return self.delta({"content": text}, index, logprobs)

    def reasoning(self, text: str, index: int = 0) -> Json:
        """Return a chunk with more of what the model thinks."""
        return self.delta({"reasoning_content": text}, index)

    def tool_start(self, position: int, id: str, name: str, arguments: str = "") -> Json:
        """Return a chunk in which the call of a tool begins."""
        call = {"index": position, **tool_call(id, name, arguments)}
        return self.delta({"tool_calls": [call]})

    def tool_more(self, position: int, arguments: str) -> Json:
        """Return a chunk with more of a call's arguments."""
        return self.delta(
            {"tool_calls": [{"index": position, "function": {"arguments": arguments}}]}
        )

    def finish(self, reason: str, index: int = 0) -> list[Json]:
        """Return the chunk that ends a choice, after one that begins it if there was none."""
        if self._key == "text":
            return [self._chunk("", index, reason, None)]
        begin = [] if index in self._started else [self.delta({}, index)]
        return [*begin, self._chunk({}, index, reason, None)]

    def usage(self, usage: Mapping[str, Any]) -> Json:
        """Return the last chunk, which has no choices."""
        return {**self._head, "choices": [], "usage": usage}

    def _chunk(self, delta: Any, index: int, reason: str | None, logprobs: Any) -> Json:
        choice = {"index": index, self._key: delta, "logprobs": logprobs, "finish_reason": reason}
        return {**self._head, "choices": [choice]}


class Merger:
    """Puts chunks together into the answer that would have come without streaming."""

    def __init__(self) -> None:
        self._head: Json = {}
        self._choices: dict[int, Json] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Take the next chunk."""
        for key, value in chunk.items():
            if key not in ("choices", "object", "obfuscation") and (
                value is not None or key not in self._head
            ):
                self._head[key] = value
        self._head.setdefault("object", chunk.get("object", "").removesuffix(".chunk"))
        for new in chunk.get("choices") or ():
            index = new.get("index", 0)
            made = self._choices.setdefault(
                index, {"index": index, "logprobs": None, "finish_reason": None}
            )
            if new.get("finish_reason") is not None:
                made["finish_reason"] = new["finish_reason"]
            if new.get("logprobs"):
                made["logprobs"] = _joined(made["logprobs"] or {}, new["logprobs"])
            for key, value in new.items():
                if key not in _OWN and value:
                    made[key] = value
            if "delta" in new:
                _extend(made.setdefault("message", {"role": "assistant"}), new["delta"])
            else:
                made.setdefault("text", []).append(new.get("text") or "")

    def answer(self) -> Json:
        """Return the answer of all chunks so far."""
        choices = []
        for index in sorted(self._choices):
            made = dict(self._choices[index])
            if "message" in made:
                made["message"] = _message_of(made["message"])
            if "text" in made:
                made["text"] = "".join(made["text"])
            choices.append(made)
        return {**self._head, "choices": choices}


_OWN = frozenset({"index", "delta", "text", "finish_reason", "logprobs"})
"""What a choice of a chunk has; servers add more, of which the last counts."""

_PARTS = ("content", "reasoning_content", "refusal", "reasoning")
"""The texts of a message that come piece by piece."""


def _extend(message: Json, delta: Mapping[str, Any]) -> None:
    for key, value in delta.items():
        if value is None:
            continue
        if key in _PARTS and isinstance(value, str):
            message.setdefault(key, []).append(value)
        elif key == "tool_calls":
            calls = message.setdefault("tool_calls", {})
            for part in value:
                _extend_call(calls.setdefault(part.get("index", 0), {}), part)
        elif key in ("audio", "function_call"):
            _extend_call(message.setdefault(key, {}), value)
        elif isinstance(value, list):
            message.setdefault(key, []).extend(value)
        else:
            message[key] = value


def _extend_call(call: Json, part: Mapping[str, Any]) -> None:
    for key, value in part.items():
        if value is None or key == "index":
            continue
        if isinstance(value, dict):
            _extend_call(call.setdefault(key, {}), value)
        elif key in ("arguments", "input", "data", "transcript"):
            call.setdefault(key, []).append(value)
        elif value or key not in call:
            call[key] = value


def _joined(old: Json, new: Mapping[str, Any]) -> Json:
    """Return log probabilities with those that came after them: lists are joined."""
    made = dict(old)
    for key, value in new.items():
        both = isinstance(value, list) and isinstance(made.get(key), list)
        made[key] = made[key] + value if both else value if value is not None else made.get(key)
    return made


def _message_of(parts: Json) -> Json:
    made: Json = {
        key: "".join(value) if key in _PARTS and isinstance(value, list) else value
        for key, value in parts.items()
    }
    if "tool_calls" in made:
        calls = made["tool_calls"]
        made["tool_calls"] = [_whole(calls[position]) for position in sorted(calls)]
    for key in ("audio", "function_call"):
        if key in made:
            made[key] = _whole(made[key])
    if not made.get("content"):
        # Where nothing but tools is called, a whole answer has no content either.
        made["content"] = None if "tool_calls" in made or "function_call" in made else ""
    made.setdefault("refusal", None)
    return made


def _whole(call: Mapping[str, Any]) -> Json:
    made: Json = {}
    for key, value in call.items():
        if isinstance(value, list):
            made[key] = "".join(value)
        elif isinstance(value, dict):
            made[key] = _whole(value)
        else:
            made[key] = value
    return made


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whose content may be a text, parts, or nothing."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or () if isinstance(part, Mapping))
