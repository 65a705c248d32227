"""The rows of traces, their tags and metadata."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from pegboard.entities.traces import TRACE_NAME
from pegboard_stores import refusals
from pegboard_stores.traces.checks import prompts_in

from pegboard_tracking.tables import experiments
from pegboard_tracking.tables.rows import name_id


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
    link_prompts(connection, row, prompts_in(tags))


def link_prompts(connection: sqlite3.Connection, row: int, prompts: Sequence[str]) -> None:
    """Link versions of prompts, each as NAME/VERSION, to a trace."""
    connection.executemany(
        "INSERT OR IGNORE INTO prompt_of_trace (prompt, trace) VALUES (?, ?)",
        [(name_id(connection, text), row) for text in prompts],
    )


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
