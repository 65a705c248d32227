"""What a picture of a span tells: its sort, model, tokens and cost, and when it first answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from pegboard.entities.traces import Span, SpanStatusCode
from pegboard_stores.prompt_tags import LINKED
from pegboard_stores.traces.usage import told_by

INPUTS, OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
MOST_NOTE = 80
"""How many characters stand beside the bar of a span."""
MOST_VALUE = 200_000
"""How many characters of one value of a span are sent; the rest is marked as cut."""
MOST_EVENTS = 500

_MODELS = frozenset({"LLM", "CHAT_MODEL", "EMBEDDING", "RERANKER"})
_LISTING = frozenset({"RETRIEVER", "RERANKER", "TOOL"})
_FIRST = ("gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk")
"""Attributes that hold the time to the first token in seconds."""
_FIRST_EVENTS = ("mlflow.chunk.item.0", "first_token", "first token", "gen_ai.first_token")
_NS_OF_S, _NS_OF_MS = 1_000_000_000, 1_000_000


@frozen
class Sketch:
    """What of a span is drawn: times in ms from the start of its trace, None where not known."""

    span_id: str
    parent_id: str | None
    name: str
    type: str
    status: str
    start: float
    end: float | None
    first: float | None
    is_model: bool
    model: str | None
    tokens: int | None
    cost: float | None
    note: str


def sketch(span: Span, began_ns: int) -> Sketch:
    """Return what of a span is drawn in a trace that began then."""
    told = told_by(span)
    sort = kind_of(span)
    usage: Mapping[str, float] = told.usage if told else {}
    first = first_token_ns(span)
    return Sketch(
        span.span_id,
        span.parent_id,
        span.name,
        sort,
        str(span.status),
        (span.start_time_ns - began_ns) / _NS_OF_MS,
        None if span.end_time_ns is None else (span.end_time_ns - began_ns) / _NS_OF_MS,
        None if first is None else (first - began_ns) / _NS_OF_MS,
        sort in _MODELS or (told is not None and told.model is not None and sort == "UNKNOWN"),
        told.model if told else None,
        int(tokens) if (tokens := usage.get("total_tokens")) is not None else None,
        told.costs.get("total_cost") if told else None,
        _note(span, sort, usage),
    )


def kind_of(span: Span) -> str:
    """Return the sort of a step as MLflow names it; OpenTelemetry's operations count too."""
    found = plain(span.span_type)
    if isinstance(found, str) and found not in ("", "UNKNOWN"):
        return found
    operation = span.attributes.get("gen_ai.operation.name")
    return {"chat": "CHAT_MODEL", "text_completion": "LLM", "generate_content": "LLM",
            "embeddings": "EMBEDDING", "execute_tool": "TOOL", "invoke_agent": "AGENT",
            }.get(str(operation), "UNKNOWN")  # fmt: skip


def first_token_ns(span: Span) -> int | None:
    """Return when a model began to answer, ns since the Unix epoch; None if that is unknown."""
    for key in _FIRST:
        value = span.attributes.get(key)
        if isinstance(value, int | float) and 0 <= value < 1e9:
            return span.start_time_ns + int(value * _NS_OF_S)
    return next((each.timestamp for each in span.events if each.name in _FIRST_EVENTS), None)


def _note(span: Span, sort: str, usage: Mapping[str, float]) -> str:
    if span.status is SpanStatusCode.ERROR:
        return _short(failure(span))
    if "total_tokens" in usage:
        return f"{int(usage['total_tokens']):,} tok"
    if sort in _LISTING:
        made = plain(span.attributes.get(OUTPUTS))
        rows = made.get("rows") if isinstance(made, dict) else made
        if isinstance(rows, list):
            word = "row" if sort == "TOOL" else "document"
            return f"{len(rows):,} {word}{'' if len(rows) == 1 else 's'}"
    return ""


def failure(span: Span) -> str:
    """Return what a span that failed says of it."""
    return span.status_message or _exception(span) or "failed"


def _exception(span: Span) -> str:
    for event in span.events:
        if event.name == "exception":
            return str(event.attributes.get("exception.message", ""))
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_NOTE else f"{line[: MOST_NOTE - 1]}…"


def plain(value: Any) -> Any:
    """Return a value, read from JSON where it is a text that holds some."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def bounded(value: Any, most: int = MOST_VALUE) -> tuple[Any, int]:
    """Return a value, and how many characters its JSON has if it is too long to be sent whole.

    The beginning of a long one is sent, as a text.
    """
    if isinstance(value, str):
        return (value, 0) if len(value) <= most else (value[:most], len(value))
    text = json.dumps(value, ensure_ascii=False)
    return (value, 0) if len(text) <= most else (text[:most], len(text))


def detail(span: Span) -> dict[str, Any]:
    """Return all of a span, long values cut; ``cut`` tells their whole lengths by name."""
    cut: dict[str, int] = {}

    def fitting(name: str, value: Any) -> Any:
        shown, length = bounded(value)
        if length:
            cut[name] = length
        return shown

    others = {k: v for k, v in span.attributes.items() if k not in (INPUTS, OUTPUTS)}
    return {
        "span_id": span.span_id,
        "inputs": fitting("inputs", plain(span.attributes.get(INPUTS))),
        "outputs": fitting("outputs", plain(span.attributes.get(OUTPUTS))),
        "has": [
            n for n, key in (("inputs", INPUTS), ("outputs", OUTPUTS)) if key in span.attributes
        ],
        "attributes": {key: fitting(f"attributes.{key}", plain(v)) for key, v in others.items()},
        "events": [
            {
                "name": event.name,
                "at": (event.timestamp - span.start_time_ns) / _NS_OF_MS,
                "attributes": fitting(f"events.{i}", dict(event.attributes)),
            }
            for i, event in enumerate(span.events[:MOST_EVENTS])
        ],
        "events_total": len(span.events),
        "links": [{"trace_id": e.trace_id, "span_id": e.span_id} for e in span.links],
        "status_message": span.status_message,
        "kind": span.kind,
        "cut": cut,
    }


def prompts_of(spans: Sequence[Span]) -> list[dict[str, str]]:
    """Return the versions of prompts that spans name, each once."""
    found: dict[tuple[str, str], None] = {}
    for span in spans:
        if LINKED in span.attributes:
            found |= dict.fromkeys(named_prompts(span.attributes[LINKED]))
    return [{"name": name, "version": version} for name, version in found]


def named_prompts(value: Any) -> list[tuple[str, str]]:
    """Return names and versions from MLflow's list of linked prompts."""
    given = plain(value)
    if not isinstance(given, list):
        return []
    return [
        (str(each["name"]), str(each["version"]))
        for each in given
        if isinstance(each, dict) and "name" in each and "version" in each
    ]
