"""The tables of usage: a row a call, sums since the beginning, and where counters stand."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import orjson

from pegboard_gateway.control.rows import COLUMNS, PLACE, Row, attempt_sql

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "gateway-usage"
COUNT = 4

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""The upper bounds of the buckets of durations, in seconds."""

SUMS = (
    "calls", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "cost", "seconds",
    "upstream_seconds", "streams", "first_token_seconds", "unpriced",
)  # fmt: skip
"""What is summed up; ``streams`` counts those that had a first token."""
_FIRST_SUMS = SUMS[:-1]
"""Those that there were in the beginning."""
LABELS = ("endpoint", "provider", "model", "outcome", "status")
BUCKETS = tuple(f"le_{place}" for place in range(len(BOUNDS)))
TOTALS = (*LABELS, *SUMS, *BUCKETS)
ATTEMPT_LABELS = ("endpoint", "target", "provider", "model", "trouble", "status")
"""``trouble`` is empty for an attempt that succeeded."""

_TYPE = {True: "REAL", False: "INTEGER"}

_FIRST = f"""
CREATE TABLE gateway_call (
    number INTEGER PRIMARY KEY,
    call TEXT NOT NULL UNIQUE,
    id TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    task TEXT NOT NULL,
    face TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    user TEXT NOT NULL,
    address TEXT NOT NULL,
    team TEXT NOT NULL,
    workspace TEXT NOT NULL,
    stream INTEGER NOT NULL,
    trouble TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    target TEXT NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    tokens_cached INTEGER NOT NULL,
    tokens_reasoning INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    seconds REAL NOT NULL,
    first_token_seconds REAL NOT NULL,
    upstream_seconds REAL NOT NULL,
    attempts TEXT NOT NULL,
    tags TEXT NOT NULL,
    admitted INTEGER NOT NULL
) STRICT;

CREATE INDEX gateway_call_time ON gateway_call (started_ms, number);
CREATE INDEX gateway_call_key ON gateway_call (key_id, started_ms, number);
CREATE INDEX gateway_call_endpoint ON gateway_call (endpoint, started_ms, number);
CREATE INDEX gateway_call_id ON gateway_call (id);

CREATE TABLE gateway_total (
    endpoint TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    {", ".join(f"{name} {_TYPE['seconds' in name]} NOT NULL" for name in _FIRST_SUMS)},
    {", ".join(f"{name} INTEGER NOT NULL" for name in BUCKETS)},
    PRIMARY KEY ({", ".join(LABELS)})
) STRICT, WITHOUT ROWID;

CREATE TABLE gateway_level (
    counter TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    level INTEGER NOT NULL,
    PRIMARY KEY (counter, start, end)
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_level_over ON gateway_level (end);
"""

_SECOND = f"""
CREATE TABLE gateway_attempt_total (
    endpoint TEXT NOT NULL,
    target TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    trouble TEXT NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY ({", ".join(ATTEMPT_LABELS)})
) STRICT, WITHOUT ROWID;

INSERT INTO gateway_attempt_total
SELECT endpoint, {", ".join(map(attempt_sql, ATTEMPT_LABELS[1:]))},
count(*), total({attempt_sql("seconds")})
FROM gateway_call JOIN json_each(nullif(attempts, '')) AS attempt GROUP BY 1, 2, 3, 4, 5, 6;
"""  # noqa: S608

_THIRD = """
ALTER TABLE gateway_call ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gateway_total ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
"""

_FOURTH = "ALTER TABLE gateway_call ADD COLUMN prompt TEXT NOT NULL DEFAULT ''"

_INSERT = (
    f"INSERT OR IGNORE INTO gateway_call ({', '.join(COLUMNS)})"  # noqa: S608
    f" VALUES ({', '.join('?' * len(COLUMNS))})"
)
_TOTAL = (
    f"INSERT INTO gateway_total ({', '.join(TOTALS)}) VALUES ({', '.join('?' * len(TOTALS))})"  # noqa: S608
    " ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in (*SUMS, *BUCKETS))
)
_ATTEMPT_TOTAL = (
    f"INSERT INTO gateway_attempt_total VALUES ({', '.join('?' * (len(ATTEMPT_LABELS) + 2))})"  # noqa: S608
    " ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts,"
    " seconds = seconds + excluded.seconds"
)
_LEVEL = """
INSERT INTO gateway_level (counter, start, end, level) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET level = min(level, 9223372036854775807 - excluded.level) + excluded.level
"""


def migrations() -> Migrations:
    """Return the migrations; COUNT of them."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations(NAME)

    @steps()
    def first(db: object) -> None:
        _execute(db, _FIRST)

    @steps()
    def second(db: object) -> None:
        _execute(db, _SECOND)

    @steps()
    def third(db: object) -> None:
        _execute(db, _THIRD)

    @steps()
    def fourth(db: object) -> None:
        _execute(db, _FOURTH)

    return steps


def _execute(db: object, statements: str) -> None:
    connection = db.conn  # type: ignore[attr-defined]
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)


def missing(connection: sqlite3.Connection, calls: Iterable[str]) -> set[str]:
    """Return those of the calls that have no row yet."""
    known = "SELECT 1 FROM gateway_call WHERE call = ?"
    return {call for call in calls if connection.execute(known, (call,)).fetchone() is None}


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Add calls, and their numbers to the sums."""
    connection.executemany(_INSERT, rows)
    totals: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        key = tuple(row[place] for place in _LABEL_PLACES)
        sums = totals.get(key)
        if sums is None:
            # Behind the last bound there is room for what took longer than all of them.
            sums = totals[key] = [0] * (len(SUMS) + len(BOUNDS) + 1)
        _add(sums, row)
    connection.executemany(
        _TOTAL,
        [
            (*key, *sums[: len(SUMS)], *accumulate(sums[len(SUMS) : -1]))
            for key, sums in totals.items()
        ],
    )
    attempts = _attempts(rows)
    connection.executemany(_ATTEMPT_TOTAL, [(*key, *sums) for key, sums in attempts.items()])


def _attempts(rows: Sequence[Row]) -> dict[tuple[Any, ...], list[float]]:
    """Return of each target and how its attempts ended: how many, and their seconds."""
    totals: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        for target, provider, model, trouble, status, seconds, *_ in (
            orjson.loads(row[_ATTEMPTS]) if row[_ATTEMPTS] else ()
        ):
            key = (row[_ENDPOINT], target, provider, model, trouble, status)
            sums = totals.setdefault(key, [0, 0.0])
            sums[0] += 1
            sums[1] += seconds
    return totals


_LABEL_PLACES = [PLACE[name] for name in LABELS]
_SECONDS, _FIRST_TOKEN = PLACE["seconds"], PLACE["first_token_seconds"]
_SUMMED = [
    (place, PLACE[name]) for place, name in enumerate(SUMS) if name not in ("calls", "streams")
]
_ENDPOINT, _ATTEMPTS = PLACE["endpoint"], PLACE["attempts"]
_CALLS, _STREAMS = SUMS.index("calls"), SUMS.index("streams")


def _add(sums: list[float], row: Row) -> None:
    sums[_CALLS] += 1
    sums[_STREAMS] += bool(row[_FIRST_TOKEN])
    for place, column in _SUMMED:
        sums[place] += row[column]
    sums[len(SUMS) + bisect_left(BOUNDS, row[_SECONDS])] += 1


def add_levels(connection: sqlite3.Connection, levels: Iterable[tuple[str, int, int, int]]) -> None:
    """Add to counters: counter, start and end of the window, amount."""
    connection.executemany(_LEVEL, levels)
