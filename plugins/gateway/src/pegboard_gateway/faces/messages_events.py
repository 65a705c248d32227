"""Anthropic's events of a streamed message, made from OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError

from pegboard_gateway.faces import costs, errors, messages
from pegboard_gateway.faces.values import new_id
from pegboard_gateway.money import Money


def event(kind: str, **fields: Any) -> bytes:
    """Return one event as it is sent."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


class MessageWriter:
    """Writes one message. Blocks come one after the other, so one is open at most."""

    def __init__(self, model: str, prompt: int = 0) -> None:
        """``prompt`` is how many tokens are sent, as far as that is known before."""
        self._model, self._prompt = model, prompt
        self._begun = False
        self._index = -1
        self._open = ""
        """What the open block is: ``text``, ``thinking`` or ``tool/3``; empty if none is."""
        self._reason = "end_turn"
        self._usage: Mapping[str, Any] | None = None

    def begin(self) -> bytes:
        """Return nothing: the first chunk says what the message is called."""
        return b""

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """Return the events of a chunk."""
        parts = []
        if not self._begun:
            self._begun = True
            parts.append(self._start(chunk))
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        for choice in (chunk.get("choices") or ())[:1]:
            delta = choice.get("delta") or {}
            if thought := delta.get("reasoning_content"):
                piece = {"type": "thinking_delta", "thinking": thought}
                parts.append(self._piece("thinking", piece))
            for block in delta.get("thinking_blocks") or ():
                parts.append(self._thought(block))
            if said := delta.get("content") or delta.get("refusal"):
                parts.append(self._piece("text", {"type": "text_delta", "text": said}))
            for call in delta.get("tool_calls") or ():
                parts.append(self._call(call))
            if reason := choice.get("finish_reason"):
                self._reason = messages.REASONS.get(reason, "end_turn")
        return b"".join(parts)

    def end(self, cost: Money | None) -> bytes:
        """Return the last events."""
        usage = {**messages.usage(self._usage), **costs.in_usage(cost)}
        delta = {"stop_reason": self._reason, "stop_sequence": None}
        start = b"" if self._begun else self._start({})
        last = event("message_delta", delta=delta, usage=usage)
        return start + self._close() + last + event("message_stop")

    def fail(self, error: LLMError) -> bytes:
        """Return the event of an error."""
        said = errors.anthropic(error)["error"]
        return event("error", error=said)

    def _start(self, chunk: Mapping[str, Any]) -> bytes:
        usage = {**messages.usage(None), "input_tokens": self._prompt, "output_tokens": 0}
        message: Json = {
            "id": messages.message_id(chunk.get("id")),
            "type": "message",
            "role": "assistant",
            "model": chunk.get("model") or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return event("message_start", message=message)

    def _piece(self, kind: str, delta: Json) -> bytes:
        begin = b"" if self._open == kind else self._begin(kind, _EMPTY[kind])
        return begin + event("content_block_delta", index=self._index, delta=delta)

    def _thought(self, block: Json) -> bytes:
        """Return what ends a thought: the signature of one that came in pieces, or all of it."""
        if block.get("type") == "thinking" and self._open == "thinking":
            signature = {"type": "signature_delta", "signature": block.get("signature") or ""}
            sent = event("content_block_delta", index=self._index, delta=signature)
            return sent + self._close()
        return self._begin("", block) + self._close(always=True)

    def _call(self, call: Json) -> bytes:
        kind = f"tool/{call.get('index', 0)}"
        function = call.get("function") or {}
        begin = b""
        if self._open != kind:
            given = call.get("id") or new_id("toolu_")
            name = function.get("name") or ""
            begin = self._begin(kind, {"type": "tool_use", "id": given, "name": name, "input": {}})
        arguments = function.get("arguments")
        if not arguments:
            return begin
        delta = {"type": "input_json_delta", "partial_json": arguments}
        return begin + event("content_block_delta", index=self._index, delta=delta)

    def _begin(self, kind: str, block: Json) -> bytes:
        closed = self._close()
        self._index += 1
        self._open = kind
        return closed + event("content_block_start", index=self._index, content_block=block)

    def _close(self, *, always: bool = False) -> bytes:
        if not self._open and not always:
            return b""
        self._open = ""
        return event("content_block_stop", index=self._index)


_EMPTY: Mapping[str, Json] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
