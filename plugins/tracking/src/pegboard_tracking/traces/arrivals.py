"""Traces that the store learns of for the first time, many at once, as journals bring them.

What is out of the ordinary is left to ``store.Traces``, which says what is wrong with which trace.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define
from pegboard import uris
from pegboard.entities.traces import TRACE_NAME, Span, TraceInfo, TraceState
from pegboard.errors import PegboardError
from pegboard_stores import validation
from pegboard_stores.traces import outline
from pegboard_stores.traces.checks import check_in_trace, checked_id, checked_texts, prompts_in
from pegboard_stores.traces.records import Records
from pegboard_stores.traces.usage import COSTS, Told, sums, told_by

from pegboard_tracking.tables import bulk, experiments
from pegboard_tracking.traces import content


@define
class _Arrival:
    """One trace, as its rows will say."""

    trace_id: str
    columns: tuple[Any, ...]
    """Time, duration, state, name, client's request id, previews, whether its outline was sent."""
    tags: Mapping[str, str]
    metadata: Mapping[str, str]
    prompts: Sequence[str]
    spans: Sequence[Span]
    told: Mapping[str, Told]


def add(
    connection: sqlite3.Connection, experiment_id: str, found: Records, newest_span: int
) -> Records:
    """Add what records hold of new traces; return the rest of them.

    ``newest_span`` is the row of the last span.
    """
    try:
        root = experiments.location_for_runs(connection, experiment_id)
    except PegboardError:
        return found
    spans: dict[str, list[Span]] = {trace_id: [] for trace_id in found.infos}
    for span in found.spans.values():
        spans.setdefault(span.trace_id, []).append(span)
    known = _known(connection, list(spans))
    made: list[_Arrival] = []
    rest = Records()
    for trace_id, own in spans.items():
        info = found.infos.get(trace_id)
        arrival = None if trace_id in known else _arrival(root, trace_id, own, info)
        if arrival is not None:
            made.append(arrival)
            continue
        rest.spans |= {(trace_id, span.span_id): span for span in own}
        if info is not None:
            rest.infos[trace_id] = info
    if made:
        _insert(connection, experiments.row_of(experiment_id), made, newest_span)
    return rest


def _known(connection: sqlite3.Connection, trace_ids: Sequence[str]) -> set[str]:
    found = connection.execute(
        "SELECT trace_id FROM trace WHERE trace_id IN (SELECT value FROM json_each(?))",
        (json.dumps(trace_ids),),
    )
    return {trace_id for (trace_id,) in found.fetchall()}


def _arrival(
    root: str, trace_id: str, spans: Sequence[Span], info: TraceInfo | None
) -> _Arrival | None:
    """Return what becomes of a trace; None if anything is wrong with it."""
    try:
        checked_id(trace_id)
        for span in spans:
            check_in_trace(span)
        location = uris.join(root, "traces", trace_id, "artifacts")
        tags = {outline.ARTIFACT_LOCATION: location}
        metadata = checked_texts(outline.metadata_of(spans), "metadata")
        first = outline.root_of(spans)
        if spans:
            tags |= outline.IN_STORE
        if first is not None:
            tags |= checked_texts(outline.tags_of(first), "tag")
        told = {each.span_id: said for each in spans if (said := told_by(each)) is not None}
        if told:
            metadata |= sums([(e.span_id, e.parent_id, told.get(e.span_id)) for e in spans])
        if info is not None:
            tags |= checked_texts(info.tags, "tag")
            metadata |= checked_texts(info.trace_metadata, "metadata")
        time, duration, state = _course(trace_id, spans, first, info)
    except PegboardError:
        return None
    name = tags.pop(TRACE_NAME, None)
    request, response = (None, None) if first is None else outline.previews(first)
    columns: tuple[Any, ...]
    if info is None:
        columns = (time, duration, state, name, None, request, response, 0)
    else:
        request = request if info.request_preview is None else info.request_preview
        response = response if info.response_preview is None else info.response_preview
        columns = (time, duration, state, name, info.client_request_id, request, response, 1)
    return _Arrival(trace_id, columns, tags, metadata, prompts_in(tags), spans, told)


def _course(
    trace_id: str, spans: Sequence[Span], root: Span | None, info: TraceInfo | None
) -> tuple[int, int | None, str]:
    """Return when a trace began, how long it took, and how it ended."""
    if info is not None:
        times = (("time", info.request_time), ("duration", info.execution_duration or 0))
        for what, time in times:
            validation.integer(trace_id, time, what)
        return info.request_time, info.execution_duration, str(TraceState(info.state))
    begin = min(span.start_time_ns for span in spans) // 1_000_000
    end = max(span.end_time_ns or span.start_time_ns for span in spans) // 1_000_000
    return begin, max(end - begin, 0), str(outline.state_of(root))


def _insert(
    connection: sqlite3.Connection, experiment: int, made: Sequence[_Arrival], newest_span: int
) -> None:
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM trace").fetchone()
    rows = dict(enumerate(made, int(last) + 1))
    ids = bulk.name_ids(connection, _names(made))
    bulk.insert(
        connection,
        "INSERT INTO trace (id, trace_id, experiment, request_time, duration, state, name,"
        " client_request_id, request_preview, response_preview, outlined)",
        [(row, each.trace_id, experiment, *each.columns) for row, each in rows.items()],
    )
    for table in ("tag", "metadata"):
        bulk.insert(
            connection,
            f"INSERT INTO trace_{table} (trace, name, value)",
            [
                (row, ids[key], value)
                for row, each in rows.items()
                for key, value in (each.tags if table == "tag" else each.metadata).items()
            ],
        )
    bulk.insert(
        connection,
        "INSERT OR IGNORE INTO prompt_of_trace (prompt, trace)",
        [(ids[prompt], row) for row, each in rows.items() for prompt in each.prompts],
    )
    _insert_spans(connection, rows, ids, newest_span)


def _names(made: Sequence[_Arrival]) -> Iterator[str]:
    for each in made:
        yield from each.tags
        yield from each.metadata
        yield from each.prompts
        for span in each.spans:
            yield span.name


def _insert_spans(
    connection: sqlite3.Connection,
    rows: Mapping[int, _Arrival],
    ids: Mapping[str, int],
    newest_span: int,
) -> None:
    spans: list[tuple[Any, ...]] = []
    calls: list[tuple[Any, ...]] = []
    number = newest_span
    for row, each in rows.items():
        for span in each.spans:
            number += 1
            spans.append(
                (
                    number,
                    row,
                    span.span_id,
                    span.parent_id or None,
                    ids[span.name],
                    span.span_type,
                    str(span.status),
                    span.start_time_ns,
                    span.end_time_ns,
                    content.pack(span),
                )
            )
            told = each.told.get(span.span_id)
            if told is not None:
                costs = (told.costs.get(name) for name in COSTS)
                used = json.dumps(told.usage) if told.usage else None
                calls.append((number, told.model, told.provider, *costs, used))
    bulk.insert(
        connection,
        "INSERT INTO span (id, trace, span_id, parent_id, name, type, status, start_time, end_time,"
        " content)",
        spans,
    )
    bulk.insert(
        connection,
        "INSERT INTO llm_call (span, model, provider, input_cost, output_cost, total_cost, usage)",
        calls,
    )
