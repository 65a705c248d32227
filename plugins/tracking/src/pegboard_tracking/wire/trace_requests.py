"""Reading the parameters of requests about traces."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import TraceInfo
from pegboard.errors import InvalidValue
from pegboard_stores import refusals
from pegboard_wire.http import Call
from pegboard_wire.requests import store_of, texts
from pegboard_wire.scalars import get, need, string

MAX_TRACES = 1000
"""How many traces can be asked for by their ids at once."""


def traces_of(call: Call) -> TraceStore:
    """Return the store of traces that a call is about."""
    return store_of(call).traces()


def trace_id(call: Call) -> str:
    """Return the id of a trace, under its name or the one it had before MLflow 3."""
    fields = call.parameters
    return string(get(fields, "trace_id") or need(fields, "request_id", "trace_id"), "trace_id")


def trace_ids(call: Call, name: str, *, query: bool = False) -> list[str]:
    """Return the ids of traces, not too many of them."""
    ids = texts(call.parameters, name, query=query)
    if len(ids) > MAX_TRACES:
        raise InvalidValue(f"{len(ids)} traces were asked for; {MAX_TRACES} are allowed at once.")
    return ids


def outline(call: Call) -> TraceInfo:
    """Return the outline of the trace that a call is about; NotFound."""
    found = traces_of(call).infos([trace_id(call)])
    if not found:
        raise refusals.no_trace(trace_id(call))
    return found[0]


def experiments(call: Call, *, query: bool = False) -> list[str]:
    """Return the ids of experiments."""
    return texts(call.parameters, "experiment_ids", query=query)


def is_within(info: TraceInfo, experiment_ids: Sequence[str]) -> bool:
    """Whether a trace is of one of these experiments; no experiments stand for all."""
    return not experiment_ids or info.experiment_id in experiment_ids
