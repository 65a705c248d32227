"""Streams of answers: looked at as they pass, and put together when they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard_models.autologging import Integration
from pegboard_tracing import calls

from pegboard_openai import answers

_FINAL = ("response.completed", "response.incomplete", "response.failed")


def tap(
    integration: Integration, span: calls.CallSpan, given: Mapping[str, Any], result: Any
) -> bool:
    """Look at a stream from now on, if the result is one; return whether it is."""
    from openai import AsyncStream, Stream

    if not isinstance(result, (Stream, AsyncStream)):
        return False

    def end(chunks: list[Any]) -> None:
        answers.end(span, given, whole(chunks))

    sink = calls.Collected(span, integration.guard, end)
    calls.tap(result, sink)
    return True


def whole(chunks: Sequence[Any]) -> Any:
    """Return the answer that the chunks of a stream are parts of."""
    if not chunks:
        return None
    if getattr(chunks[-1], "type", None) in _FINAL:
        return chunks[-1].response
    kinds = {getattr(chunk, "object", None) for chunk in chunks}
    if "text_completion" in kinds:
        texts = (chunk.choices[0].text or "" for chunk in chunks if chunk.choices)
        return "".join(texts)
    if "chat.completion.chunk" in kinds:
        return _completion([chunk for chunk in chunks if hasattr(chunk, "choices")])
    done = [c.item for c in chunks if getattr(c, "type", None) == "response.output_item.done"]
    return {"output": done} if done else list(chunks)


def _completion(chunks: Sequence[Any]) -> Any:
    from openai.types.chat import ChatCompletion

    parts: dict[int, list[Any]] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            parts.setdefault(choice.index, []).append(choice)
    last = chunks[-1]
    return ChatCompletion.model_validate(
        {
            "id": last.id,
            "choices": [_choice(index, parts[index]) for index in sorted(parts) or ()]
            or [_choice(0, [])],
            "created": last.created,
            "model": last.model,
            "object": "chat.completion",
            "system_fingerprint": last.system_fingerprint,
            "usage": next((c.usage.model_dump() for c in reversed(chunks) if c.usage), None),
        }
    )


def _choice(index: int, parts: Sequence[Any]) -> dict[str, Any]:
    reasons = [part.finish_reason for part in parts if part.finish_reason]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(_text(part.delta.content) for part in parts),
    }
    tools = _tool_calls([part for each in parts for part in each.delta.tool_calls or ()])
    if tools:
        message["tool_calls"] = tools
    return {
        "index": index,
        "message": message,
        "finish_reason": reasons[-1] if reasons else "stop",
        "logprobs": None,
    }


def _text(content: Any) -> str:
    """Return the text of a piece; some compatible servers send lists of parts."""
    if not isinstance(content, list):
        return content or ""
    return "".join(part.get("text", "") for part in content if isinstance(part, dict))


def _tool_calls(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """Return calls of tools, whose arguments come in pieces."""
    found: dict[int, dict[str, Any]] = {}
    for part in parts:
        call = found.setdefault(
            part.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = part.id or call["id"]
        if part.function is not None:
            call["function"]["name"] += part.function.name or ""
            call["function"]["arguments"] += part.function.arguments or ""
    return [found[index] for index in sorted(found)]
