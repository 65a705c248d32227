"""What an event loop commits itself, and what it leaves to threads."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pegboard.errors import InvalidValue
from pegboard_stores import checkpoints, loop_commit
from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.sqlite import Database


class Recording(sqlite3.Connection):
    """A connection that notes what is executed, and by which thread."""

    executed: list[tuple[int, str]]

    def execute(self, sql: str, *given: object) -> sqlite3.Cursor:  # type: ignore[override]
        self.executed.append((threading.get_ident(), sql))
        return super().execute(sql, *given)


@pytest.fixture(autouse=True)
def a_busy_machine_is_not_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_commit, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(loop_commit, "SLOW_SECONDS", 60.0)


@pytest.fixture(params=["normal"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    kind = type("Connection", (Recording,), {"executed": []})
    made = Database(tmp_path / "x.db", synchronous=request.param, kind=kind)
    with made.writing() as connection:
        connection.execute("CREATE TABLE t (a INTEGER UNIQUE)")
    yield made
    made.close()


@pytest.fixture
def group(database: Database) -> Iterator[GroupCommit]:
    made = GroupCommit(database)
    yield made
    made.close()


def by_threads(database: Database, words: str) -> list[bool]:
    """Return of each statement that begins with some words whether another thread executed it."""
    here = threading.get_ident()
    return [at != here for at, sql in database.kind.executed if sql.startswith(words)]  # type: ignore[attr-defined]


def insert(group: GroupCommit, value: int) -> Callable[[], int]:
    def write(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        if value < 0:
            raise InvalidValue("no")
        return value

    return partial(group.run, write)


async def together(group: GroupCommit, *values: int) -> list[int | BaseException]:
    works = [group.soon(insert(group, value)) for value in values]
    return await asyncio.gather(*works, return_exceptions=True)


def values(database: Database) -> list[int]:
    other = sqlite3.connect(database.path)
    with contextlib.closing(other):
        return [a for (a,) in other.execute("SELECT a FROM t ORDER BY a")]


def test_what_comes_in_one_turn_is_committed_by_the_loop_at_once(database, group) -> None:
    database.kind.executed.clear()
    assert asyncio.run(together(group, 3, 1, 2)) == [3, 1, 2]
    assert values(database) == [1, 2, 3]
    assert by_threads(database, "BEGIN IMMEDIATE") == [False]
    assert by_threads(database, "INSERT") == [False] * 3


def test_an_error_belongs_to_its_own_write(database, group) -> None:
    first, wrong, again, last = asyncio.run(together(group, 1, -5, 1, 2))
    assert (first, last) == (1, 2)
    assert isinstance(wrong, InvalidValue)
    assert "UNIQUE" in str(again)
    assert values(database) == [1, 2]


@contextlib.contextmanager
def lock_file_held(database: Database) -> Iterator[None]:
    with Database(database.path).exclusive():
        yield


@contextlib.contextmanager
def transaction_open(database: Database) -> Iterator[None]:
    other = sqlite3.connect(database.path, isolation_level=None)
    with contextlib.closing(other):
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("COMMIT")


@pytest.mark.parametrize("held", [lock_file_held, transaction_open])
def test_a_lock_that_others_hold_does_not_hold_up_the_loop(database, group, held) -> None:
    async def work() -> list[int | BaseException]:
        with held(database):
            writing = asyncio.ensure_future(together(group, 1, 2))
            # Would the loop wait, it would never come to where the lock is given back.
            for _ in range(20):
                await asyncio.sleep(0)
            assert not writing.done()
        return await writing

    database.kind.executed.clear()
    assert asyncio.run(work()) == [1, 2]
    assert values(database) == [1, 2]
    assert by_threads(database, "INSERT") == [True, True]


@pytest.mark.parametrize("database", ["full"], indirect=True)
def test_where_each_commit_waits_for_the_disk_a_thread_makes_it(database, group) -> None:
    database.kind.executed.clear()
    assert asyncio.run(together(group, 1, 2)) == [1, 2]
    assert by_threads(database, "INSERT") == [True, True]


def test_a_log_that_begins_anew_is_begun_by_a_thread(database, group) -> None:
    async def work() -> None:
        await together(group, 1)
        database.connection().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        await together(group, 2)
        # The thread looks for more when it has told what became of the last write.
        while group._queue.is_led:
            await asyncio.sleep(0)
        await together(group, 3)

    database.kind.executed.clear()
    asyncio.run(work())
    assert by_threads(database, "INSERT") == [False, True, False]


def test_what_takes_long_is_done_in_several_turns_of_the_loop(database, group, monkeypatch) -> None:
    seen: list[list[int]] = []

    async def look() -> None:
        while len(seen) < 3 or len(seen[-1]) < 3:
            seen.append(values(database))
            await asyncio.sleep(0)

    async def work() -> list[int | BaseException]:
        looking = asyncio.ensure_future(look())
        answers = await together(group, 1, 2, 3)
        await looking
        return answers

    monkeypatch.setattr(loop_commit, "MOST_SECONDS", -1.0)
    database.kind.executed.clear()
    assert asyncio.run(work()) == [1, 2, 3]
    # Others had their turns between these.
    assert [1] in seen
    assert [1, 2] in seen
    assert by_threads(database, "BEGIN IMMEDIATE") == [False] * 3


def test_a_slow_disk_is_left_to_a_thread_for_a_while(database, monkeypatch) -> None:
    monkeypatch.setattr(loop_commit, "PAUSE_SECONDS", 60.0)
    group = GroupCommit(database)

    async def work() -> None:
        await together(group, 1)
        monkeypatch.setattr(loop_commit, "SLOW_SECONDS", 60.0)
        await together(group, 2)

    monkeypatch.setattr(loop_commit, "SLOW_SECONDS", -1.0)
    database.kind.executed.clear()
    asyncio.run(work())
    group.close()
    assert by_threads(database, "INSERT") == [False, True]


def test_what_is_slow_again_and_again_is_tried_ever_more_seldom(database) -> None:
    here = loop_commit.LoopCommit(database)
    pauses = []
    for began in range(0, 100, 10):
        here._judge(began, began + 61.0)
        pauses.append(round(here._slow_until - began - 61.0, 3))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]
    here._judge(200.0, 200.01)
    here._judge(300.0, 361.0)
    assert round(here._slow_until - 361.0, 3) == 0.1
    here.close()


def test_the_loop_makes_no_checkpoint_and_the_log_stays_short(database, group, monkeypatch) -> None:
    for name, pages in (("DUE_PAGES", 20), ("LONG_PAGES", 40), ("MOST_PAGES", 400)):
        monkeypatch.setattr(checkpoints, name, pages)

    async def work() -> None:
        for number in range(600):
            await together(group, number)

    database.kind.executed.clear()
    asyncio.run(work())
    group.close()
    made = by_threads(database, "PRAGMA wal_checkpoint")
    assert made
    assert all(made)
    assert values(database) == list(range(600))
    # Each of the 600 commits adds two pages or more.
    log = database.path.with_name(f"{database.path.name}-wal")
    assert log.stat().st_size < 600 * 4096


def test_others_write_while_a_checkpoint_is_made(database, monkeypatch) -> None:
    monkeypatch.setattr(checkpoints, "DUE_PAGES", 1)
    seen: list[list[int]] = []
    move = checkpoints._move

    def move_and_write(connection: sqlite3.Connection) -> None:
        other = Database(database.path, patience=0.0)
        monkeypatch.setattr(checkpoints, "_move", move)
        with other.writing() as writing:
            writing.execute("INSERT INTO t VALUES (2)")
        move(connection)
        seen.append(values(database))

    monkeypatch.setattr(checkpoints, "_move", move_and_write)
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert seen == [[1, 2]]


def test_a_checkpoint_that_fails_undoes_no_write(database, monkeypatch) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(checkpoints, "DUE_PAGES", 1)
    monkeypatch.setattr(checkpoints, "_move", fail)
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert values(database) == [1]
