"""MLflow's endpoints for traces, in the third version of its protocol and in both."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pegboard.contracts.traces import DEFAULT_PAGE
from pegboard.entities.traces import Trace
from pegboard.errors import InvalidValue
from pegboard_stores.traces.outline import ARTIFACT_LOCATION
from pegboard_wire import places
from pegboard_wire.http import Answer, Call, Endpoint, Permission
from pegboard_wire.pages import page_json
from pegboard_wire.requests import (
    NOTHING,
    optional_integer,
    optional_text,
    page_size,
    page_token,
    text,
    texts,
)
from pegboard_wire.scalars import get, items, message, need
from pegboard_wire.schemas import EMPTY
from pegboard_wire.sending import send
from pegboard_wire.shapes import BOOLEAN, INT32, INT64, TEXT, array, record

from pegboard_tracking.wire import otlp, trace_codec
from pegboard_tracking.wire.trace_requests import (
    experiments,
    is_within,
    outline,
    trace_id,
    trace_ids,
    traces_of,
)
from pegboard_tracking.wire.trace_schemas import (
    INFO,
    LOCATION,
    NEW,
    OLD,
    PAGE,
    TAGS,
    TRACE,
)

JsonObject = dict[str, Any]

_ATTACHMENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def trace_json(trace: Trace) -> JsonObject:
    """Return a trace with its spans."""
    spans = [otlp.span_json(span) for span in trace.spans]
    return {"trace_info": trace_codec.info_json(trace.info), "spans": spans}


# -- outlines and spans ----------------------------------------------------------------------------


def _start(call: Call) -> JsonObject:
    trace = message(need(call.parameters, "trace"), "trace")
    info = traces_of(call).start(trace_codec.read_info(need(trace, "trace_info")))
    return {"trace": {"trace_info": trace_codec.info_json(info)}}


def _get_info(call: Call) -> JsonObject:
    return {"trace": {"trace_info": trace_codec.info_json(outline(call))}}


def _get_trace(call: Call) -> JsonObject:
    return {"trace": trace_json(traces_of(call).get(trace_id(call)))}


def _get_traces(call: Call) -> JsonObject:
    found = traces_of(call).traces(trace_ids(call, "trace_ids", query=True))
    allowed = experiments(call, query=True)
    return {"traces": [trace_json(each) for each in found if is_within(each.info, allowed)]}


def _get_infos(call: Call) -> JsonObject:
    found, allowed = traces_of(call).infos(trace_ids(call, "trace_ids")), experiments(call)
    return {"trace_infos": [trace_codec.info_json(i) for i in found if is_within(i, allowed)]}


def _search(call: Call) -> JsonObject:
    fields = call.parameters
    places = items(get(fields, "locations"), "locations")
    page = traces_of(call).search(
        [trace_codec.read_location(place) for place in places],
        filter=optional_text(fields, "filter"),
        order_by=texts(fields, "order_by"),
        max_results=page_size(fields, DEFAULT_PAGE),
        page_token=page_token(fields),
    )
    return page_json("traces", [trace_codec.info_json(info) for info in page], page.token)


def _artifact(call: Call) -> Answer:
    """Return the spans as MLflow's pages show them, or a file that a span refers to."""
    if get(call.parameters, "path"):
        return _attachment(call, text(call.parameters, "path"))
    trace = traces_of(call).get(trace_id(call))
    spans = [_shown(otlp.span_json(span), span.attributes) for span in trace.spans]
    # A browser saves it under this name, which MLflow's servers give it too.
    saved = {"content-disposition": 'attachment; filename="traces.json"'}
    return Answer(json.dumps({"spans": spans}, allow_nan=False).encode(), headers=saved)


def _attachment(call: Call, name: str) -> Answer:
    location = outline(call).tags.get(ARTIFACT_LOCATION, "")
    if _ATTACHMENT.fullmatch(name) is None:
        raise InvalidValue(f"{name[:60]!r} is not the id of an attachment.")
    place = places.place_of(call, location)
    return send(call.headers, place.store, place.path(f"attachments/{name}"))


def _shown(span: JsonObject, attributes: Mapping[str, Any]) -> JsonObject:
    """Return a span with each attribute as JSON in a text."""
    shown = {key: json.dumps(value, ensure_ascii=False) for key, value in attributes.items()}
    return {**span, "attributes": shown}


# -- changing --------------------------------------------------------------------------------------


def _set_tag(call: Call) -> JsonObject:
    key, value = text(call.parameters, "key"), optional_text(call.parameters, "value")
    traces_of(call).set_tag(trace_id(call), key, value)
    return NOTHING


def _delete_tag(call: Call) -> JsonObject:
    traces_of(call).delete_tag(trace_id(call), text(call.parameters, "key"))
    return NOTHING


