"""What went into a step and what came out of it, and where the conventions write that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pegboard.entities.traces import SpanEvent

from pegboard_stores.traces.conventions import vendors
from pegboard_stores.traces.conventions.attributes import Attributes, Reader, told

INPUTS: Sequence[Reader] = (
    "input.value",
    vendors.gemini_inputs,
    vendors.claude_inputs,
    *("gen_ai.input.messages", "gen_ai.tool.call.arguments"),
    "traceloop.entity.input",
    re.compile(r"gen_ai\.prompt\.\d+\.content"),
    re.compile(r"gen_ai\.completion\.\d+\.tool_calls\.\d+\.arguments"),
    *("gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args"),
    vendors.vercel_inputs,
    *("agent.messages", "llm.messages", "input"),
    *("lk.user_input", "lk.user_transcript", "lk.chat_ctx", "lk.input_text"),
    "lmnr.span.input",
    "langfuse.observation.input",
)
OUTPUTS: Sequence[Reader] = (
    "output.value",
    vendors.gemini_outputs,
    vendors.claude_outputs,
    *("gen_ai.output.messages", "gen_ai.tool.call.result"),
    "traceloop.entity.output",
    re.compile(r"gen_ai\.completion\.\d+\.content"),
    *("gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_response"),
    vendors.vercel_outputs,
    "output",
    *("lk.response.text", "lk.response.function_calls"),
    "lmnr.span.output",
    "langfuse.observation.output",
)
"""Where inputs and outputs are, OpenInference first."""

_ASKING = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant")}
_ANSWER, _PROMPT, _COMPLETION = (
    "gen_ai.choice",
    "gen_ai.content.prompt",
    "gen_ai.content.completion",
)
_TOOL_OUTPUT = "tool.output"
EVENTS = frozenset({*_ASKING, _ANSWER, _PROMPT, _COMPLETION, _TOOL_OUTPUT})
"""The events that tell inputs or outputs."""


def asked_in(events: Iterable[SpanEvent]) -> Any:
    """Return the prompt, or the messages, that events tell."""
    prompt = _one(events, _PROMPT, "gen_ai.prompt")
    return prompt or [
        {"role": _ASKING[event.name], "content": content}
        for event in events
        if event.name in _ASKING and (content := told(event.attributes.get("content")))
    ]


def answered_in(events: Iterable[SpanEvent], given: Attributes) -> Any:
    """Return the answers that events tell."""
    answers = _one(events, _COMPLETION, "gen_ai.completion") or [
        {"role": told(event.attributes.get("role", "assistant")), "content": content}
        for event in events
        if event.name == _ANSWER and (content := told(event.attributes.get("content")))
    ]
    if answers or vendors.claude_step(given) != "tool":
        return answers
    outputs = (vendors.claude_tool_output(e.attributes) for e in events if e.name == _TOOL_OUTPUT)
    return next(filter(None, outputs), None)


def _one(events: Iterable[SpanEvent], name: str, key: str) -> Any:
    values = (told(event.attributes.get(key)) for event in events if event.name == name)
    return next(filter(None, values), None)


# -- written out one by one --------------------------------------------------------------------

_NUMBERED = re.compile(
    r"(llm\.input_messages|llm\.output_messages|retrieval\.documents)\.(\d{1,4})\.(.+)"
)
_LISTS = {
    "llm.input_messages": "message",
    "llm.output_messages": "message",
    "retrieval.documents": "document",
}
LISTED = tuple(f"{name}.0." for name in _LISTS)


def listed(given: Attributes, name: str) -> list[dict[str, Any]]:
    """Return the messages or documents that OpenInference writes one by one."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in given.items():
        match = _NUMBERED.fullmatch(key)
        if match and match[1] == name:
            part = match[3].removeprefix(f"{_LISTS[name]}.")
            found.setdefault(int(match[2]), {})[part] = told(value)
    return [found[number] for number in sorted(found)]


def documents(given: Attributes) -> list[Mapping[str, Any]]:
    """Return the documents that were found, as MLflow's pages show them."""
    return [
        {
            "page_content": found.get("content", ""),
            "metadata": found.get("metadata", {}),
            **{key: found[key] for key in ("id", "score") if key in found},
        }
        for found in listed(given, "retrieval.documents")
    ]
