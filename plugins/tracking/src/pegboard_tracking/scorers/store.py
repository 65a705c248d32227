"""The registered scorers of the SQLite store."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pegboard_stores.clock import now_ms
from pegboard_stores.scorers import Schedule, Scorers, ScorerVersion, content
from pegboard_stores.sqlite import Database

from pegboard_tracking.tables import experiments

VERSION = "s.scorer_id, s.experiment, s.name, v.version, v.serialized, v.created_time"
SCHEDULE = "h.schedule_id, s.scorer_id, s.experiment, h.sample_rate, h.filter"
ACTIVE = "JOIN experiment e ON e.id = s.experiment AND e.lifecycle = 'active'"
LATEST = (
    "JOIN scorer_version v ON v.scorer = s.id AND v.version ="
    " (SELECT max(version) FROM scorer_version WHERE scorer = s.id)"
)
_SET = (
    "INSERT INTO scorer_schedule (scorer, schedule_id, sample_rate, filter, seen)"
    " VALUES (?, ?, ?, ?, (SELECT coalesce(max(id), 0) FROM trace))"
    # One that goes on goes on where it has come to.
    " ON CONFLICT (scorer) DO UPDATE SET schedule_id = excluded.schedule_id,"
    " sample_rate = excluded.sample_rate, filter = excluded.filter,"
    " seen = iif(sample_rate > 0, seen, excluded.seen)"
)
_ORDER = "ORDER BY s.experiment, s.name"
_OF_IDS = "(SELECT value FROM json_each(?))"


class SqliteScorers(Scorers):
    """Scorers in the tables of a store's database."""

    def __init__(
        self, reading_all: Callable[[], AbstractContextManager[sqlite3.Connection]], db: Database
    ) -> None:
        """``reading_all`` brings in what journals hold of traces."""
        self._reading_all = reading_all
        self._database = db

    def register(self, experiment_id: str, name: str, serialized: str) -> ScorerVersion:
        """Add a version of a scorer."""
        content.name(name)
        content.data(serialized)
        with self._database.writing() as connection:
            home = int(experiments.get_active(connection, experiment_id).experiment_id)
            connection.execute(
                "INSERT INTO scorer (scorer_id, experiment, name) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (str(uuid.uuid4()), home, name),
            )
            row, last = connection.execute(
                "UPDATE scorer SET last = last + 1 WHERE experiment = ? AND name = ?"
                " RETURNING id, last",
                (home, name),
            ).fetchone()
            connection.execute(
                "INSERT INTO scorer_version (scorer, version, serialized, created_time)"
                " VALUES (?, ?, ?, ?)",
                (row, last, serialized, now_ms()),
            )
            [made] = _versions(connection, "s.id = ? AND v.version = ?", (row, last))
            return made

    def latest(self, experiment_ids: Sequence[str] | None = None) -> Sequence[ScorerVersion]:
        """Return the latest version of each scorer, by experiment and name; None: of all."""
        some, values = "", list[str]()
        if experiment_ids is not None:
            some = f"WHERE s.experiment IN {_OF_IDS}"
            values = [json.dumps([experiments.row_of(each) for each in experiment_ids])]
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {VERSION} FROM scorer s {ACTIVE} {LATEST} {some} {_ORDER}",  # noqa: S608
                values,
            )
            return [version_of(row) for row in rows]

    def versions(self, experiment_id: str, name: str) -> Sequence[ScorerVersion]:
        """Return all versions of a scorer, the first first."""
        with self._database.reading() as connection:
            return [*_versions(connection, "s.id = ?", (_row(connection, experiment_id, name),))]

    def get(self, experiment_id: str, name: str, version: int | None = None) -> ScorerVersion:
        """Return a version of a scorer, by default the latest."""
        with self._database.reading() as connection:
            row = _row(connection, experiment_id, name)
            found = _one(connection, "s.id = ?1", row, version)
        if found is None:
            raise content.no_version(experiment_id, name, version or 0)
        return found

    def by_id(self, scorer_id: str, version: int | None = None) -> ScorerVersion:
        """Return a version of the scorer of this id, by default the latest."""
        with self._database.reading() as connection:
            found = _one(connection, "s.scorer_id = ?1", scorer_id, version)
        if found is None:
            raise content.no_id(scorer_id, version)
        return found

    def delete(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, or all."""
        with self._database.writing() as connection:
            row = _row(connection, experiment_id, name)
            done = connection.execute(
                "DELETE FROM scorer_version WHERE scorer = ?1 AND (?2 IS NULL OR version = ?2)",
                (row, _number(version)),
            )
            if not done.rowcount:
                raise content.no_version(experiment_id, name, version or 0)
            connection.execute(
                "DELETE FROM scorer WHERE id = ?1 AND NOT EXISTS"
                " (SELECT 1 FROM scorer_version WHERE scorer = ?1)",
                (row,),
            )

    # -- schedules -------------------------------------------------------------------------------

    def schedule(
        self, experiment_id: str, name: str, sample_rate: float, filter: str = ""
    ) -> Schedule:
        """Let a scorer judge a share of the traces to come."""
        with self._reading_all():
            # What was logged by now is none of those to come.
            pass
        with self._database.writing() as connection:
            row = _row(connection, experiment_id, name)
            scorer = _one(connection, "s.id = ?1", row, None)
            assert scorer is not None
            rate = content.check_schedule(scorer, sample_rate, filter)
            connection.execute(
                _SET,
                (row, uuid.uuid4().hex, rate, filter),
            )
            if not rate:
                connection.execute("DELETE FROM scoring_task WHERE scorer = ?", (row,))
            (made,) = connection.execute(
                f"SELECT {SCHEDULE} FROM scorer s JOIN scorer_schedule h ON h.scorer = s.id"  # noqa: S608
                " WHERE s.id = ?",
                (row,),
            )
            return schedule_of(made)

    def schedules(self, scorer_ids: Sequence[str]) -> Sequence[Schedule]:
        """Return the schedules of those of the scorers that have one."""
        wanted = [*dict.fromkeys(scorer_ids)]
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {SCHEDULE} FROM scorer s {ACTIVE}"  # noqa: S608
                f" JOIN scorer_schedule h ON h.scorer = s.id WHERE s.scorer_id IN {_OF_IDS}",
                (json.dumps(wanted),),
            )
            found = {each.scorer_id: each for each in map(schedule_of, rows)}
        return [found[each] for each in wanted if each in found]

    def scheduled(self) -> Sequence[tuple[ScorerVersion, Schedule]]:
        """Return the latest versions of all scorers that judge a share above 0."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {VERSION}, {SCHEDULE} FROM scorer_schedule h"  # noqa: S608
                f" JOIN scorer s ON s.id = h.scorer {ACTIVE} {LATEST}"
                f" WHERE h.sample_rate > 0 {_ORDER}"
            )
            return [(version_of(row[:6]), schedule_of(row[6:])) for row in rows]


