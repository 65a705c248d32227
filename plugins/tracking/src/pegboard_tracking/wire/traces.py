"""MLflow's endpoints for traces and their assessments."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from pegboard.contracts.http import Answer, Call, Endpoint, Permission
from pegboard.contracts.traces import DEFAULT_PAGE, TraceStore
from pegboard.entities.traces import Trace, TraceInfo, TraceState
from pegboard.errors import InvalidValue, NotFound

from pegboard_tracking.wire import codec, otlp, trace_codec
from pegboard_tracking.wire.requests import (
    NOTHING,
    optional_integer,
    optional_text,
    page_size,
    page_token,
    store_of,
    text,
    texts,
)
from pegboard_tracking.wire.scalars import get, items, message, need, string
from pegboard_tracking.wire.schemas import EMPTY, page_limit
from pegboard_tracking.wire.shapes import (
    BOOLEAN,
    INT32,
    INT64,
    PAIRS,
    TEXT,
    Schema,
    array,
    choice,
    mapping,
    record,
)

MAX_TRACES = 1000
"""How many traces can be asked for by their ids at once."""

JsonObject = dict[str, Any]


def _store(call: Call) -> TraceStore:
    return store_of(call).traces()


def _id(call: Call) -> str:
    """Return the id of a trace, under its name or the one it had before MLflow 3."""
    fields = call.parameters
    return string(get(fields, "trace_id") or need(fields, "request_id"), "trace_id")


def _ids(call: Call, name: str, *, query: bool = False) -> list[str]:
    ids = texts(call.parameters, name, query=query)
    if len(ids) > MAX_TRACES:
        raise InvalidValue(f"{len(ids)} traces were asked for; {MAX_TRACES} are allowed at once.")
    return ids


def _info(call: Call) -> TraceInfo:
    found = _store(call).infos([_id(call)])
    if not found:
        raise NotFound(f"Trace with ID {_id(call)!r} not found.")
    return found[0]


def trace_json(trace: Trace) -> JsonObject:
    """Return a trace with its spans."""
    spans = [otlp.span_json(span) for span in trace.spans]
    return {"trace_info": trace_codec.info_json(trace.info), "spans": spans}


# -- outlines and spans ----------------------------------------------------------------------------


def _start(call: Call) -> JsonObject:
    trace = message(need(call.parameters, "trace"), "trace")
    info = _store(call).start(trace_codec.read_info(need(trace, "trace_info")))
    return {"trace": {"trace_info": trace_codec.info_json(info)}}


def _get_info(call: Call) -> JsonObject:
    return {"trace": {"trace_info": trace_codec.info_json(_info(call))}}


def _get_trace(call: Call) -> JsonObject:
    return {"trace": trace_json(_store(call).get(_id(call)))}


def _get_traces(call: Call) -> JsonObject:
    found = _store(call).traces(_ids(call, "trace_ids", query=True))
    allowed = _experiments(call, query=True)
    return {"traces": [trace_json(each) for each in found if _within(each.info, allowed)]}


def _get_infos(call: Call) -> JsonObject:
    found, allowed = _store(call).infos(_ids(call, "trace_ids")), _experiments(call)
    return {"trace_infos": [trace_codec.info_json(i) for i in found if _within(i, allowed)]}


def _experiments(call: Call, *, query: bool = False) -> list[str]:
    return texts(call.parameters, "experiment_ids", query=query)


def _within(info: TraceInfo, experiment_ids: Sequence[str]) -> bool:
    return not experiment_ids or info.experiment_id in experiment_ids


def _search(call: Call) -> JsonObject:
    fields = call.parameters
    places = items(get(fields, "locations"), "locations")
    page = _store(call).search(
        [trace_codec.read_location(place) for place in places],
        filter=optional_text(fields, "filter"),
        order_by=texts(fields, "order_by"),
        max_results=page_size(fields, DEFAULT_PAGE),
        page_token=page_token(fields),
    )
    return codec.page_json("traces", [trace_codec.info_json(info) for info in page], page.token)


def _artifact(call: Call) -> JsonObject | Answer:
    """Return the spans as MLflow's pages show them."""
    if get(call.parameters, "path"):
        raise NotFound("The trace has no such attachment.")
    trace = _store(call).get(_id(call))
    spans = [_shown(otlp.span_json(span), span.attributes) for span in trace.spans]
    return {"spans": spans}


