"""MLflow's endpoints for traces in the second version of its protocol, of before MLflow 3."""

from __future__ import annotations

import uuid
from typing import Any

import attrs
from pegboard.contracts.traces import DEFAULT_PAGE
from pegboard.entities.traces import TraceInfo, TraceState
from pegboard_wire.http import Call, Endpoint, Permission
from pegboard_wire.pages import page_json
from pegboard_wire.pairs import read_pairs
from pegboard_wire.requests import optional_text, page_size, page_token, text, texts
from pegboard_wire.scalars import get, need
from pegboard_wire.shapes import INT64, PAIRS, TEXT, array, choice, record

from pegboard_tracking.wire import trace_codec
from pegboard_tracking.wire.trace_requests import experiments, outline, traces_of
from pegboard_tracking.wire.trace_schemas import OLD, OLD_INFO, OLD_STATES, PAGE, TAGS

JsonObject = dict[str, Any]


def _start_old(call: Call) -> JsonObject:
    fields = call.parameters
    info = TraceInfo(
        uuid.uuid4().hex,
        text(fields, "experiment_id"),
        trace_codec.read_ms(fields, "timestamp_ms"),
        TraceState.IN_PROGRESS,
        trace_metadata=dict(read_pairs(get(fields, "request_metadata"), "request_metadata")),
        tags=dict(read_pairs(get(fields, "tags"), "tags")),
    )
    return {"trace_info": trace_codec.old_info_json(traces_of(call).start(info))}


def _end_old(call: Call) -> JsonObject:
    fields, known = call.parameters, outline(call)
    end = trace_codec.read_ms(fields, "timestamp_ms")
    info = attrs.evolve(
        known,
        state=trace_codec.read_old_state(need(fields, "status")),
        execution_duration=end - known.request_time,
        trace_metadata=dict(read_pairs(get(fields, "request_metadata"), "request_metadata")),
        tags=dict(read_pairs(get(fields, "tags"), "tags")),
        assessments=(),
    )
    return {"trace_info": trace_codec.old_info_json(traces_of(call).start(info))}


def _get_old_info(call: Call) -> JsonObject:
    return {"trace_info": trace_codec.old_info_json(outline(call))}


def _search_old(call: Call) -> JsonObject:
    fields = call.parameters
    page = traces_of(call).search(
        experiments(call, query=True),
        filter=optional_text(fields, "filter"),
        order_by=texts(fields, "order_by", query=True),
        max_results=page_size(fields, DEFAULT_PAGE),
        page_token=page_token(fields),
    )
    found = [trace_codec.old_info_json(info) for info in page]
    return page_json("traces", found, page.token)


_READ, _WRITE = Permission.READ, Permission.WRITE

ENDPOINTS = [
    Endpoint(
        "POST", OLD, _start_old, _WRITE, "Begin a trace, as clients of before MLflow 3 do.",
        record(
            "experiment_id", "timestamp_ms", experiment_id=TEXT, timestamp_ms=INT64,
            request_metadata=PAIRS, tags=PAIRS,
        ),
        record(trace_info=OLD_INFO), tags=TAGS,
    ),
    Endpoint(
        "PATCH", OLD + "/{request_id}", _end_old, _WRITE,
        "End a trace, as clients of before MLflow 3 do.",
        record(
            "request_id", "timestamp_ms", "status", request_id=TEXT, timestamp_ms=INT64,
            status=choice(*OLD_STATES), request_metadata=PAIRS, tags=PAIRS,
        ),
        record(trace_info=OLD_INFO), tags=TAGS,
    ),
    Endpoint(
        "GET", OLD + "/{request_id}/info", _get_old_info, _READ,
        "Return the outline of a trace, as clients of before MLflow 3 know it.",
        record("request_id", request_id=TEXT), record(trace_info=OLD_INFO), tags=TAGS,
    ),
    Endpoint(
        "GET", OLD, _search_old, _READ, "Search traces, as clients of before MLflow 3 do.",
        record("experiment_ids", experiment_ids=array(TEXT), **PAGE),
        record(traces=array(OLD_INFO), next_page_token=TEXT), tags=TAGS,
    ),
]  # fmt: skip