def _delete(call: Call) -> JsonObject:
    fields = call.parameters
    count = traces_of(call).delete(
        text(fields, "experiment_id"),
        max_timestamp=optional_integer(fields, "max_timestamp_millis"),
        max_traces=optional_integer(fields, "max_traces", 32),
        trace_ids=trace_ids(call, "request_ids") or None,
    )
    return {"traces_deleted": count}


def _link(call: Call) -> JsonObject:
    traces_of(call).link_to_run(trace_ids(call, "trace_ids"), text(call.parameters, "run_id"))
    return NOTHING


def _link_prompts(call: Call) -> JsonObject:
    linked = trace_id(call)
    given = items(need(call.parameters, "prompt_versions"), "prompt_versions")
    found = [message(each, f"prompt_versions[{i}]") for i, each in enumerate(given)]
    prompts = [(text(each, "name"), text(each, "version")) for each in found]
    traces_of(call).link_prompts(linked, prompts)
    return NOTHING


# -- endpoints -----------------------------------------------------------------------------------

_EITHER = ((OLD + "/{request_id}", "request_id"), (NEW + "/{trace_id}", "trace_id"))
_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_DELETED = record(
    "experiment_id", experiment_id=TEXT, max_timestamp_millis=INT64, max_traces=INT32,
    request_ids=array(TEXT),
)  # fmt: skip

ENDPOINTS = [
    Endpoint(
        "POST", NEW, _start, _WRITE, "Record the outline of a trace.",
        record("trace", trace=TRACE), record(trace=TRACE), tags=TAGS,
    ),
    Endpoint(
        "GET", NEW + "/get", _get_trace, _READ, "Return a trace with its spans.",
        record("trace_id", trace_id=TEXT, allow_partial=BOOLEAN), record(trace=TRACE), tags=TAGS,
    ),
    Endpoint(
        "GET", NEW + "/batchGet", _get_traces, _READ, "Return traces with their spans.",
        record(trace_ids=array(TEXT), experiment_ids=array(TEXT)), record(traces=array(TRACE)),
        tags=TAGS,
    ),
    Endpoint(
        "POST", NEW + "/batchGetInfos", _get_infos, _READ, "Return outlines of traces.",
        record(trace_ids=array(TEXT), experiment_ids=array(TEXT)),
        record(trace_infos=array(INFO)), tags=TAGS,
    ),
    Endpoint(
        "POST", NEW + "/search", _search, _READ, "Search traces.",
        record(locations=array(LOCATION), **PAGE),
        record(traces=array(INFO), next_page_token=TEXT), tags=TAGS,
    ),
    Endpoint(
        "GET", NEW + "/{trace_id}", _get_info, _READ, "Return the outline of a trace.",
        record("trace_id", trace_id=TEXT), record(trace=TRACE), tags=TAGS,
    ),
    *(
        Endpoint(
            "PATCH", path + "/tags", _set_tag, _WRITE, "Set a tag of a trace.",
            record(name, "key", **{name: TEXT}, key=TEXT, value=TEXT), EMPTY, tags=TAGS,
        )
        for path, name in _EITHER
    ),
    *(
        Endpoint(
            "DELETE", path + "/tags", _delete_tag, _WRITE, "Remove a tag of a trace.",
            record(name, "key", **{name: TEXT}, key=TEXT), EMPTY, tags=TAGS,
        )
        for path, name in _EITHER
    ),
    *(
        Endpoint(
            "POST", path + "/delete-traces", _delete, _DELETE, "Remove traces for good.",
            _DELETED, record(traces_deleted=INT32), tags=TAGS,
        )
        for path in (OLD, NEW)
    ),
    Endpoint(
        "POST", OLD + "/link-to-run", _link, _WRITE, "Make traces found as those of a run.",
        record("run_id", trace_ids=array(TEXT), run_id=TEXT), EMPTY, tags=TAGS,
    ),
    Endpoint(
        "POST", OLD + "/link-prompts", _link_prompts, _WRITE,
        "Link versions of prompts to a trace.",
        record(
            "trace_id", "prompt_versions", trace_id=TEXT,
            prompt_versions=array(record("name", "version", name=TEXT, version=TEXT)),
        ),
        EMPTY, tags=TAGS,
    ),
    *(
        Endpoint(
            "GET", f"/api/{version}/mlflow/get-trace-artifact", _artifact, _READ,
            "Return the spans of a trace, or a file that is attached to one of them.",
            record("request_id", request_id=TEXT, path=TEXT),
            record(spans=array({"type": "object"})), tags=TAGS,
        )
        for version in ("2.0", "3.0")
    ),
]  # fmt: skip