def _shown(span: JsonObject, attributes: Mapping[str, Any]) -> JsonObject:
    """Return a span with each attribute as JSON in a text."""
    shown = {key: json.dumps(value, ensure_ascii=False) for key, value in attributes.items()}
    return {**span, "attributes": shown}


# -- changing --------------------------------------------------------------------------------------


def _set_tag(call: Call) -> JsonObject:
    value = optional_text(call.parameters, "value")
    _store(call).set_tag(_id(call), text(call.parameters, "key"), value)
    return NOTHING


def _delete_tag(call: Call) -> JsonObject:
    _store(call).delete_tag(_id(call), text(call.parameters, "key"))
    return NOTHING


def _delete(call: Call) -> JsonObject:
    fields = call.parameters
    ids = _ids(call, "request_ids")
    count = _store(call).delete(
        text(fields, "experiment_id"),
        trace_ids=ids or None,
        max_timestamp=optional_integer(fields, "max_timestamp_millis"),
        max_traces=optional_integer(fields, "max_traces", 32),
    )
    return {"traces_deleted": count}


def _link(call: Call) -> JsonObject:
    _store(call).link_to_run(_ids(call, "trace_ids"), text(call.parameters, "run_id"))
    return NOTHING


# -- the second version of the protocol ------------------------------------------------------------


def _start_old(call: Call) -> JsonObject:
    fields = call.parameters
    info = TraceInfo(
        uuid.uuid4().hex,
        text(fields, "experiment_id"),
        trace_codec.read_ms(fields, "timestamp_ms"),
        TraceState.IN_PROGRESS,
        trace_metadata=dict(codec.read_pairs(get(fields, "request_metadata"), "request_metadata")),
        tags=dict(codec.read_pairs(get(fields, "tags"), "tags")),
    )
    return {"trace_info": trace_codec.old_info_json(_store(call).start(info))}


def _end_old(call: Call) -> JsonObject:
    fields, known = call.parameters, _info(call)
    end = trace_codec.read_ms(fields, "timestamp_ms")
    info = attrs.evolve(
        known,
        state=trace_codec.read_old_state(need(fields, "status")),
        execution_duration=end - known.request_time,
        trace_metadata=dict(codec.read_pairs(get(fields, "request_metadata"), "request_metadata")),
        tags=dict(codec.read_pairs(get(fields, "tags"), "tags")),
        assessments=(),
    )
    return {"trace_info": trace_codec.old_info_json(_store(call).start(info))}


def _get_old_info(call: Call) -> JsonObject:
    return {"trace_info": trace_codec.old_info_json(_info(call))}


def _search_old(call: Call) -> JsonObject:
    fields = call.parameters
    page = _store(call).search(
        _experiments(call, query=True),
        filter=optional_text(fields, "filter"),
        order_by=texts(fields, "order_by", query=True),
        max_results=page_size(fields, DEFAULT_PAGE),
        page_token=page_token(fields),
    )
    found = [trace_codec.old_info_json(info) for info in page]
    return codec.page_json("traces", found, page.token)


# -- assessments -----------------------------------------------------------------------------------


def _assessment_id(call: Call) -> str:
    return text(call.parameters, "assessment_id")


def _create_assessment(call: Call) -> JsonObject:
    given = trace_codec.read_assessment(need(call.parameters, "assessment"), _id(call))
    # The store gives the id.
    made = _store(call).create_assessment(attrs.evolve(given, assessment_id=""))
    return {"assessment": trace_codec.assessment_json(made)}


def _get_assessment(call: Call) -> JsonObject:
    found = _store(call).get_assessment(_id(call), _assessment_id(call))
    return {"assessment": trace_codec.assessment_json(found)}


def _update_assessment(call: Call) -> JsonObject:
    store, trace_id, assessment_id = _store(call), _id(call), _assessment_id(call)
    known = store.get_assessment(trace_id, assessment_id)
    changes = trace_codec.read_changes(
        need(call.parameters, "assessment"), need(call.parameters, "update_mask"), known.kind
    )
    made = store.update_assessment(trace_id, assessment_id, changes)
    return {"assessment": trace_codec.assessment_json(made)}


