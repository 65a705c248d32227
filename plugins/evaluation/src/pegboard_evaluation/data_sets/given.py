"""What may be merged into a data set, as records: lists of dicts, tables, and traces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from pegboard.errors import InvalidValue, quoted
from pegboard.tags import USER
from pegboard_stores.data_sets import RecordSource

from pegboard_evaluation.files import plain

_PARTS = ("inputs", "outputs", "expectations", "tags", "source")
_SESSION = "mlflow.trace.session"
_INPUTS, _OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"


def records(given: Any, user: str | None) -> list[dict[str, Any]]:
    """Return records to be merged; InvalidValue says what cannot be one.

    A table that ``search_traces`` returned, or a list of traces, has a record for each trace: what
    its first span was given and returned, and what was expected of it.
    """
    if isinstance(given, pd.DataFrame):
        if "trace" in given.columns:
            found = [_of_trace(trace) for trace in given["trace"]]
        else:
            found = [_of_row(row) for row in given.to_dict("records")]
    elif isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise InvalidValue(
            f"Records are {quoted(type(given).__name__)}.",
            hint="Give a list of dicts with 'inputs', a pandas DataFrame, or a list of traces.",
        )
    else:
        found = [_of_trace(each) if _is_trace(each) else _of_dict(each) for each in given]
    for record in found:
        _complete(record, user)
    return found


def _is_trace(value: Any) -> bool:
    return hasattr(value, "info") and hasattr(value, "to_dict")


def _of_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"A record is a dict with 'inputs'; got {quoted(value)}.")
    return {name: _plain(value[name]) for name in _PARTS if name in value}


def _of_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the record of a row; pandas has NaN where another row has more."""
    return _of_dict({name: value for name, value in row.items() if not _is_missing(value)})


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, RecordSource):
        return {"source_type": value.source_type, "source_data": dict(value.source_data)}
    try:
        return json.loads(json.dumps(value, default=plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"A record cannot be written as JSON: {error}.") from None


def _complete(record: dict[str, Any], user: str | None) -> None:
    """Say where a record comes from, as MLflow infers it, and who merges it."""
    if "source" not in record:
        kind = None
        if record.get("expectations"):
            kind = "HUMAN"
        elif "expectations" not in record:
            kind = "CODE"
        if kind is not None:
            record["source"] = {"source_type": kind, "source_data": {}}
    if user is not None and isinstance(tags := record.get("tags") or {}, dict):
        record["tags"] = {USER: user, **tags}


# -- traces ----------------------------------------------------------------------------------------


def _of_trace(trace: Any) -> dict[str, Any]:
    """Return the record of a trace, or of one in MLflow's JSON."""
    try:
        told = json.loads(trace) if isinstance(trace, str) else trace.to_dict()
        info, spans = told["info"], told["data"]["spans"]
        source = {"trace_id": info["trace_id"]}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InvalidValue(f"{quoted(trace)} is not a trace.") from None
    if session := (info.get("trace_metadata") or {}).get(_SESSION):
        source["session_id"] = session
    root: Mapping[str, Any] = next((span for span in spans if not span.get("parent_span_id")), {})
    attributes = root.get("attributes") or {}
    inputs = _attribute(attributes.get(_INPUTS))
    return {
        "inputs": {} if inputs is None else inputs,
        "outputs": _attribute(attributes.get(_OUTPUTS)),
        "expectations": _expectations(info.get("assessments") or ()),
        "source": {"source_type": "TRACE", "source_data": source},
    }


def _attribute(value: Any) -> Any:
    """Return what an attribute of a span says: it is JSON in a text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _expectations(assessments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in assessments:
        expectation = each.get("expectation")
        if expectation is not None:
            serialized = expectation.get("serialized_value")
            value = serialized and _attribute(serialized.get("value"))
            found[str(each.get("assessment_name"))] = expectation.get("value", value)
    return found
