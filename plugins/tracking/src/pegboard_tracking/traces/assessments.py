"""Assessments of traces in the tables of the SQLite store."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from pegboard.entities.traces import Assessment, AssessmentError, AssessmentKind
from pegboard.errors import AlreadyExists
from pegboard_stores import refusals
from pegboard_stores.clock import now_ms
from pegboard_stores.traces.checks import assessment_name, changed
from pegboard_stores.traces.figures import number_of
from pegboard_stores.traces.outline import dumps

from pegboard_tracking.tables import bulk
from pegboard_tracking.tables.rows import name_id

_COLUMNS = (
    "a.assessment_id, t.trace_id, a.kind, n.text, a.value, a.error, a.source_type, a.source_id,"
    " a.rationale, a.metadata, a.span_id, a.create_time, a.last_update_time, a.overrides, a.valid"
)
_INTO = (
    "(assessment_id, trace, kind, name, value, number, error, source_type, source_id, rationale,"
    " metadata, span_id, create_time, last_update_time, overrides, valid)"
)
_FROM = "assessment a CROSS JOIN trace t ON t.id = a.trace CROSS JOIN name n ON n.id = a.name"


def insert(connection: sqlite3.Connection, trace: int, item: Assessment) -> Assessment:
    """Add an assessment to the trace of a row; one that it overrides becomes invalid."""
    if item.overrides:
        get(connection, trace, item.overrides)
        _set_valid(connection, trace, item.overrides, valid=False)
    name = name_id(connection, assessment_name(item.name))
    row = _row(trace, name, item)
    marks = ",".join("?" * len(row))
    added = connection.execute(
        f"INSERT OR IGNORE INTO assessment {_INTO} VALUES ({marks})",  # noqa: S608
        row,
    )
    new_id: str = row[0]
    if not added.rowcount:
        home = "SELECT trace FROM assessment WHERE assessment_id = ?"
        # The outline of a trace, with its assessments, may be sent twice.
        if connection.execute(home, (new_id,)).fetchone()[0] != trace:
            raise AlreadyExists(f"There is an assessment with the id {new_id!r} already.")
    return get(connection, trace, new_id)


def _row(trace: int, name: int, item: Assessment) -> tuple[Any, ...]:
    """Return what the columns of ``_INTO`` hold; the first is the assessment's id."""
    now = now_ms()
    return (
        item.assessment_id or f"a-{uuid.uuid4().hex}",
        trace,
        str(AssessmentKind(item.kind)),
        name,
        *_value_columns(item),
        item.source_type,
        item.source_id,
        item.rationale,
        dumps(dict(item.metadata)),
        item.span_id,
        item.create_time_ms or now,
        item.last_update_time_ms or now,
        item.overrides,
        item.valid,
    )


def insert_all(
    connection: sqlite3.Connection, traces: Mapping[str, int], items: Sequence[Assessment]
) -> list[str]:
    """Add assessments; return their ids. ``traces`` holds the rows of their traces."""
    if any(each.assessment_id or each.overrides for each in items):
        made = [insert(connection, traces[each.trace_id], each) for each in items]
        return [each.assessment_id for each in made]
    names = bulk.name_ids(connection, [assessment_name(each.name) for each in items])
    rows = [_row(traces[each.trace_id], names[each.name], each) for each in items]
    bulk.insert(connection, f"INSERT INTO assessment {_INTO}", rows)
    return [row[0] for row in rows]


def get(connection: sqlite3.Connection, trace: int, assessment_id: str) -> Assessment:
    """Return an assessment of the trace of a row; NotFound."""
    for found in _load(connection, "a.assessment_id = ? AND a.trace = ?", (assessment_id, trace)):
        return found[1]
    (trace_id,) = connection.execute("SELECT trace_id FROM trace WHERE id = ?", (trace,)).fetchone()
    raise refusals.no_assessment(assessment_id, trace_id)


def of_traces(connection: sqlite3.Connection, wanted: str) -> dict[int, list[Assessment]]:
    """Return the assessments of traces, by their rows, which ``wanted`` holds as a JSON array."""
    found: dict[int, list[Assessment]] = {}
    condition = "a.trace IN (SELECT value FROM json_each(?))"
    for trace, item in _load(connection, condition, (wanted,)):
        found.setdefault(trace, []).append(item)
    return found


def update(
    connection: sqlite3.Connection, trace: int, assessment_id: str, changes: Mapping[str, Any]
) -> Assessment:
    """Change some fields of an assessment; metadata is added to what is there."""
    new = changed(get(connection, trace, assessment_id), changes)
    connection.execute(
        "UPDATE assessment SET name = ?, value = ?, number = ?, error = ?, rationale = ?,"
        " metadata = ?, valid = ?, last_update_time = ? WHERE assessment_id = ? AND trace = ?",
        (
            name_id(connection, new.name),
            *_value_columns(new),
            new.rationale,
            dumps(dict(new.metadata)),
            new.valid,
            now_ms(),
            assessment_id,
            trace,
        ),
    )
    return get(connection, trace, assessment_id)


def delete(connection: sqlite3.Connection, trace: int, assessment_id: str) -> None:
    """Remove an assessment, if it is there; what it overrode is valid again."""
    found = connection.execute(
        "DELETE FROM assessment WHERE assessment_id = ? AND trace = ? RETURNING overrides",
        (assessment_id, trace),
    ).fetchone()
    if found is not None and found[0]:
        _set_valid(connection, trace, found[0], valid=True)


def _set_valid(
    connection: sqlite3.Connection, trace: int, assessment_id: str, *, valid: bool
) -> None:
    connection.execute(
        "UPDATE assessment SET valid = ? WHERE assessment_id = ? AND trace = ?",
        (valid, assessment_id, trace),
    )


def _value_columns(item: Assessment) -> tuple[str, float | None, str | None]:
    """Return the value as JSON, as a number if it is one, and the error."""
    error = None if item.error is None else dumps(attrs.asdict(item.error))
    return dumps(item.value), number_of(item.value), error


def _load(
    connection: sqlite3.Connection, condition: str, values: tuple[Any, ...]
) -> Iterable[tuple[int, Assessment]]:
    for trace, *columns in connection.execute(
        f"SELECT a.trace, {_COLUMNS} FROM {_FROM} WHERE {condition} ORDER BY a.id",  # noqa: S608
        values,
    ).fetchall():
        yield trace, _entity(columns)


def _entity(columns: list[Any]) -> Assessment:
    new_id, trace_id, kind, name, value, error, source_type, source_id, *rest = columns
    rationale, metadata, span_id, created, updated, overrides, valid = rest
    return Assessment(
        trace_id,
        name,
        AssessmentKind(kind),
        json.loads(value),
        source_type,
        source_id,
        None if error is None else AssessmentError(**json.loads(error)),
        rationale,
        json.loads(metadata),
        span_id,
        new_id,
        created,
        updated,
        overrides,
        bool(valid),
    )
