"""What schedules of scorers have to do, in the tables of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from pegboard_stores.clock import now_ms
from pegboard_stores.scorers import ScoringTask, ScoringTasks, content
from pegboard_stores.sqlite import Database

from pegboard_tracking.scorers.store import (
    ACTIVE,
    LATEST,
    SCHEDULE,
    VERSION,
    schedule_of,
    version_of,
)

_RUNNING = (
    "SELECT h.scorer, s.experiment, h.sample_rate, h.seen FROM scorer_schedule h"  # noqa: S608
    f" JOIN scorer s ON s.id = h.scorer {ACTIVE} WHERE h.sample_rate > 0"
)
_IS_NEW = f"SELECT EXISTS ({_RUNNING} AND h.seen < (SELECT max(id) FROM trace))"  # noqa: S608
_FREE = (
    f"SELECT t.id, x.trace_id, t.tries, {VERSION}, {SCHEDULE} FROM scoring_task t"  # noqa: S608
    " JOIN trace x ON x.id = t.trace JOIN scorer s ON s.id = t.scorer"
    f" {ACTIVE} {LATEST} JOIN scorer_schedule h ON h.scorer = s.id AND h.sample_rate > 0"
    " WHERE t.free_at <= ? ORDER BY t.free_at, t.id LIMIT ?"
)


class SqliteScoringTasks(ScoringTasks):
    """Tasks in the tables of a store's database. Who finds nothing to do writes nothing."""

    def __init__(
        self, reading_all: Callable[[], AbstractContextManager[sqlite3.Connection]], db: Database
    ) -> None:
        """``reading_all`` brings in what journals hold of traces."""
        self._reading_all = reading_all
        self._database = db

    def fill(self, limit: int = 1000) -> int:
        """Look at up to ``limit`` new traces for each schedule; return at how many it was."""
        with self._database.reading() as connection:
            if not connection.execute(f"SELECT EXISTS ({_RUNNING})").fetchone()[0]:
                return 0
        with self._reading_all() as connection:
            if not connection.execute(_IS_NEW).fetchone()[0]:
                return 0
        with self._database.writing() as connection:
            return sum(
                _fill(connection, row, limit) for row in connection.execute(_RUNNING).fetchall()
            )

    def claim(self, limit: int, seconds: float) -> Sequence[ScoringTask]:
        """Return tasks, the longest free first, that others get only after ``seconds``."""
        now = now_ms()
        with self._database.reading() as connection:
            if connection.execute(_FREE, (now, 1)).fetchone() is None:
                return []
        with self._database.writing() as connection:
            rows = connection.execute(_FREE, (now, limit)).fetchall()
            connection.executemany(
                "UPDATE scoring_task SET free_at = ?, tries = tries + 1 WHERE id = ?",
                [(now + round(seconds * 1000), row[0]) for row in rows],
            )
        return [
            ScoringTask(
                task_id=row[0],
                trace_id=row[1],
                tries=row[2] + 1,
                scorer=version_of(row[3:9]),
                schedule=schedule_of(row[9:]),
            )
            for row in rows
        ]

    def postpone(self, task: ScoringTask, seconds: float) -> None:
        """Let a task be free only after some time."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE scoring_task SET free_at = ? WHERE id = ?",
                (now_ms() + round(seconds * 1000), task.task_id),
            )

    def finish(self, task: ScoringTask) -> None:
        """Note that nothing is left to be done."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM scoring_task WHERE id = ?", (task.task_id,))


def _fill(connection: sqlite3.Connection, schedule: Sequence[float], limit: int) -> int:
    """Take the next traces of a schedule; return how many there were."""
    scorer, home, rate, seen = schedule
    new = connection.execute(
        "SELECT id, experiment, trace_id FROM trace WHERE id > ? ORDER BY id LIMIT ?", (seen, limit)
    ).fetchall()
    if new:
        connection.executemany(
            "INSERT OR IGNORE INTO scoring_task (scorer, trace, free_at) VALUES (?, ?, ?)",
            [
                (scorer, row, now_ms())
                for row, experiment, trace_id in new
                if experiment == home and content.is_sampled(trace_id, rate)
            ],
        )
        connection.execute(
            "UPDATE scorer_schedule SET seen = ? WHERE scorer = ?", (new[-1][0], scorer)
        )
    return len(new)
