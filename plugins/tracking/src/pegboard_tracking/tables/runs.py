"""Rows of runs, and what hangs on them."""

from __future__ import annotations

import sqlite3

from attrs import define
from pegboard.entities import DatasetInput, Param, RunStatus
from pegboard.tags import RUN_NAME
from pegboard_stores import filters, refusals
from pegboard_stores.sql.texts import split

from pegboard_tracking.tables.liveness import LOST_TAG
from pegboard_tracking.tables.rows import delete_tag, name_id, set_tag


@define
class RunRow:
    """What is needed of a run before it is changed."""

    row: int
    experiment: int
    name: str
    status: RunStatus


def is_known(connection: sqlite3.Connection, run_id: str) -> bool:
    """Whether there is a run of this id, deleted ones too."""
    found = connection.execute("SELECT 1 FROM run WHERE run_id = ?", (run_id,)).fetchone()
    return found is not None


def get(connection: sqlite3.Connection, run_id: str) -> RunRow:
    """Return the row of a run, deleted ones too; NotFound."""
    found = connection.execute(
        "SELECT id, experiment, name, status FROM run WHERE run_id = ?", (run_id,)
    ).fetchone()
    if found is None:
        raise refusals.no_run(run_id)
    row, experiment, name, status = found
    return RunRow(row, experiment, name, RunStatus(status))


def get_active(connection: sqlite3.Connection, run_id: str) -> RunRow:
    """Return the row of a run that may be changed; NotFound or InvalidState."""
    run = get(connection, run_id)
    deleted = "SELECT 1 FROM run WHERE id = ? AND lifecycle = 'deleted'"
    if connection.execute(deleted, (run.row,)).fetchone():
        raise refusals.run_deleted(run_id)
    return run


def set_status(connection: sqlite3.Connection, run: RunRow, status: RunStatus) -> None:
    """Set the status; a run that is RUNNING again has no end, one that ended no writer."""
    if run.status is RunStatus.LOST and status is not RunStatus.LOST:
        delete_tag(connection, run.row, LOST_TAG)
    more = ", end_time = NULL" if status is RunStatus.RUNNING else ""
    if status.is_terminated:
        more = ", writer = NULL"
    connection.execute(
        f"UPDATE run SET status = ?{more} WHERE id = ?",  # noqa: S608 (one of three constants)
        (str(status), run.row),
    )


def rename(connection: sqlite3.Connection, run: RunRow, name: str) -> None:
    """Give a run another name, in its tag too."""
    connection.execute("UPDATE run SET name = ? WHERE id = ?", (name, run.row))
    set_tag(connection, run.row, run.experiment, RUN_NAME, name)


def set_param(connection: sqlite3.Connection, run: RunRow, run_id: str, param: Param) -> None:
    """Set a param, once: InvalidValue if it has another value."""
    number = name_id(connection, param.key)
    found = connection.execute(
        "SELECT value || coalesce(rest, '') FROM param WHERE run = ? AND name = ?",
        (run.row, number),
    ).fetchone()
    if found is None:
        connection.execute(
            "INSERT INTO param (run, name, experiment, value, rest, number)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                run.row,
                number,
                run.experiment,
                *split(param.value),
                filters.as_number(param.value),
            ),
        )
    elif found[0] != param.value:
        raise refusals.param_set(run_id, param.key, found[0], param.value)


def add_input(connection: sqlite3.Connection, run: RunRow, item: DatasetInput) -> None:
    """Record the use of a dataset; the first of the same name and digest is kept."""
    data = item.dataset
    identity = (run.experiment, data.name, data.digest)
    connection.execute(
        "INSERT OR IGNORE INTO dataset"
        " (experiment, name, digest, source_type, source, schema, profile)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*identity, data.source_type, data.source, data.schema, data.profile),
    )
    (row,) = connection.execute(
        "SELECT id FROM dataset WHERE experiment = ? AND name = ? AND digest = ?", identity
    ).fetchone()
    added = connection.execute(
        "INSERT OR IGNORE INTO input (run, dataset) VALUES (?, ?)", (run.row, row)
    )
    if added.rowcount:
        connection.executemany(
            "INSERT OR REPLACE INTO input_tag (run, dataset, key, value) VALUES (?, ?, ?, ?)",
            [(run.row, row, tag.key, tag.value) for tag in item.tags],
        )
