"""What happens in a store: counts by experiment, live and ended runs, the best of a metric."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence

from pegboard.entities import Metric, RunInfo
from pegboard.tags import PARENT_RUN_ID
from pegboard_stores import cancellation
from pegboard_stores.activity import (
    DAY_MS,
    DAYS,
    ActiveExperiments,
    BestRun,
    Course,
    ExperimentActivity,
    LiveRuns,
)

from pegboard_tracking.points import sparks
from pegboard_tracking.search.load import load_infos
from pegboard_tracking.tables import experiments

LATEST = 3
"""In how many of the latest runs metrics are looked for."""
_LOOKED_AT = 200
"""How many of the latest runs are read to find those, as some have no metrics."""
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


def metric_keys(connection: sqlite3.Connection, experiment_id: str) -> dict[str, int]:
    """Return the metrics that most of the latest runs have, and how many of those have them."""
    # Runs that just began have none yet.
    rows = connection.execute(
        "SELECT id FROM (SELECT id FROM run WHERE experiment = ? AND lifecycle = 'active'"
        " ORDER BY start_time DESC LIMIT ?) r"
        " WHERE EXISTS (SELECT 1 FROM series WHERE run = r.id) LIMIT ?",
        (experiments.row_of(experiment_id), _LOOKED_AT, LATEST),
    ).fetchall()
    return dict(
        connection.execute(
            "WITH counted AS (SELECT name, count(*) AS runs FROM series"
            " WHERE run IN (SELECT value FROM json_each(?)) GROUP BY name)"
            " SELECT n.text, c.runs FROM counted c CROSS JOIN name n ON n.id = c.name"
            " WHERE c.runs = (SELECT max(runs) FROM counted)",
            (json.dumps([row for (row,) in rows]),),
        )
    )


def best_runs(
    connection: sqlite3.Connection,
    metrics: Mapping[str, tuple[str, bool]],
    earlier: int | None,
) -> dict[str, BestRun]:
    """Return, by experiment, the run with the best finite last value of a metric."""
    best: dict[str, tuple[float, int]] = {}
    for experiment, (key, rises) in metrics.items():
        cancellation.check()
        values = (experiments.row_of(experiment), key)
        order = "DESC" if rises else "ASC"
        if earlier is None:
            found = connection.execute(_BEST.format(order=order), values)
        else:
            found = connection.execute(_BEST_BEFORE.format(order=order), (*values, earlier))
        if (row := found.fetchone()) is not None:
            best[experiment] = row
    infos = load_infos(connection, [run for _, run in best.values()])
    by_experiment = {info.experiment_id: info for info in infos}
    return {
        experiment: BestRun(by_experiment[experiment], value)
        for experiment, (value, _) in best.items()
        if experiment in by_experiment
    }


_VALUES = """SELECT s.value, s.run FROM series s WHERE s.experiment = ?
    AND s.name = (SELECT id FROM name WHERE text = ?) AND s.value > -9e999 AND s.value < 9e999
    ORDER BY s.value {order}"""
_ACTIVE = "JOIN run r ON r.id = s.run WHERE r.lifecycle = 'active'"
_BEST = f"SELECT s.value, s.run FROM ({_VALUES} LIMIT -1) s CROSS {_ACTIVE} LIMIT 1"  # noqa: S608
_BEST_BEFORE = (
    f"SELECT s.value, s.run FROM ({_VALUES} LIMIT {_AMONG_BEST}) s CROSS {_ACTIVE}"  # noqa: S608
    " AND r.start_time < ? LIMIT 1"
)
# The limit inside keeps the order of the values, as does the join, whose left side comes first.


def courses(connection: sqlite3.Connection, wanted: Mapping[str, str]) -> dict[str, Course]:
    """Return how runs stand with a metric each, by run."""
    found = {}
    for run_id, key in wanted.items():
        cancellation.check()
        row = connection.execute("SELECT id FROM run WHERE run_id = ?", (run_id,)).fetchone()
        if row is not None:
            found[run_id] = _course(connection, row[0], key)
    return found


def _course(connection: sqlite3.Connection, run: int, key: str) -> Course:
    counts = {
        name: int(number)
        for name, number in connection.execute(
            "SELECT n.text, p.number FROM param p CROSS JOIN name n ON n.id = p.name"
            " WHERE p.run = ? AND p.number >= 1 AND p.number < 1e15",
            (run,),
        )
        if number == int(number)
    }
    row = connection.execute(
        "SELECT id, chunks, value, timestamp, step FROM series WHERE run = ?"
        " AND name = (SELECT id FROM name WHERE text = ?)",
        (run, key),
    ).fetchone()
    if row is None:
        return Course(counts=counts)
    number, chunks, value, timestamp, step = row
    last = Metric(key, math.nan if value is None else value, timestamp, step)
    return Course(last, sparks.of(connection, number, chunks), counts)


def children(connection: sqlite3.Connection, run_id: str) -> int:
    """Return how many active runs name a run as their parent."""
    found: int = connection.execute(
        "SELECT count(*) FROM experiment e CROSS JOIN tag t ON t.experiment = e.id"
        " CROSS JOIN run r ON r.id = t.run WHERE t.name = (SELECT id FROM name WHERE text = ?)"
        " AND t.value = ? AND r.lifecycle = 'active'",
        (PARENT_RUN_ID, run_id),
    ).fetchone()[0]
    return found