def _delete_assessment(call: Call) -> JsonObject:
    _store(call).delete_assessment(_id(call), _assessment_id(call))
    return NOTHING


# -- endpoints -------------------------------------------------------------------------------------

_ANY: Schema = {}
_TIME: Schema = {"type": "string", "format": "date-time"}
_ERROR = record(error_code=TEXT, error_message=TEXT, stack_trace=TEXT)
_ASSESSMENT = record(
    assessment_id=TEXT,
    assessment_name=TEXT,
    trace_id=TEXT,
    span_id=TEXT,
    source=record(source_type=choice(*trace_codec.SOURCE_TYPES), source_id=TEXT),
    create_time=_TIME,
    last_update_time=_TIME,
    feedback=record(value=_ANY, error=_ERROR),
    expectation=record(value=_ANY, serialized_value=record(serialization_format=TEXT, value=TEXT)),
    issue=record(issue_name=TEXT),
    rationale=TEXT,
    metadata=mapping(TEXT),
    overrides=TEXT,
    valid=BOOLEAN,
)
_LOCATION = record(
    type=choice("MLFLOW_EXPERIMENT"), mlflow_experiment=record("experiment_id", experiment_id=TEXT)
)
_INFO = record(
    trace_id=TEXT,
    client_request_id=TEXT,
    trace_location=_LOCATION,
    request_preview=TEXT,
    response_preview=TEXT,
    request_time=_TIME,
    execution_duration=TEXT,
    state=choice(*TraceState),
    trace_metadata=mapping(TEXT),
    assessments=array(_ASSESSMENT),
    tags=mapping(TEXT),
)
_TRACE = record(trace_info=_INFO, spans=array({"type": "object"}))
_OLD_STATES = ("TRACE_STATUS_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS")
_OLD_INFO = record(
    request_id=TEXT,
    experiment_id=TEXT,
    timestamp_ms=INT64,
    execution_time_ms=INT64,
    status=choice(*_OLD_STATES),
    request_metadata=PAIRS,
    tags=PAIRS,
)

_OLD, _NEW = "/api/2.0/mlflow/traces", "/api/3.0/mlflow/traces"
_EITHER = ((_OLD + "/{request_id}", "request_id"), (_NEW + "/{trace_id}", "trace_id"))
_ASSESSED = _NEW + "/{trace_id}/assessments"
_TAGS = ("Traces",)
_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_DELETED = record(
    "experiment_id", experiment_id=TEXT, max_timestamp_millis=INT64, max_traces=INT32,
    request_ids=array(TEXT),
)  # fmt: skip
_PAGE = {"filter": TEXT, "max_results": page_limit(), "order_by": array(TEXT), "page_token": TEXT}

