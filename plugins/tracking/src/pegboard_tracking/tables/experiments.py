"""Experiments in the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard import uris
from pegboard.entities import Experiment, LifecycleStage
from pegboard_stores import refusals, validation
from pegboard_stores.clock import now_ms

_SELECT = (
    "SELECT id, name, artifact_location, lifecycle, creation_time, last_update_time FROM experiment"
)


def create(
    connection: sqlite3.Connection,
    artifact_root: str,
    name: str,
    artifact_location: str | None,
    tags: Mapping[str, str],
) -> int:
    """Add an experiment and return its row; its id is the next number that was never used."""
    refuse_taken(connection, name)
    number = connection.execute("SELECT coalesce(max(id), -1) + 1 FROM experiment").fetchone()[0]
    now = now_ms()
    location = artifact_location or uris.join(artifact_root, str(number))
    connection.execute(
        "INSERT INTO experiment (id, name, artifact_location, creation_time, last_update_time)"
        " VALUES (?, ?, ?, ?, ?)",
        (number, name, location, now, now),
    )
    set_tags(connection, number, tags)
    return int(number)


def set_tags(connection: sqlite3.Connection, row: int, tags: Mapping[str, str]) -> None:
    """Set or change tags."""
    connection.executemany(
        "INSERT OR REPLACE INTO experiment_tag (experiment, key, value) VALUES (?, ?, ?)",
        [(row, key, value) for key, value in tags.items()],
    )


def refuse_taken(connection: sqlite3.Connection, name: str) -> None:
    """Raise AlreadyExists if an experiment has that name."""
    taken = connection.execute(
        "SELECT id, lifecycle FROM experiment WHERE name = ?", (name,)
    ).fetchone()
    if taken is not None:
        raise refusals.name_taken(name, str(taken[0]), deleted=taken[1] == LifecycleStage.DELETED)


def row_of(experiment_id: str) -> int:
    """Return the row that an id stands for, -1 if it cannot be one of ours."""
    text = str(experiment_id)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def load(connection: sqlite3.Connection, rows: Sequence[int]) -> list[Experiment]:
    """Return experiments in the order of their rows; unknown ones are left out."""
    found: dict[int, Experiment] = {}
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        marks = ",".join("?" * len(part))
        tags: dict[int, dict[str, str]] = {}
        for row, key, value in connection.execute(
            f"SELECT experiment, key, value FROM experiment_tag WHERE experiment IN ({marks})",  # noqa: S608
            part,
        ):
            tags.setdefault(row, {})[key] = value
        for values in connection.execute(f"{_SELECT} WHERE id IN ({marks})", part):
            found[values[0]] = _entity(values, tags.get(values[0], {}))
    return [found[row] for row in rows if row in found]


def get(connection: sqlite3.Connection, experiment_id: str) -> Experiment:
    """Return an experiment, deleted ones too; NotFound."""
    found = load(connection, [row_of(experiment_id)])
    if not found:
        raise refusals.no_experiment(experiment_id)
    return found[0]


def get_active(connection: sqlite3.Connection, experiment_id: str) -> Experiment:
    """Return an experiment that may be changed; NotFound or InvalidState."""
    experiment = get(connection, experiment_id)
    if experiment.lifecycle_stage is LifecycleStage.DELETED:
        raise refusals.experiment_deleted(experiment_id, experiment.name)
    return experiment


def location_for_runs(connection: sqlite3.Connection, experiment_id: str) -> str:
    """Return below which URI an active experiment keeps its runs; as ``get_active``, but faster."""
    found: tuple[str, str] | None = connection.execute(
        "SELECT artifact_location, lifecycle FROM experiment WHERE id = ?", (row_of(experiment_id),)
    ).fetchone()
    if found is None or found[1] == LifecycleStage.DELETED:
        return get_active(connection, experiment_id).artifact_location
    return found[0]


def rename(connection: sqlite3.Connection, experiment_id: str, name: str) -> None:
    """Give an active experiment another name."""
    name = validation.experiment_name(name)
    experiment = get_active(connection, experiment_id)
    if name != experiment.name:
        refuse_taken(connection, name)
    connection.execute(
        "UPDATE experiment SET name = ?, last_update_time = ? WHERE id = ?",
        (name, now_ms(), row_of(experiment_id)),
    )


def move(connection: sqlite3.Connection, experiment_id: str, stage: LifecycleStage) -> None:
    """Mark an experiment and all its runs as deleted or active."""
    experiment = get(connection, experiment_id)
    if experiment.lifecycle_stage is stage:
        raise refusals.experiment_is(experiment_id, stage)
    now, row = now_ms(), row_of(experiment_id)
    deleted_time = now if stage is LifecycleStage.DELETED else None
    connection.execute(
        "UPDATE experiment SET lifecycle = ?, deleted_time = ?, last_update_time = ? WHERE id = ?",
        (str(stage), deleted_time, now, row),
    )
    connection.execute(
        "UPDATE run SET lifecycle = ?, deleted_time = ? WHERE experiment = ?",
        (str(stage), deleted_time, row),
    )


def purge(connection: sqlite3.Connection, experiment_id: str) -> None:
    """Remove a deleted experiment that has no runs left."""
    experiment, row = get(connection, experiment_id), row_of(experiment_id)
    if experiment.lifecycle_stage is LifecycleStage.ACTIVE:
        raise refusals.experiment_in_use(experiment_id, by_runs=False)
    if connection.execute("SELECT 1 FROM run WHERE experiment = ? LIMIT 1", (row,)).fetchone():
        raise refusals.experiment_in_use(experiment_id, by_runs=True)
    from pegboard_tracking.traces import index

    index.remove(connection, "SELECT id FROM trace WHERE experiment = ?", (row,))
    connection.execute("DELETE FROM experiment WHERE id = ?", (row,))


def _entity(values: tuple[Any, ...], tags: dict[str, str]) -> Experiment:
    row, name, location, lifecycle, created, updated = values
    return Experiment(str(row), name, location, LifecycleStage(lifecycle), tags, created, updated)
