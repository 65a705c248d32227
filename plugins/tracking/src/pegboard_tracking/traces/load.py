"""Traces with all that belongs to them, from their rows: a few queries for a whole page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from pegboard.entities.traces import TRACE_NAME, Span, Trace, TraceInfo, TraceState
from pegboard_stores import cancellation

from pegboard_tracking.traces import assessments, content

_AT_ONCE = 500
"""How many traces are loaded by one round of queries."""

_OF_TRACES = "trace IN (SELECT value FROM json_each(?))"


def infos(connection: sqlite3.Connection, rows: Sequence[int]) -> list[TraceInfo]:
    """Return the outlines of the traces of these rows, in their order."""
    found: dict[int, TraceInfo] = {}
    for begin in range(0, len(rows), _AT_ONCE):
        cancellation.check()
        found |= _infos(connection, rows[begin : begin + _AT_ONCE])
    return [found[row] for row in rows if row in found]


def traces(connection: sqlite3.Connection, rows: Sequence[int]) -> list[Trace]:
    """Return the traces of these rows with their spans, in their order."""
    loaded: list[Trace] = []
    for begin in range(0, len(rows), _AT_ONCE):
        cancellation.check()
        part = rows[begin : begin + _AT_ONCE]
        outlines, spans = _infos(connection, part), _spans(connection, part)
        loaded += [Trace(outlines[row], spans.get(row, [])) for row in part if row in outlines]
    return loaded


def _infos(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, TraceInfo]:
    wanted = json.dumps(list(rows))
    tags = _texts(connection, "tag", wanted)
    metadata = _texts(connection, "metadata", wanted)
    judged = assessments.of_traces(connection, wanted)
    found: dict[int, TraceInfo] = {}
    for row, trace_id, experiment, time, state, duration, name, *shown in connection.execute(
        "SELECT id, trace_id, experiment, request_time, state, duration, name, client_request_id,"
        " request_preview, response_preview FROM trace"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (wanted,),
    ):
        own = tags.get(row, {})
        if name is not None:
            own[TRACE_NAME] = name
        client_request_id, request, response = shown
        found[row] = TraceInfo(
            trace_id,
            str(experiment),
            time,
            TraceState(state),
            duration,
            client_request_id,
            request,
            response,
            metadata.get(row, {}),
            own,
            judged.get(row, []),
        )
    return found


def _texts(connection: sqlite3.Connection, table: str, wanted: str) -> dict[int, dict[str, str]]:
    texts: dict[int, dict[str, str]] = {}
    for trace, key, value in connection.execute(
        f"SELECT v.trace, n.text, v.value FROM trace_{table} v"  # noqa: S608 (two constants)
        f" CROSS JOIN name n ON n.id = v.name WHERE v.{_OF_TRACES}",
        (wanted,),
    ):
        texts.setdefault(trace, {})[key] = value
    return texts


def _spans(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, list[Span]]:
    spans: dict[int, list[Span]] = {}
    for trace, trace_id, *columns in connection.execute(
        "SELECT s.trace, t.trace_id, s.span_id, s.parent_id, s.status, s.start_time, s.end_time,"  # noqa: S608
        f" s.content FROM span s CROSS JOIN trace t ON t.id = s.trace WHERE s.{_OF_TRACES}"
        " ORDER BY s.trace, s.start_time, s.parent_id IS NOT NULL, s.id",
        (json.dumps(list(rows)),),
    ):
        spans.setdefault(trace, []).append(content.unpack(trace_id, columns))
    return spans
