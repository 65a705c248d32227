"""Streams of answers: looked at as they pass, and put together when they end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def is_one(result: Any) -> bool:
    """Return whether a call returned a stream."""
    from anthropic import AsyncStream, Stream

    return isinstance(result, (Stream, AsyncStream))


def whole(events: Sequence[Any]) -> Any:
    """Return the message that the events of a stream are parts of."""
    from anthropic.types import Message, Usage

    made: dict[str, Any] = {}
    for event in events:
        if event.type == "message_start":
            made = event.message.model_dump()
        elif event.type == "content_block_start":
            made["content"].append({**event.content_block.model_dump(), "_json": ""})
        elif event.type == "content_block_delta":
            _add(made["content"][event.index], event.delta)
        elif event.type == "message_delta":
            made |= {key: value for key, value in event.delta.model_dump().items() if value}
            counts = event.usage.model_dump()
            made["usage"] |= {name: count for name, count in counts.items() if count is not None}
    if not made:
        return None
    for block in made["content"]:
        given = block.pop("_json")
        if given:
            block["input"] = json.loads(given)
    usage = Usage.model_construct(**made.pop("usage"))
    return Message.model_construct(**made, usage=usage)


def _add(block: dict[str, Any], delta: Any) -> None:
    if delta.type == "input_json_delta":
        block["_json"] += delta.partial_json
    for name in ("text", "thinking", "signature"):
        if hasattr(delta, name):
            block[name] = (block.get(name) or "") + getattr(delta, name)
