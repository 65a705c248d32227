"""What happens in a store: counts by experiment, live and ended runs, the best of a metric."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from pegboard.entities import RunInfo
from pegboard.tags import PARENT_RUN_ID
from pegboard_stores import cancellation
from pegboard_stores.activity import (
    DAY_MS,
    DAYS,
    ActiveExperiments,
    BestRun,
    ExperimentActivity,
    LiveRuns,
)

from pegboard_tracking.search.load import load_infos
from pegboard_tracking.tables import experiments

LATEST = 3
"""In how many of the latest runs metrics are looked for."""
_AMONG_BEST = 2_000


def active_experiments(
    connection: sqlite3.Connection, now: int, offset: int, limit: int
) -> ActiveExperiments:
    """Return active experiments, those of the last activity first."""
    counts = _counts(connection)
    last = {
        row: max((each for each in times if each is not None), default=None)
        for row, *times in connection.execute(_TIMES)
    }
    for row, count in counts.items():
        if count.get("RUNNING") and row in last:
            newest = _last_point(connection, row)
            if newest is not None:
                last[row] = max(newest, last[row] or 0)
    order = sorted(last, key=lambda row: (last[row] is None, -(last[row] or 0), -row))
    found = []
    for experiment in experiments.load(connection, order[offset : offset + limit]):
        cancellation.check()
        row = int(experiment.experiment_id)
        count = counts.get(row, {})
        found.append(
            ExperimentActivity(
                experiment_id=experiment.experiment_id,
                name=experiment.name,
                runs=sum(count.values()),
                live=count.get("RUNNING", 0),
                failed=count.get("FAILED", 0),
                last_activity=last[row],
                strip=_strip(connection, row, now),
                tags=experiment.tags,
            )
        )
    return ActiveExperiments(len(order), found)


_TIMES = """
SELECT id,
    (SELECT max(start_time) FROM run WHERE experiment = e.id AND lifecycle = 'active'),
    (SELECT max(end_time) FROM run WHERE experiment = e.id AND lifecycle = 'active')
FROM experiment e WHERE lifecycle = 'active'
"""


def _counts(connection: sqlite3.Connection) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = {}
    for row, status, count in connection.execute(
        "SELECT experiment, status, count(*) FROM run WHERE lifecycle = 'active'"
        " GROUP BY experiment, status"
    ):
        counts.setdefault(row, {})[status] = count
    return counts


def _last_point(connection: sqlite3.Connection, experiment: int) -> int | None:
    """Return when the run that goes on and began last logged a metric."""
    found: int | None = connection.execute(
        "SELECT max(timestamp) FROM series WHERE run = (SELECT id FROM run WHERE experiment = ?"
        " AND lifecycle = 'active' AND status = 'RUNNING' ORDER BY start_time DESC LIMIT 1)",
        (experiment,),
    ).fetchone()[0]
    return found


def _strip(connection: sqlite3.Connection, experiment: int, now: int) -> list[int]:
    days = [0] * DAYS
    for day, count in connection.execute(
        "SELECT (? - start_time) / ? AS day, count(*) FROM run WHERE experiment = ?"
        " AND lifecycle = 'active' AND start_time > ? AND start_time <= ? GROUP BY day",
        (now, DAY_MS, experiment, now - DAYS * DAY_MS, now),
    ):
        days[DAYS - 1 - day] = count
    return days


def live_runs(connection: sqlite3.Connection, limit: int) -> LiveRuns:
    """Return runs that go on, the last started first."""
    found = connection.execute(
        "SELECT r.start_time, r.id FROM experiment e CROSS JOIN run r ON r.experiment = e.id"
        " WHERE e.lifecycle = 'active' AND r.lifecycle = 'active' AND r.status = 'RUNNING'"
    ).fetchall()
    found.sort(reverse=True)
    infos = load_infos(connection, [row for _, row in found[:limit]])
    return LiveRuns(len(found), infos)


def ended_runs(connection: sqlite3.Connection, since: int, limit: int) -> Sequence[RunInfo]:
    """Return runs that ended at a time or later, the last first."""
    found = connection.execute(
        "SELECT r.end_time, r.id FROM experiment e CROSS JOIN run r ON r.experiment = e.id"
        " WHERE e.lifecycle = 'active' AND r.lifecycle = 'active' AND r.end_time >= ?"
        " ORDER BY r.end_time DESC, r.id DESC LIMIT ?",
        (since, limit),
    ).fetchall()
    return load_infos(connection, [row for _, row in found])


def metric_keys(connection: sqlite3.Connection, experiment_id: str) -> Mapping[str, int]:
    """Return the metrics of some of the latest runs, and how many of those have each."""
    # Runs that just began have none yet.
    rows = connection.execute(
        "SELECT id FROM run WHERE experiment = ? AND lifecycle = 'active'"
        " AND EXISTS (SELECT 1 FROM series WHERE run = run.id) ORDER BY start_time DESC LIMIT ?",
        (experiments.row_of(experiment_id), LATEST),
    ).fetchall()
    counts: dict[int, int] = {}
    for (row,) in rows:
        for (name,) in connection.execute("SELECT name FROM series WHERE run = ?", (row,)):
            counts[name] = counts.get(name, 0) + 1
    most = max(counts.values(), default=0)
    return {
        connection.execute("SELECT text FROM name WHERE id = ?", (name,)).fetchone()[0]: count
        for name, count in counts.items()
        if count == most
    }


def best_run(
    connection: sqlite3.Connection,
    experiment_id: str,
    key: str,
    rises: bool,
    before: RunInfo | None,
) -> BestRun | None:
    """Return the run with the best finite last value of a metric."""
    order = "DESC" if rises else "ASC"
    earlier = before.start_time if before is not None else None
    found = connection.execute(
        # The limit keeps SQLite from changing the order in which it joins.
        f"SELECT s.value, r.id FROM (SELECT value, run FROM series WHERE experiment = ?"  # noqa: S608
        " AND name = (SELECT id FROM name WHERE text = ?) AND value > -9e999 AND value < 9e999"
        f" ORDER BY value {order} LIMIT {_AMONG_BEST}) s CROSS JOIN run r ON r.id = s.run"
        " WHERE r.lifecycle = 'active' AND (? IS NULL OR r.start_time < ?)"
        f" ORDER BY s.value {order} LIMIT 1",
        (experiments.row_of(experiment_id), key, earlier, earlier),
    ).fetchone()
    if found is None:
        return None
    value, row = found
    [info] = load_infos(connection, [row])
    return BestRun(info, value)


def children(connection: sqlite3.Connection, run_id: str) -> int:
    """Return how many active runs name a run as their parent."""
    found: int = connection.execute(
        "SELECT count(*) FROM experiment e CROSS JOIN tag t ON t.experiment = e.id"
        " CROSS JOIN run r ON r.id = t.run WHERE t.name = (SELECT id FROM name WHERE text = ?)"
        " AND t.value = ? AND r.lifecycle = 'active'",
        (PARENT_RUN_ID, run_id),
    ).fetchone()[0]
    return found
