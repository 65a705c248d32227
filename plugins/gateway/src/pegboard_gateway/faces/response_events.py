"""The events of a streamed response, made from OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pegboard.contracts.llm import Json, LLMError

from pegboard_gateway.faces import costs, errors
from pegboard_gateway.faces import response_items as items
from pegboard_gateway.faces.values import new_id
from pegboard_gateway.money import Money


class ResponseWriter:
    """Writes one response. Its items come one after the other, so one is open at most."""

    def __init__(self, made: Json) -> None:
        """``made`` is the skeleton of the response."""
        self._made = made
        self._number = -1
        self._output: list[Json] = []
        self._open: _Open | None = None
        self._reason: str | None = None
        self._last: dict[str, Any] = {}

    def begin(self) -> bytes:
        """Return the events that say that it has begun."""
        made = self._made
        return self._event("response.created", response=made) + self._event(
            "response.in_progress", response=made
        )

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """Return the events of a chunk."""
        for key in ("model", "usage"):
            if chunk.get(key):
                self._last[key] = chunk[key]
        parts = []
        for choice in (chunk.get("choices") or ())[:1]:
            delta = choice.get("delta") or {}
            if thought := delta.get("reasoning_content"):
                parts.append(self._add("reasoning", thought))
            if said := delta.get("content"):
                parts.append(self._add("text", said))
            if refusal := delta.get("refusal"):
                parts.append(self._add("refusal", refusal))
            for call in delta.get("tool_calls") or ():
                parts.append(self._call(call))
            if choice.get("finish_reason"):
                self._reason = choice["finish_reason"]
        return b"".join(parts)

    def end(self, cost: Money | None) -> bytes:
        """Return the last events."""
        closed = self._close()
        items.finish(self._made, self._output, self._reason, self._last)
        if self._made["usage"]:
            self._made["usage"].update(costs.in_usage(cost))
        return closed + self._event(f"response.{self._made['status']}", response=self._made)

    def fail(self, error: LLMError) -> bytes:
        """Return the event of a failure."""
        closed = self._close()
        said = errors.openai(error)["error"]
        self._made["status"], self._made["output"] = "failed", self._output
        code = _CODES.get(error.trouble.status, "server_error")
        self._made["error"] = {"code": code, "message": said["message"]}
        return closed + self._event("response.failed", response=self._made)

    # -- items ---------------------------------------------------------------------------------

    def _add(self, kind: str, said: str) -> bytes:
        begun = b""
        if self._open is None or self._open.kind != kind:
            begun = self._begin(kind)
        assert self._open is not None
        self._open.said.append(said)
        name = _EVENTS[kind]
        return begun + self._part_event(f"response.{name}.delta", delta=said)

    def _begin(self, kind: str) -> bytes:
        reasons = kind == "reasoning"
        # The text and the refusal of one message are two parts of it.
        closed = self._close()
        item: Json
        if reasons:
            item = items.reasoning_item(new_id("rs_"), "")
            part: Json = {"type": "summary_text", "text": ""}
        else:
            item = items.message_item(new_id("msg_"), [], "in_progress")
            part = items.text_part("") if kind == "text" else {"type": "refusal", "refusal": ""}
        self._open = _Open(kind, item)
        place = "reasoning_summary_part" if reasons else "content_part"
        return (
            closed
            + self._event("response.output_item.added", output_index=self._index, item=item)
            + self._part_event(f"response.{place}.added", part=part)
        )

    def _call(self, call: Json) -> bytes:
        kind = f"call/{call.get('index', 0)}"
        begun = b""
        if self._open is None or self._open.kind != kind:
            begun = self._close()
            named = {**call, "function": {**(call.get("function") or {}), "arguments": ""}}
            item = items.call_item(new_id("fc_"), named, "in_progress")
            self._open = _Open(kind, item)
            begun += self._event("response.output_item.added", output_index=self._index, item=item)
        arguments = (call.get("function") or {}).get("arguments")
        if not arguments:
            return begun
        self._open.said.append(arguments)
        return begun + self._event(
            "response.function_call_arguments.delta",
            item_id=self._open.item["id"],
            output_index=self._index,
            delta=arguments,
        )

    def _close(self) -> bytes:
        """Return the events that end the open item."""
        opened = self._open
        if opened is None:
            return b""
        said, item = "".join(opened.said), opened.item
        if opened.kind.startswith("call/"):
            item["arguments"] = said
            done = self._event(
                "response.function_call_arguments.done",
                item_id=item["id"],
                output_index=self._index,
                name=item["name"],
                arguments=said,
            )
        else:
            done = self._close_part(opened, said)
        if "status" in item:
            item["status"] = "completed"
        done += self._event("response.output_item.done", output_index=self._index, item=item)
        self._output.append(item)
        self._open = None
        return done

    def _close_part(self, opened: _Open, said: str) -> bytes:
        item, kind = opened.item, opened.kind
        part: Json
        if kind == "reasoning":
            part, place = {"type": "summary_text", "text": said}, "reasoning_summary_part"
            item["summary"] = [part]
        elif kind == "text":
            part, place = items.text_part(said), "content_part"
            item["content"] = [part]
        else:
            part, place = {"type": "refusal", "refusal": said}, "content_part"
            item["content"] = [part]
        more: Json = {"refusal": said} if kind == "refusal" else {"text": said}
        return self._part_event(f"response.{_EVENTS[kind]}.done", **more) + self._part_event(
            f"response.{place}.done", part=part
        )

    # -- events --------------------------------------------------------------------------------

    @property
    def _index(self) -> int:
        return len(self._output)

    def _part_event(self, kind: str, **fields: Any) -> bytes:
        assert self._open is not None
        place = "summary_index" if self._open.kind == "reasoning" else "content_index"
        if kind.startswith("response.output_text."):
            fields["logprobs"] = []
        item = self._open.item["id"]
        return self._event(kind, item_id=item, output_index=self._index, **{place: 0}, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        data = orjson.dumps({"type": kind, "sequence_number": self._number, **fields})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


_CODES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
"""What OpenAI's answers call errors, by status; it has no word for most of ours."""
_EVENTS = {
    "text": "output_text",
    "refusal": "refusal",
    "reasoning": "reasoning_summary_text",
}


class _Open:
    """The item that is being written."""

    __slots__ = ("item", "kind", "said")

    def __init__(self, kind: str, item: Json) -> None:
        self.kind, self.item = kind, item
        self.said: list[str] = []
