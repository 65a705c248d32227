"""Outlines of traces and assessments as MLflow's JSON, both ways."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pegboard.entities.traces import (
    Assessment,
    AssessmentError,
    AssessmentKind,
    TraceInfo,
    TraceState,
)
from pegboard.errors import InvalidValue
from pegboard_stores import json_size
from pegboard_wire import scalars
from pegboard_wire.pairs import pairs_json
from pegboard_wire.requests import optional_text, text
from pegboard_wire.scalars import get, integer, items, message, need

JsonObject = dict[str, Any]

MAX_JSON_DEPTH = 64
MAX_JSON_VALUES = 100_000
"""How deep an assessment may be nested, and how many values one that comes as text may hold."""
SOURCE_TYPES = ("HUMAN", "LLM_JUDGE", "CODE")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s")
_LAST_MS = 253_402_300_799_999  # the end of the year 9999, of which the protocol knows no more


# -- outlines --------------------------------------------------------------------------------------


def info_json(info: TraceInfo) -> JsonObject:
    """Return the outline of a trace."""
    made: JsonObject = {
        "trace_id": info.trace_id,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": info.experiment_id},
        },
        "request_time": time_json(info.request_time),
        "state": str(info.state),
        "trace_metadata": dict(info.trace_metadata),
        "tags": dict(info.tags),
    }
    if info.execution_duration is not None:
        made["execution_duration"] = duration_json(info.execution_duration)
    for name in ("client_request_id", "request_preview", "response_preview"):
        if getattr(info, name) is not None:
            made[name] = getattr(info, name)
    if info.assessments:
        made["assessments"] = [assessment_json(item) for item in info.assessments]
    return made


def read_info(value: Any) -> TraceInfo:
    """Read the outline of a trace."""
    fields = message(value, "trace_info")
    trace_id = text(fields, "trace_id")
    duration = get(fields, "execution_duration")
    return TraceInfo(
        trace_id,
        read_location(need(fields, "trace_location")),
        read_time(need(fields, "request_time"), "request_time"),
        read_state(get(fields, "state")),
        None if duration is None else read_duration(duration),
        optional_text(fields, "client_request_id") or None,
        _optional(fields, "request_preview"),
        _optional(fields, "response_preview"),
        read_texts(get(fields, "trace_metadata"), "trace_metadata"),
        read_texts(get(fields, "tags"), "tags"),
        [
            read_assessment(item, trace_id)
            for item in items(get(fields, "assessments"), "assessments")
        ],
    )


def read_location(value: Any) -> str:
    """Return the experiment that traces are in."""
    place = get(message(value, "trace_location"), "mlflow_experiment")
    if place is None:
        raise InvalidValue("Traces are kept in experiments: give 'mlflow_experiment'.")
    return text(message(place, "mlflow_experiment"), "experiment_id")


def read_state(value: Any) -> TraceState:
    """Return the state that a name or number of the protocol stands for."""
    states = list(TraceState)
    if value is None:
        return TraceState.STATE_UNSPECIFIED
    if isinstance(value, str) and value in states:
        return TraceState(value)
    if type(value) is int and 0 <= value < len(states):
        return states[value]
    raise InvalidValue(
        f"The field 'state' is {str(value)[:60]!r}, not one of {', '.join(states)}."
    ).about("wrong_field", field="state", value=value)


def read_texts(value: Any, what: str) -> dict[str, str]:
    """Read an object of texts."""
    return {
        key: scalars.string(each, f"{what}.{key}")
        for key, each in message({} if value is None else value, what).items()
    }


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    value = get(fields, name)
    return None if value is None else scalars.string(value, name)


# -- times -----------------------------------------------------------------------------------------


def time_json(ms: int) -> str:
    """Return a time as the protocol does; one that it cannot say is the nearest it can."""
    moment = _EPOCH + timedelta(milliseconds=min(max(ms, 0), _LAST_MS))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def read_time(value: Any, what: str) -> int:
    """Return a time in ms."""
    try:
        # A time without a zone cannot be subtracted, which is a TypeError.
        moment = datetime.fromisoformat(scalars.string(value, what))
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError, TypeError):
        raise InvalidValue(
            f"The field {what!r} is {str(value)[:60]!r}, not a time.",
            hint="A time is like 2026-01-31T12:00:00.000Z.",
        ) from None


def duration_json(ms: int) -> str:
    """Return a duration."""
    seconds, rest = divmod(abs(ms), 1000)
    return f"{'-' if ms < 0 else ''}{seconds}.{rest:03d}s"


def read_duration(value: Any) -> int:
    """Return a duration in ms."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidValue(
            f"The field 'execution_duration' is {str(value)[:60]!r}, not a duration.",
            hint="A duration is like 1.500s.",
        )
    sign, seconds, fraction = found.groups()
    ms = int(seconds) * 1000 + int((fraction or "").ljust(3, "0")[:3])
    return -ms if sign else ms


