"""What rows and traces hold, as texts for people and judges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from pegboard_tracing.api import Span, SpanType, Trace

from pegboard_evaluation.files import plain

_TOOLS = "mlflow.chat.tools"
_MOST = 60_000
"""Characters of a trace that a judge is shown."""


def as_json(value: Any) -> str:
    """Return a value as JSON; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, default=_shown, indent=1)


def _shown(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return str(value)


def answer_of(outputs: Any) -> str | None:
    """Return what an application answered, out of the forms of chats; None if there is nothing."""
    if outputs is None:
        return None
    if isinstance(outputs, str):
        return outputs
    if isinstance(outputs, (list, tuple)) and outputs:
        return answer_of(outputs[0])
    if isinstance(outputs, Mapping):
        said = _said(outputs)
        if said is not None:
            return said
    return as_json(outputs)


def _said(outputs: Mapping[str, Any]) -> str | None:
    choices, messages, parts = (outputs.get(key) for key in ("choices", "messages", "output"))
    if _are(choices, "message"):
        return _content(choices[0]["message"])
    if _are(messages, "content"):
        return _content(messages[-1])
    if _are(parts, "content"):
        return _content(parts[-1])
    return None


def _are(value: Any, key: str) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    is_list = isinstance(value, (list, tuple)) and len(value) > 0
    return is_list and all(isinstance(each, Mapping) and key in each for each in value)


def _content(message: Any) -> str | None:
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, (list, tuple)):
        told = [each.get("text") for each in content if isinstance(each, Mapping)]
        return "\n".join(str(each) for each in told if each)
    return None if content is None else str(content)


def request_of(inputs: Any) -> str:
    """Return what an application was asked, out of the forms of chats."""
    if isinstance(inputs, Mapping):
        if _are(inputs.get("messages"), "content") and len(inputs["messages"]) == 1:
            return _content(inputs["messages"][0]) or ""
        if len(inputs) == 1 and isinstance(only := next(iter(inputs.values())), str):
            return only
    return as_json(inputs)


def in_order(session: Sequence[Trace]) -> list[Trace]:
    """Return traces in the order of time."""

    def began(trace: Trace) -> tuple[int, int]:
        root = trace.data.root
        return trace.info.request_time, 0 if root is None else root.start_time_ns

    return sorted(session, key=began)


def conversation(session: Sequence[Trace], with_tools: bool = False) -> str:
    """Return what was said in the traces of a session, by time; with ``with_tools`` calls, too.

    Chats give a model all that was said before: that is told once.
    """
    said: list[dict[str, Any]] = []
    for trace in in_order(session):
        root = trace.data.root
        if root is None:
            continue
        said += _new(_asked(root.inputs), said)
        for call in tools_called(trace) if with_tools else ():
            said.append({"role": "tool", "content": call})
        answer = answer_of(root.outputs)
        if answer:
            said.append({"role": "assistant", "content": answer})
    return as_json(said)


def _asked(inputs: Any) -> list[dict[str, Any]]:
    messages = inputs.get("messages") if isinstance(inputs, Mapping) else None
    if not _are(messages, "content"):
        return [{"role": "user", "content": request_of(inputs)}]
    return [{"role": str(each.get("role", "user")), "content": _content(each)} for each in messages]


def _new(asked: list[dict[str, Any]], said: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the messages that were not said before."""
    known = [n for n, each in enumerate(asked, 1) if each["role"] == "assistant" and each in said]
    return [
        each
        for each in asked[max(known, default=0) :]
        if each["role"] != "system" or each not in said
    ]


def trace_text(trace: Trace) -> str:
    """Return the steps of a trace as JSON, cut if they are many."""
    steps = [
        {
            "step": span.name,
            "type": span.span_type,
            "id": span.span_id,
            "within": span.parent_id,
            "status": str(span.status.status_code),
            "inputs": span.inputs,
            "outputs": span.outputs,
        }
        for span in trace.data.spans
    ]
    text = json.dumps(steps, default=_shown)
    return text if len(text) <= _MOST else f"{text[:_MOST]} … (cut after {_MOST} characters)"


# -- steps of traces -----------------------------------------------------------------------------


def retrieved(trace: Trace) -> dict[str, list[str]]:
    """Return the documents of each retriever, by span; of one within another only the outer's."""
    spans = {span.span_id: span for span in trace.data.spans}
    found = {}
    for span in trace.search_spans(span_type=SpanType.RETRIEVER):
        if not _is_within_retriever(span, spans):
            given = span.outputs if isinstance(span.outputs, (list, tuple)) else [span.outputs]
            found[span.span_id] = [_document(each) for each in given if each is not None]
    return found


def _is_within_retriever(span: Span, spans: Mapping[str, Span]) -> bool:
    outer = spans.get(span.parent_id or "")
    while outer is not None:
        if outer.span_type == SpanType.RETRIEVER:
            return True
        outer = spans.get(outer.parent_id or "")
    return False


def _document(given: Any) -> str:
    if isinstance(given, Mapping):
        for key in ("page_content", "content", "text"):
            if key in given:
                return str(given[key])
    return as_json(given)


def tools_called(trace: Trace) -> list[dict[str, Any]]:
    """Return the calls of tools of a trace, in order: ``name``, ``arguments``, ``outputs``."""
    return [
        {"name": span.name, "arguments": span.inputs or {}, "outputs": span.outputs}
        for span in trace.search_spans(span_type=SpanType.TOOL)
    ]


def tools_offered(trace: Trace) -> list[Any]:
    """Return the tools that models of a trace might have called, each once."""
    found: dict[str, Any] = {}
    for span in trace.data.spans:
        for each in span.get_attribute(_TOOLS) or ():
            found.setdefault(json.dumps(each, sort_keys=True, default=str), each)
    return list(found.values())
