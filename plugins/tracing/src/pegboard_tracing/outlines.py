"""Outlines of traces, as they are written when the first span ends or has been open for long."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from pegboard.entities.traces import SpanStatusCode
from pegboard_stores.traces.records import NOTE, TRACE

from pegboard_tracing import keys
from pegboard_tracing.live import OpenTrace, quoted
from pegboard_tracing.values import encode

_PREVIEW = 1000
_METADATA = 250
"""How many characters of the first input and the last output are shown in metadata."""
_MOST_KEY, _MOST_TAG = 250, 4096
_HINTS = ('"messages"', '"choices"', '"input"', '"output"', '"request"')


class First(Protocol):
    """The span that a trace begins with, as far as an outline tells of it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def start_time_ns(self) -> int:
        """When it began."""

    @property
    def end_time_ns(self) -> int | None:
        """When it ended."""

    @property
    def code(self) -> SpanStatusCode:
        """How it ended."""

    @property
    def texts(self) -> Mapping[str, str]:
        """Its attributes, each as JSON."""


def line(trace: OpenTrace, root: First) -> str:
    """Return the outline of a trace as a line of ``pegboard_stores.traces.records``."""
    texts = root.texts
    request, response = texts.get(keys.INPUTS), texts.get(keys.OUTPUTS)
    start, end = root.start_time_ns, root.end_time_ns
    metadata = trace.destination.metadata_text
    # Of names that come twice, the last one counts.
    if trace.metadata:
        metadata += f",{encode(_bounded(trace.metadata))[1:-1]}"
    duration: int | str = "null"
    if end is not None:
        duration = (end - start) // 1_000_000
        metadata += f',"{keys.TRACE_INPUTS}":{_shown(request)}'
        metadata += f',"{keys.TRACE_OUTPUTS}":{_shown(response)}'
    tags = f'"{keys.TRACE_NAME}":{quoted(_as_text(root.name))}'
    if trace.tags:
        tags = f"{encode(_bounded(trace.tags))[1:-1]},{tags}"
    asked = trace.request_preview or _preview(request, "user")
    answered = trace.response_preview or _preview(response, "assistant")
    return (
        f'["{TRACE}",{trace.experiment},"{trace.trace_id}",{start // 1_000_000},{duration},'
        f'"{_state(trace, root)}",{encode(trace.client_request_id)},{encode(asked)},'
        f"{encode(answered)},{{{metadata}}},{{{tags}}}]"
    )


def note(trace: OpenTrace) -> str:
    """Return what is said here of a trace that another process began, as a line of records."""
    tags, metadata = encode(_bounded(trace.tags)), encode(_bounded(trace.metadata))
    return f'["{NOTE}",{trace.experiment},"{trace.trace_id}",{tags},{metadata}]'


def _shown(text: str | None) -> str:
    return encode(_cut(text, _METADATA)) if text else '""'


def _state(trace: OpenTrace, root: First) -> str:
    if root.end_time_ns is None:
        return "IN_PROGRESS"
    if trace.state is not None:
        return trace.state
    return "ERROR" if root.code is SpanStatusCode.ERROR else "OK"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _bounded(texts: Mapping[str, Any]) -> dict[str, str]:
    """Return tags or metadata as a store takes them."""
    return {str(key)[:_MOST_KEY]: _as_text(value) for key, value in texts.items() if str(key)}


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _MOST_TAG else f"{text[: _MOST_TAG - 3]}..."


# -- previews --------------------------------------------------------------------------------------


def _preview(text: str | None, role: str) -> str | None:
    """Return the beginning of an input or output; of a conversation, what was said last."""
    if text is None:
        return None
    if text.startswith("{") and any(hint in text for hint in _HINTS):
        text = _said(json.loads(text), role) or text
    return _cut(text, _PREVIEW)


def _said(value: Any, role: str) -> str | None:
    messages = _messages(value)
    if not messages:
        return None
    by_role = (each for each in reversed(messages) if each.get("role") == role)
    content = next(by_role, messages[-1]).get("content")
    if isinstance(content, str):
        return content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            return part
        if isinstance(part, dict) and part.get("type") in ("text", "output_text"):
            return str(part.get("text"))
    return None


def _messages(value: Any) -> list[dict[str, Any]]:
    """Return the messages in a request to a language model, or in its answer."""
    if not isinstance(value, dict):
        return []
    for name in ("messages", "choices", "input", "output"):
        found = value.get(name)
        if isinstance(found, list) and found:
            if name == "choices":
                found = [each.get("message") for each in found[:1] if isinstance(each, dict)]
                if not _are_messages(found):
                    continue
            return [each for each in found if _are_messages([each])]
    return _messages(value.get("request"))


def _are_messages(values: list[Any]) -> bool:
    return all(isinstance(each, dict) and "role" in each and "content" in each for each in values)