# -- the second version of the protocol ------------------------------------------------------------


def old_info_json(info: TraceInfo) -> JsonObject:
    """Return the outline of a trace as clients of before MLflow 3 know it."""
    state = "TRACE_STATUS_UNSPECIFIED" if info.state == "STATE_UNSPECIFIED" else str(info.state)
    return {
        "request_id": info.trace_id,
        "experiment_id": info.experiment_id,
        "timestamp_ms": info.request_time,
        "execution_time_ms": info.execution_duration or 0,
        "status": state,
        "request_metadata": pairs_json(info.trace_metadata),
        "tags": pairs_json(info.tags),
    }


def read_old_state(value: Any) -> TraceState:
    """Return the state that clients of before MLflow 3 mean."""
    if value == "TRACE_STATUS_UNSPECIFIED":
        return TraceState.STATE_UNSPECIFIED
    return read_state(value)


# -- assessments -----------------------------------------------------------------------------------


def assessment_json(item: Assessment) -> JsonObject:
    """Return an assessment."""
    made: JsonObject = {
        "assessment_id": item.assessment_id,
        "assessment_name": item.name,
        "trace_id": item.trace_id,
        "source": {"source_type": item.source_type, "source_id": item.source_id},
        "create_time": time_json(item.create_time_ms),
        "last_update_time": time_json(item.last_update_time_ms),
        str(item.kind): _value_json(item),
        "valid": item.valid,
    }
    if item.metadata:
        made["metadata"] = dict(item.metadata)
    for name in ("span_id", "rationale", "overrides"):
        if getattr(item, name):
            made[name] = getattr(item, name)
    return made


def _value_json(item: Assessment) -> JsonObject:
    if item.kind is AssessmentKind.ISSUE:
        return {"issue_name": item.value}
    if item.kind is AssessmentKind.EXPECTATION and isinstance(item.value, (list, dict)):
        serialized = json.dumps(item.value, ensure_ascii=False)
        form = {"serialization_format": "JSON_FORMAT", "value": serialized}
        made: JsonObject = {"serialized_value": form}
    else:
        made = {"value": _finite(item.value)}
    if item.error is not None:
        made["error"] = {
            "error_code": item.error.error_code,
            "error_message": item.error.error_message,
            "stack_trace": item.error.stack_trace,
        }
    return made


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return scalars.number_json(value)
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value


def read_assessment(value: Any, trace_id: str) -> Assessment:
    """Read an assessment of a trace."""
    fields = message(value, "assessment")
    kinds = [kind for kind in AssessmentKind if get(fields, str(kind)) is not None]
    if len(kinds) != 1:
        raise InvalidValue("An assessment is one of feedback, expectation and issue.")
    value, error = read_value(fields, kinds[0])
    times = (get(fields, "create_time"), get(fields, "last_update_time"))
    created, updated = (0 if time is None else read_time(time, "create_time") for time in times)
    valid = get(fields, "valid")
    return Assessment(
        trace_id,
        text(fields, "assessment_name"),
        kinds[0],
        value,
        *_read_source(fields),
        error,
        _optional(fields, "rationale") or None,
        read_texts(get(fields, "metadata"), "metadata"),
        _optional(fields, "span_id") or None,
        optional_text(fields, "assessment_id"),
        created,
        updated,
        _optional(fields, "overrides") or None,
        valid is None or scalars.boolean(valid, "valid"),
    )