ENDPOINTS = [
    Endpoint(
        "POST", _NEW, _start, _WRITE, "Record the outline of a trace.",
        record("trace", trace=_TRACE), record(trace=_TRACE), tags=_TAGS,
    ),
    Endpoint(
        "GET", _NEW + "/get", _get_trace, _READ, "Return a trace with its spans.",
        record("trace_id", trace_id=TEXT, allow_partial=BOOLEAN), record(trace=_TRACE), tags=_TAGS,
    ),
    Endpoint(
        "GET", _NEW + "/batchGet", _get_traces, _READ, "Return traces with their spans.",
        record(trace_ids=array(TEXT), experiment_ids=array(TEXT)), record(traces=array(_TRACE)),
        tags=_TAGS,
    ),
    Endpoint(
        "POST", _NEW + "/batchGetInfos", _get_infos, _READ, "Return outlines of traces.",
        record(trace_ids=array(TEXT), experiment_ids=array(TEXT)),
        record(trace_infos=array(_INFO)), tags=_TAGS,
    ),
    Endpoint(
        "POST", _NEW + "/search", _search, _READ, "Search traces.",
        record(locations=array(_LOCATION), **_PAGE),
        record(traces=array(_INFO), next_page_token=TEXT), tags=_TAGS,
    ),
    Endpoint(
        "GET", _NEW + "/{trace_id}", _get_info, _READ, "Return the outline of a trace.",
        record("trace_id", trace_id=TEXT), record(trace=_TRACE), tags=_TAGS,
    ),
    *(
        Endpoint(
            "PATCH", path + "/tags", _set_tag, _WRITE, "Set a tag of a trace.",
            record(name, "key", **{name: TEXT}, key=TEXT, value=TEXT), EMPTY, tags=_TAGS,
        )
        for path, name in _EITHER
    ),
    *(
        Endpoint(
            "DELETE", path + "/tags", _delete_tag, _WRITE, "Remove a tag of a trace.",
            record(name, "key", **{name: TEXT}, key=TEXT), EMPTY, tags=_TAGS,
        )
        for path, name in _EITHER
    ),
    *(
        Endpoint(
            "POST", path + "/delete-traces", _delete, _DELETE, "Remove traces for good.",
            _DELETED, record(traces_deleted=INT32), tags=_TAGS,
        )
        for path in (_OLD, _NEW)
    ),
    Endpoint(
        "POST", _OLD + "/link-to-run", _link, _WRITE, "Make traces found as those of a run.",
        record("run_id", trace_ids=array(TEXT), run_id=TEXT), EMPTY, tags=_TAGS,
    ),
    *(
        Endpoint(
            "GET", f"/api/{version}/mlflow/get-trace-artifact", _artifact, _READ,
            "Return the spans of a trace.",
            record("request_id", request_id=TEXT, path=TEXT),
            record(spans=array({"type": "object"})), tags=_TAGS,
        )
        for version in ("2.0", "3.0")
    ),
    Endpoint(
        "POST", _OLD, _start_old, _WRITE, "Begin a trace, as clients of before MLflow 3 do.",
        record(
            "experiment_id", "timestamp_ms", experiment_id=TEXT, timestamp_ms=INT64,
            request_metadata=PAIRS, tags=PAIRS,
        ),
        record(trace_info=_OLD_INFO), tags=_TAGS,
    ),
    Endpoint(
        "PATCH", _OLD + "/{request_id}", _end_old, _WRITE,
        "End a trace, as clients of before MLflow 3 do.",
        record(
            "request_id", "timestamp_ms", "status", request_id=TEXT, timestamp_ms=INT64,
            status=choice(*_OLD_STATES), request_metadata=PAIRS, tags=PAIRS,
        ),
        record(trace_info=_OLD_INFO), tags=_TAGS,
    ),
    Endpoint(
        "GET", _OLD + "/{request_id}/info", _get_old_info, _READ,
        "Return the outline of a trace, as clients of before MLflow 3 know it.",
        record("request_id", request_id=TEXT), record(trace_info=_OLD_INFO), tags=_TAGS,
    ),
    Endpoint(
        "GET", _OLD, _search_old, _READ, "Search traces, as clients of before MLflow 3 do.",
        record("experiment_ids", experiment_ids=array(TEXT), **_PAGE),
        record(traces=array(_OLD_INFO), next_page_token=TEXT), tags=_TAGS,
    ),
    Endpoint(
        "POST", _ASSESSED, _create_assessment, _WRITE, "Add an assessment to a trace.",
        record("trace_id", "assessment", trace_id=TEXT, assessment=_ASSESSMENT),
        record(assessment=_ASSESSMENT), tags=_TAGS,
    ),
    Endpoint(
        "GET", _ASSESSED + "/{assessment_id}", _get_assessment, _READ, "Return an assessment.",
        record("trace_id", "assessment_id", trace_id=TEXT, assessment_id=TEXT),
        record(assessment=_ASSESSMENT), tags=_TAGS,
    ),
    Endpoint(
        "PATCH", _ASSESSED + "/{assessment_id}", _update_assessment, _WRITE,
        "Change an assessment.",
        record(
            "trace_id", "assessment_id", "assessment", "update_mask", trace_id=TEXT,
            assessment_id=TEXT, assessment=_ASSESSMENT, update_mask=TEXT,
        ),
        record(assessment=_ASSESSMENT), tags=_TAGS,
    ),
    Endpoint(
        "DELETE", _ASSESSED + "/{assessment_id}", _delete_assessment, _WRITE,
        "Remove an assessment.",
        record("trace_id", "assessment_id", trace_id=TEXT, assessment_id=TEXT), EMPTY, tags=_TAGS,
    ),
]  # fmt: skip
