"""Counters in an SQLite file, shared by the processes of one machine.

What comes from an event loop at the same time shares a transaction. What a process held when it was
killed is in the file, and stays counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.sqlite import Database

from pegboard_gateway.control.contract import Charge, Ledger, Level, Refusal
from pegboard_gateway.control.ledgers.memory import MOST
from pegboard_gateway.control.windows import Window

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "gateway-counters"
COUNT = 1

_FIRST = """
CREATE TABLE gateway_counter (
    counter TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    level INTEGER NOT NULL,
    held INTEGER NOT NULL,
    PRIMARY KEY (counter, start, end)
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_counter_over ON gateway_counter (end);

CREATE TABLE gateway_reservation (
    reservation TEXT NOT NULL,
    place INTEGER NOT NULL,
    counter TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (reservation, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_reservation_over ON gateway_reservation (end);
"""

_SWEEP_EVERY = 5_000
_KEPT_MS = 7 * 86_400_000
"""How long after the end of its window a counter is kept for those who still hold something."""

_LEVEL = "SELECT level, held FROM gateway_counter WHERE counter = ? AND start = ? AND end = ?"
_ADD = """
INSERT INTO gateway_counter (counter, start, end, level, held) VALUES (?1, ?2, ?3, ?4, ?4)
ON CONFLICT DO UPDATE SET level = ?5, held = ?6
"""
_HOLD = "INSERT INTO gateway_reservation VALUES (?, ?, ?, ?, ?, ?)"
_HELD = """
SELECT counter, start, end, amount FROM gateway_reservation WHERE reservation = ? ORDER BY place
"""
_RELEASE = "DELETE FROM gateway_reservation WHERE reservation = ?"
_SET = "UPDATE gateway_counter SET level = ?, held = ? WHERE counter = ? AND start = ? AND end = ?"


def migrations() -> Migrations:
    """Return the migrations; COUNT of them."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations(NAME)

    @steps()
    def first(db: object) -> None:
        connection = db.conn  # type: ignore[attr-defined]
        for statement in _FIRST.split(";"):
            if statement.strip():
                connection.execute(statement)

    return steps


class SqliteLedger(Ledger):
    """Counters in a file; its methods are awaited."""

    shared = True

    def __init__(self, file: Path) -> None:
        """Open the file, or make it."""
        self._database = Database(file)
        self._database.migrate(NAME, COUNT, migrations)
        self._commits = GroupCommit(self._database)
        self._until_sweep = _SWEEP_EVERY

    async def reserve(
        self, reservation: str, charges: Sequence[Charge], now_ms: int
    ) -> Sequence[Refusal]:
        """Take all charges, and return nothing; or take none, and return those refused."""

        def write(connection: sqlite3.Connection) -> Sequence[Refusal]:
            return _reserve(connection, reservation, charges, now_ms)

        self._until_sweep -= 1
        if not self._until_sweep:
            self._until_sweep = _SWEEP_EVERY
            await self._commits.soon(lambda: self._commits.run(lambda c: _sweep(c, now_ms)))
        return await self._commits.soon(lambda: self._commits.run(write))

    async def settle(self, reservation: str, amounts: Sequence[int]) -> None:
        """Replace the amounts of a reservation, and hold them no more."""

        def write(connection: sqlite3.Connection) -> None:
            _settle(connection, reservation, amounts)

        await self._commits.soon(lambda: self._commits.run(write))

    async def holds(self, reservation: str) -> bool:
        """Return whether a reservation was taken, and is not settled yet."""

        def read(connection: sqlite3.Connection) -> bool:
            return bool(connection.execute(_HELD, (reservation,)).fetchall())

        return await self._commits.soon(lambda: self._commits.run(read))

    async def levels(self, counters: Sequence[tuple[str, Window]], now_ms: int) -> Sequence[Level]:
        """Return where counters stand in the windows around a time."""

        def read(connection: sqlite3.Connection) -> Sequence[Level]:
            return [
                Level(*_level(connection, (counter, *window.span(now_ms))))
                for counter, window in counters
            ]

        return await self._commits.soon(lambda: self._commits.run(read))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _level(connection: sqlite3.Connection, key: tuple[str, int, int]) -> tuple[int, int]:
    found: tuple[int, int] | None = connection.execute(_LEVEL, key).fetchone()
    return found or (0, 0)


def _reserve(
    connection: sqlite3.Connection, reservation: str, charges: Sequence[Charge], now_ms: int
) -> Sequence[Refusal]:
    taken, refused = [], []
    for place, (counter, window, amount, limit) in enumerate(charges):
        key = (counter, *window.span(now_ms))
        level, held = _level(connection, key)
        if limit is not None and amount and level >= limit:
            refused.append(Refusal(place, level, held, key[2]))
        taken.append((place, key, amount, level, held))
    if refused:
        return refused
    for place, key, amount, level, held in taken:
        # What is held is what was added, so that settling takes away no more than that.
        added = min(amount, MOST - level)
        connection.execute(_ADD, (*key, added, level + added, min(held + added, MOST)))
        connection.execute(_HOLD, (reservation, place, *key, added))
    return ()


def _settle(connection: sqlite3.Connection, reservation: str, amounts: Sequence[int]) -> None:
    taken = connection.execute(_HELD, (reservation,)).fetchall()
    if not taken:
        return
    for (*key, reserved), amount in zip(taken, amounts, strict=True):
        level, held = _level(connection, (key[0], key[1], key[2]))
        settled = max(0, min(level - reserved + amount, MOST))
        connection.execute(_SET, (settled, max(0, held - reserved), *key))
    connection.execute(_RELEASE, (reservation,))


def _sweep(connection: sqlite3.Connection, now_ms: int) -> None:
    """Forget windows that are over and not held, and after a week those that are."""
    gone = now_ms - _KEPT_MS
    connection.execute("DELETE FROM gateway_reservation WHERE end <= ?", (gone,))
    connection.execute(
        "DELETE FROM gateway_counter WHERE end <= ? AND (held = 0 OR end <= ?)", (now_ms, gone)
    )


def make(uri: str, directory: Path) -> Ledger:
    """Return counters in an SQLite file: ``sqlite:PATH``, by default ``counters.db``."""
    path = uri.partition(":")[2]
    return SqliteLedger(Path(path) if path else directory / "counters.db")
