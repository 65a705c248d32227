"""MLflow's endpoints for assessments of traces."""

from __future__ import annotations

from typing import Any

import attrs
from pegboard_wire.http import Call, Endpoint, Permission
from pegboard_wire.requests import NOTHING, text
from pegboard_wire.scalars import need
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import TEXT, record

from pegboard_tracking.wire import trace_codec
from pegboard_tracking.wire.trace_requests import trace_id, traces_of
from pegboard_tracking.wire.trace_schemas import ASSESSMENT, NEW, TAGS

JsonObject = dict[str, Any]


def _assessment_id(call: Call) -> str:
    return text(call.parameters, "assessment_id")


def _create_assessment(call: Call) -> JsonObject:
    given = trace_codec.read_assessment(need(call.parameters, "assessment"), trace_id(call))
    # The store gives the id.
    made = traces_of(call).create_assessment(attrs.evolve(given, assessment_id=""))
    return {"assessment": trace_codec.assessment_json(made)}


def _get_assessment(call: Call) -> JsonObject:
    found = traces_of(call).get_assessment(trace_id(call), _assessment_id(call))
    return {"assessment": trace_codec.assessment_json(found)}


def _update_assessment(call: Call) -> JsonObject:
    store, trace, assessment_id = traces_of(call), trace_id(call), _assessment_id(call)
    known = store.get_assessment(trace, assessment_id)
    changes = trace_codec.read_changes(
        need(call.parameters, "assessment"), need(call.parameters, "update_mask"), known.kind
    )
    made = store.update_assessment(trace, assessment_id, changes)
    return {"assessment": trace_codec.assessment_json(made)}


def _delete_assessment(call: Call) -> JsonObject:
    traces_of(call).delete_assessment(trace_id(call), _assessment_id(call))
    return NOTHING


_ASSESSED = NEW + "/{trace_id}/assessments"
_READ, _WRITE = Permission.READ, Permission.WRITE

ENDPOINTS = [
    Endpoint(
        "POST", _ASSESSED, _create_assessment, _WRITE, "Add an assessment to a trace.",
        record("trace_id", "assessment", trace_id=TEXT, assessment=ASSESSMENT),
        record(assessment=ASSESSMENT), tags=TAGS,
    ),
    Endpoint(
        "GET", _ASSESSED + "/{assessment_id}", _get_assessment, _READ, "Return an assessment.",
        record("trace_id", "assessment_id", trace_id=TEXT, assessment_id=TEXT),
        record(assessment=ASSESSMENT), tags=TAGS,
    ),
    Endpoint(
        "PATCH", _ASSESSED + "/{assessment_id}", _update_assessment, _WRITE,
        "Change an assessment.",
        record(
            "trace_id", "assessment_id", "assessment", "update_mask", trace_id=TEXT,
            assessment_id=TEXT, assessment=ASSESSMENT, update_mask=TEXT,
        ),
        record(assessment=ASSESSMENT), tags=TAGS,
    ),
    Endpoint(
        "DELETE", _ASSESSED + "/{assessment_id}", _delete_assessment, _WRITE,
        "Remove an assessment.",
        record("trace_id", "assessment_id", trace_id=TEXT, assessment_id=TEXT), EMPTY, tags=TAGS,
    ),
]  # fmt: skip