def _row(connection: sqlite3.Connection, experiment_id: str, name: str) -> int:
    """Return the row of a scorer; NotFound, Deleted."""
    home = experiments.get_active(connection, experiment_id).experiment_id
    found = connection.execute(
        "SELECT id FROM scorer WHERE experiment = ? AND name = ?", (int(home), name)
    ).fetchone()
    if found is None:
        raise content.no_scorer(experiment_id, name)
    return int(found[0])


def _versions(
    connection: sqlite3.Connection, condition: str, values: Sequence[Any], order: str = ""
) -> Iterator[ScorerVersion]:
    rows = connection.execute(
        f"SELECT {VERSION} FROM scorer s {ACTIVE} JOIN scorer_version v ON v.scorer = s.id"  # noqa: S608
        f" WHERE {condition} ORDER BY {order or 'v.version'}",
        tuple(values),
    )
    return map(version_of, rows)


def _one(
    connection: sqlite3.Connection, condition: str, of: int | str, version: int | None
) -> ScorerVersion | None:
    """Return a version of a scorer, by default the latest; None: it is not there."""
    which = f"{condition} AND (?2 IS NULL OR v.version = ?2)"
    found = _versions(connection, which, (of, _number(version)), "v.version DESC LIMIT 1")
    return next(found, None)


def _number(version: int | None) -> int | None:
    """Return a number that SQLite can compare, and no other version has."""
    return version if version is None or 0 < version < 2**63 else 0


def version_of(row: Sequence[Any]) -> ScorerVersion:
    """Return the version of a row with the columns VERSION."""
    scorer_id, home, name, version, serialized, created = row
    return ScorerVersion(
        scorer_id=scorer_id,
        experiment_id=str(home),
        name=name,
        version=version,
        serialized=serialized,
        created_time=created,
    )


def schedule_of(row: Sequence[Any]) -> Schedule:
    """Return the schedule of a row with the columns SCHEDULE."""
    schedule_id, scorer_id, home, rate, condition = row
    return Schedule(
        schedule_id=schedule_id,
        scorer_id=scorer_id,
        experiment_id=str(home),
        sample_rate=rate,
        filter=condition,
    )
