"""The rows of traces, their tags and metadata, and what must be true of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.entities.traces import TRACE_NAME, Span
from pegboard.errors import InvalidValue
from pegboard.validation import MAX_KEY
from pegboard_stores import refusals, validation

from pegboard_tracking.tables import experiments
from pegboard_tracking.tables.rows import name_id

_MAX_ID = 256
_MAX_TAG = 65_535
_MAX_METADATA = 65_535
_MAX_PROMPT = 1000

# -- checks ----------------------------------------------------------------------------------------


def checked_id(trace_id: Any) -> str:
    """Return the id of a trace; InvalidValue if it cannot be one."""
    if not isinstance(trace_id, str) or not 0 < len(trace_id) <= _MAX_ID or "\0" in trace_id:
        raise InvalidValue(f"A trace id is a text of 1 to {_MAX_ID} characters.")
    if not trace_id.isprintable() or set(trace_id) & set("/\\") or trace_id.startswith("."):
        # It becomes a part of the place where the trace's files lie.
        raise InvalidValue(f"{trace_id!r} cannot be the id of a trace.")
    return trace_id


def check_span(span: Span) -> None:
    """Refuse a span that cannot be kept."""
    checked_id(span.trace_id)
    if not 0 < len(span.span_id) <= _MAX_ID:
        raise InvalidValue(f"The span {span.name!r} has no id.")
    for time in (span.start_time_ns, span.end_time_ns or 0):
        validation.integer(span.name, time, "time")


def checked_texts(texts: Mapping[str, Any], what: str) -> dict[str, str]:
    """Return tags or metadata, checked."""
    for key in texts:
        if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or "\0" in key:
            raise InvalidValue(
                f"{str(key)[:60]!r} cannot name a {what} of a trace.",
                hint=f"A name is a text of 1 to {MAX_KEY} characters.",
            )
    limit = _MAX_TAG if what == "tag" else _MAX_METADATA
    return {key: validation.text(value, f"{what} {key!r}", limit) for key, value in texts.items()}


def checked_prompt(name: str, version: str) -> str:
    """Return how the version of a prompt is known: ``NAME/VERSION``."""
    prompt = f"{name}/{version}"
    if not name or not version or prompt.count("/") != 1 or "\0" in prompt:
        raise InvalidValue(
            f"{prompt[:60]!r} is no version of a prompt.",
            hint="Give the name and the version, both without a slash.",
        )
    if len(prompt) > _MAX_PROMPT:
        raise InvalidValue(f"The name of a prompt has more than {_MAX_PROMPT} characters.")
    return prompt


# -- rows ------------------------------------------------------------------------------------------


def insert(connection: sqlite3.Connection, trace_id: str, experiment_id: str, time: int) -> int:
    """Add a trace in progress; return its row."""
    row = connection.execute(
        "INSERT INTO trace (trace_id, experiment, request_time, state, outlined)"
        " VALUES (?, ?, ?, 'IN_PROGRESS', 0)",
        (trace_id, experiments.row_of(experiment_id), time),
    ).lastrowid
    assert row is not None
    return row


def row_of(connection: sqlite3.Connection, trace_id: str) -> int | None:
    """Return the row of a trace, None if there is none."""
    found = connection.execute("SELECT id FROM trace WHERE trace_id = ?", (trace_id,)).fetchone()
    return None if found is None else found[0]


def known_row(connection: sqlite3.Connection, trace_id: str) -> int:
    """Return the row of a trace; NotFound."""
    row = row_of(connection, trace_id)
    if row is None:
        raise refusals.no_trace(trace_id)
    return row


def rows_of(connection: sqlite3.Connection, trace_ids: Sequence[str]) -> list[int]:
    """Return the rows of the traces that are known, each once."""
    found = (row_of(connection, trace_id) for trace_id in dict.fromkeys(trace_ids))
    return [row for row in found if row is not None]


def set_tags(connection: sqlite3.Connection, row: int, tags: Mapping[str, str]) -> None:
    """Set tags of a trace; its name is one of them."""
    rest = dict(tags)
    name = rest.pop(TRACE_NAME, None)
    if name is not None:
        connection.execute("UPDATE trace SET name = ? WHERE id = ?", (name, row))
    set_texts(connection, "tag", row, rest)


def set_texts(
    connection: sqlite3.Connection,
    table: str,
    row: int,
    texts: Mapping[str, str],
    *,
    replace: bool = True,
) -> None:
    """Set tags (``tag``) or metadata (``metadata``); known ones only with ``replace``."""
    conflict = "REPLACE" if replace else "IGNORE"
    connection.executemany(
        f"INSERT OR {conflict} INTO trace_{table} (trace, name, value) VALUES (?, ?, ?)",  # noqa: S608
        [(row, name_id(connection, key), value) for key, value in texts.items()],
    )
