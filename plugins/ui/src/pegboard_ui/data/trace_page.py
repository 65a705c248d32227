"""``traces/overview``, ``traces/span`` and ``traces/find``: what the page of one trace shows.

The overview has all spans as columns of what is drawn; inputs, outputs and attributes are asked for
span by span, as a trace of thousands of spans would take megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from attrs import frozen
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.traces import SOURCE_RUN, TRACE_NAME, Assessment, Span, Trace, TraceInfo
from pegboard.errors import NotFound
from pegboard_stores.prompt_tags import LINKED
from pegboard_stores.traces.figures import SESSION
from pegboard_stores.traces.usage import COST, TOKEN_USAGE
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import spans
from pegboard_ui.data.answers import finite, json_answer, number
from pegboard_ui.data.trace_list import USER, figure_of, took

MOST_SPANS = 20_000
"""How many spans are drawn; if there are more, the first ones, and the page says so."""
MOST_ASSESSMENTS = 500


@frozen
class TraceRequest:
    """Which trace."""

    trace_id: Annotated[str, AtMost(250)]


@frozen
class SpanRequest:
    """Which span of which trace."""

    trace_id: Annotated[str, AtMost(250)]
    span_id: Annotated[str, AtMost(64)]


@frozen
class FindRequest:
    """Which spans of a trace: those that hold a text anywhere, in any case of letters."""

    trace_id: Annotated[str, AtMost(250)]
    q: Annotated[str, AtMost(1000)]
    limit: Annotated[int, Between(1, MOST_SPANS)] = 5_000


def overview(call: Call, wanted: TraceRequest) -> Answer:
    """Return a trace as it is drawn."""
    store = store_of(call)
    trace = store.traces().get(wanted.trace_id)
    began = min((s.start_time_ns for s in trace.spans), default=trace.info.request_time * 1_000_000)
    shown = [spans.sketch(each, began) for each in trace.spans[:MOST_SPANS]]
    return json_answer(
        call,
        {
            "info": _info(store, trace.info, began),
            "run": _run(store, trace.info),
            "prompts": _prompts(trace),
            "assessments": [assessment_json(a) for a in trace.info.assessments[:MOST_ASSESSMENTS]],
            "total": len(trace.spans),
            "ids": [each.span_id for each in shown],
            "parents": [each.parent_id for each in shown],
            "names": [each.name for each in shown],
            "types": [each.type for each in shown],
            "status": [each.status for each in shown],
            "starts": [each.start for each in shown],
            "ends": [each.end for each in shown],
            "firsts": [each.first for each in shown],
            "is_model": [each.is_model for each in shown],
            "models": [each.model for each in shown],
            "tokens": [each.tokens for each in shown],
            "costs": [each.cost for each in shown],
            "notes": [each.note for each in shown],
        },
    )


def _info(store: TrackingStore, info: TraceInfo, began_ns: int) -> dict[str, Any]:
    return {
        "trace_id": info.trace_id,
        "name": info.tags.get(TRACE_NAME),
        "state": str(info.state),
        "experiment_id": info.experiment_id,
        "experiment": store.get_experiment(info.experiment_id).name,
        "time": info.request_time,
        "began": began_ns / 1_000_000,
        "duration": took(info),
        "request": info.request_preview,
        "response": info.response_preview,
        "session": info.trace_metadata.get(SESSION),
        "user": info.trace_metadata.get(USER),
        "tokens": figure_of(info, TOKEN_USAGE, "total_tokens"),
        "cost": figure_of(info, COST, "total_cost"),
        "tags": {key: value for key, value in info.tags.items() if not key.startswith("mlflow.")},
        "metadata": dict(info.trace_metadata),
    }


def _run(store: TrackingStore, info: TraceInfo) -> dict[str, Any] | None:
    run_id = info.trace_metadata.get(SOURCE_RUN)
    if not run_id:
        return None
    try:
        run = store.get_run(run_id).info
    except NotFound:
        return {"run_id": run_id, "name": None, "status": None}
    return {"run_id": run_id, "name": run.run_name, "status": str(run.status)}


def _prompts(trace: Trace) -> list[dict[str, str]]:
    named = spans.named_prompts(trace.info.tags.get(LINKED))
    found = [{"name": name, "version": version} for name, version in dict.fromkeys(named)]
    return found + [each for each in spans.prompts_of(trace.spans) if each not in found]


def assessment_json(item: Assessment) -> dict[str, Any]:
    """Return an assessment as a page shows it; ``value`` is any JSON."""
    value = number(item.value) if isinstance(item.value, float) else item.value
    return {
        "id": item.assessment_id,
        "name": item.name,
        "kind": str(item.kind),
        "value": spans.bounded(value)[0],
        "source_type": item.source_type,
        "source": item.source_id,
        "error": None if item.error is None else item.error.error_message or item.error.error_code,
        "rationale": item.rationale,
        "span_id": item.span_id,
        "time": item.last_update_time_ms,
        "valid": item.valid,
    }


def span(call: Call, wanted: SpanRequest) -> Answer:
    """Return all of one span."""
    found = store_of(call).traces().get(wanted.trace_id)
    for each in found.spans:
        if each.span_id == wanted.span_id:
            return json_answer(call, finite(spans.detail(each)))
    raise NotFound(f"The trace {wanted.trace_id} has no span {wanted.span_id}.")


def find(call: Call, wanted: FindRequest) -> Answer:
    """Return the ids of the spans that hold a text."""
    trace = store_of(call).traces().get(wanted.trace_id)
    ids = [each.span_id for each in trace.spans[:MOST_SPANS] if _holds(each, wanted.q)]
    return json_answer(call, {"total": len(ids), "ids": ids[: wanted.limit]})


def _holds(each: Span, text: str) -> bool:
    part = text.casefold()
    return any(part in found.casefold() for found in _texts(each))


def _texts(each: Span) -> Iterator[str]:
    """Yield all that a span says, as it is shown: texts in JSON without its escapes."""
    yield from (each.name, spans.kind_of(each), each.status_message)
    todo: list[Any] = [dict(each.attributes)]
    todo += ({event.name: dict(event.attributes)} for event in each.events)
    while todo:
        value = spans.plain(todo.pop())
        if isinstance(value, dict):
            yield from value
            todo += value.values()
        elif isinstance(value, list | tuple):
            todo += value
        elif value is not None:
            yield str(value)


_MAYBE_TEXT, _MAYBE = {"type": ["string", "null"]}, {"type": ["object", "null"]}
_TEXTS, _NUMBERS = array(_MAYBE_TEXT), array({"type": ["number", "null"]})
_ANY: dict[str, Any] = {}

ENDPOINTS = [
    typed(
        "GET", "/api/pegboard/1.0/traces/overview", overview, Permission.READ,
        "All that the page of a trace shows at first.", TraceRequest,
        record(
            info={"type": "object"}, run=_MAYBE, total=INT64,
            prompts=array(record(name=TEXT, version=TEXT)), assessments=array({"type": "object"}),
            ids=array(TEXT), parents=_TEXTS, names=array(TEXT), types=array(TEXT),
            status=array(TEXT), starts=_NUMBERS, ends=_NUMBERS, firsts=_NUMBERS,
            is_model=array({"type": "boolean"}), models=_TEXTS, tokens=_NUMBERS, costs=_NUMBERS,
            notes=array(TEXT),
        ),
        tags=("Pages",),
    ),
    typed(
        "GET", "/api/pegboard/1.0/traces/span", span, Permission.READ,
        "Inputs, outputs, attributes and events of one span.", SpanRequest,
        record(
            span_id=TEXT, inputs=_ANY, outputs=_ANY, has=array(TEXT), attributes=mapping(_ANY),
            events=array({"type": "object"}), events_total=INT64, links=array({"type": "object"}),
            status_message=TEXT, kind=TEXT, cut=mapping(INT64),
        ),
        tags=("Pages",),
    ),
    typed(
        "GET", "/api/pegboard/1.0/traces/find", find, Permission.READ,
        "The spans of a trace that hold a text.", FindRequest,
        record(total=INT64, ids=array(TEXT)),
        tags=("Pages",),
    ),
]  # fmt: skip