def _read_source(fields: Mapping[str, Any]) -> tuple[str, str]:
    given = get(fields, "source")
    source = message({} if given is None else given, "source")
    source_type = get(source, "source_type")
    if type(source_type) is int and 1 <= source_type <= len(SOURCE_TYPES):
        source_type = SOURCE_TYPES[source_type - 1]
    if source_type not in (None, *SOURCE_TYPES):
        raise InvalidValue(
            f"The field 'source_type' is {str(source_type)[:60]!r}, "
            f"not one of {', '.join(SOURCE_TYPES)}."
        )
    return source_type or "CODE", optional_text(source, "source_id")


def read_value(
    fields: Mapping[str, Any], kind: AssessmentKind
) -> tuple[Any, AssessmentError | None]:
    """Return what an assessment says, and why it could not say more."""
    given = message(get(fields, str(kind)), str(kind))
    if kind is AssessmentKind.ISSUE:
        return _optional(given, "issue_name"), None
    error = get(given, "error")
    serialized = get(given, "serialized_value")
    value = given.get("value")
    if serialized is not None and kind is AssessmentKind.EXPECTATION:
        given_text = text(message(serialized, "serialized_value"), "value")
        if json_size.has_more_values(given_text.encode("utf-8", "replace"), MAX_JSON_VALUES):
            raise InvalidValue(
                f"The field 'serialized_value' holds more than {MAX_JSON_VALUES} values."
            )
        try:
            value = json.loads(given_text)
        except (ValueError, RecursionError):
            raise InvalidValue("The field 'serialized_value' holds no valid JSON.") from None
    if _depth(value) > MAX_JSON_DEPTH:
        raise InvalidValue(f"An assessment is nested more than {MAX_JSON_DEPTH} levels deep.")
    return value, None if error is None else _read_error(message(error, "error"))


def _read_error(fields: Mapping[str, Any]) -> AssessmentError:
    names = ("error_code", "error_message", "stack_trace")
    return AssessmentError(*(optional_text(fields, name) for name in names))


def _depth(value: Any) -> int:
    """Return how deep a value is nested, at most a little more than is allowed."""
    level, depth = [value], 0
    while level and depth <= MAX_JSON_DEPTH:
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth


def read_changes(value: Any, mask: Any, kind: AssessmentKind) -> JsonObject:
    """Return what an update of an assessment changes: the fields that its mask names."""
    fields = message(value, "assessment")
    paths = (
        mask
        if isinstance(mask, str)
        else ",".join(
            scalars.string(path, "paths")
            for path in items(get(message(mask, "update_mask"), "paths"), "paths")
        )
    )
    changes: JsonObject = {}
    for path in filter(None, paths.split(",")):
        name = path.strip().partition(".")[0]
        if name in ("assessment_name", "assessmentName"):
            changes["name"] = text(fields, "assessment_name")
        elif name in (AssessmentKind.FEEDBACK, AssessmentKind.EXPECTATION):
            if name != kind:
                raise InvalidValue(f"The assessment is one of {kind}, not of {name}.")
            changes["value"], changes["error"] = read_value(fields, kind)
        elif name == "rationale":
            changes["rationale"] = _optional(fields, "rationale")
        elif name == "metadata":
            changes["metadata"] = read_texts(get(fields, "metadata"), "metadata")
        elif name == "valid":
            changes["valid"] = scalars.boolean(need(fields, "valid"), "valid")
        else:
            raise InvalidValue(f"The field {name!r} of an assessment cannot be changed.")
    return changes


def read_ms(fields: Mapping[str, Any], name: str) -> int:
    """Return a time in ms that must be there."""
    return integer(need(fields, name), name)
