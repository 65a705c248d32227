"""The routes of Gemini's API: generating content, whole and streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError
from pegboard_llm.shapes import Merger
from pegboard_wire.http import Call, Endpoint

from pegboard_gateway.faces import asking, costs, errors, openai
from pegboard_gateway.faces import gemini_contents as contents
from pegboard_gateway.money import Money

PREFIXES = tuple(
    f"{base}/{version}/models/"
    for base in ("/gemini", "/gateway/gemini")
    # Google's client asks for the first of these, its older versions for the second.
    for version in ("v1", "v1beta")
)


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    found = []
    for prefix in PREFIXES:
        for method, read, summary in (
            ("generateContent", _whole, "Answer a conversation."),
            ("streamGenerateContent", _streamed, "Answer a conversation piece by piece."),
        ):
            handle = asking.handler(read, errors.gemini, "gemini")
            path = f"{prefix}{{endpoint}}:{method}"
            found.append(openai.face(path, handle, summary))
    return found


def _whole(call: Call, body: Json) -> asking.Question:
    name = str(call.parameters["endpoint"])
    return asking.Question(
        name, contents.read(body), lambda found: contents.answer(found, name), _Writer
    )


def _streamed(call: Call, body: Json) -> asking.Question:
    name = str(call.parameters["endpoint"])
    made = {**contents.read(body), "stream": True}
    events = call.parameters.get("alt") == "sse"
    return asking.Question(
        name,
        made,
        lambda found: contents.answer(found, name),
        lambda: _Writer(name, events=events),
        "text/event-stream" if events else "application/json",
    )


class _Writer:
    """Writes a stream as events, or as the items of one JSON list."""

    def __init__(self, model: str = "", *, events: bool = True) -> None:
        self._model, self._events = model, events
        self._count = 0
        self._calls = Merger()
        self._last: Mapping[str, Any] = {}
        self._reasons: dict[int, str] = {}
        self._usage: Mapping[str, Any] | None = None

    def begin(self) -> bytes:
        """Return the beginning of the list."""
        return b"" if self._events else b"["

    def feed(self, event: Mapping[str, Any]) -> bytes:
        """Return what is said; calls of tools are kept until they are whole."""
        self._last = event
        if event.get("usage"):
            self._usage = event["usage"]
        candidates = []
        for choice in event.get("choices") or ():
            index, delta = choice.get("index", 0), choice.get("delta") or {}
            if choice.get("finish_reason"):
                self._reasons[index] = contents.REASONS.get(choice["finish_reason"], "STOP")
            parts = []
            if thought := delta.get("reasoning_content"):
                parts.append({"text": thought, "thought": True})
            if spoken := delta.get("content") or delta.get("refusal"):
                parts.append({"text": spoken})
            if delta.get("tool_calls"):
                self._calls.add({"choices": [{"index": index, "delta": delta}]})
            if parts:
                candidates.append(contents.candidate(parts, index, None))
        if not candidates:
            return b""
        return self._item(contents.response(candidates, event, self._model, None))

    def end(self, cost: Money | None) -> bytes:
        """Return the last item, with the calls of tools, the reasons and the usage."""
        calls = {
            choice["index"]: choice["message"].get("tool_calls") or ()
            for choice in self._calls.answer()["choices"]
        }
        candidates = [
            contents.candidate(
                [contents.call_part(call) for call in calls.get(index, ())],
                index,
                self._reasons.get(index, "STOP"),
            )
            for index in sorted({*calls, *self._reasons}) or [0]
        ]
        last = contents.response(candidates, self._last, self._model, self._usage)
        if self._usage:
            last["usageMetadata"].update(costs.in_usage(cost))
        return self._item(last) + (b"" if self._events else b"]")

    def fail(self, error: LLMError) -> bytes:
        """Return the error as the last item."""
        return self._item(errors.gemini(error)) + (b"" if self._events else b"]")

    def _item(self, value: Mapping[str, Any]) -> bytes:
        self._count += 1
        if self._events:
            return b"data: " + orjson.dumps(value) + b"\r\n\r\n"
        return (b",\n" if self._count > 1 else b"") + orjson.dumps(value)
