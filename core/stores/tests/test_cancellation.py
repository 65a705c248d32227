"""Work that is stopped: at checks, while SQLite reads, and never in the middle of a write."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from queue import Queue

import pytest
from pegboard.errors import StoreError
from pegboard_stores import cancellation
from pegboard_stores.cancellation import Stopped, Work
from pegboard_stores.filters import select, sorted_by
from pegboard_stores.sqlite import Database

SECONDS = 60
ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "x.db")
    with opened.writing() as connection:
        connection.execute("CREATE TABLE t (x)")
    yield opened
    opened.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def insert(database: Database, value: int) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (?)", (value,))


def rows(database: Database) -> list[int]:
    with database.reading() as connection:
        return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]


def announcing(database: Database) -> threading.Event:
    """Return what is set as soon as SQLite calls ``begun()``, in the thread of the connection."""
    begun = threading.Event()

    def tell() -> int:
        begun.set()
        return 1

    database.connection().create_function("begun", 0, tell)
    return begun


def test_what_sqlite_reads_is_interrupted_and_the_thread_reads_and_writes_on(
    database: Database, pool: ThreadPoolExecutor
) -> None:
    begun: Queue[threading.Event] = Queue()
    work = Work()

    def read() -> None:
        with cancellation.doing(work):
            begun.put(announcing(database))
            with database.reading() as connection:
                # Another statement, of which rows are left, must not keep the transaction open.
                open_rows = connection.execute("SELECT 1 UNION ALL SELECT 2")
                open_rows.fetchone()
                connection.execute(f"{ENDLESS} WHERE begun()").fetchone()

    reading = pool.submit(read)
    assert begun.get(timeout=SECONDS).wait(SECONDS)
    work.stop()
    with pytest.raises(Stopped):
        reading.result(SECONDS)
    before = pool.submit(database.version).result(SECONDS)
    pool.submit(insert, database, 1).result(SECONDS)
    assert rows(database) == pool.submit(rows, database).result(SECONDS) == [1]
    insert(database, 2)
    assert pool.submit(rows, database).result(SECONDS) == [1, 2]
    assert pool.submit(database.version).result(SECONDS) != before


def test_versions_of_a_thread_differ_after_its_reading_was_stopped(database: Database) -> None:
    seen = {database.version()}
    for number in range(5):
        work = Work()
        with pytest.raises(Stopped), cancellation.doing(work), database.reading():
            work.stop()
        insert(database, number)
        assert database.version() not in seen
        seen.add(database.version())


def test_work_that_was_stopped_begins_to_read_nothing(database: Database) -> None:
    work = Work()
    work.stop()
    reached = False
    with pytest.raises(Stopped), cancellation.doing(work), database.reading():
        reached = True
    assert not reached
    assert rows(database) == []


def test_reading_that_was_stopped_has_no_answer_though_it_came_to_its_end(
    database: Database,
) -> None:
    work = Work()
    with pytest.raises(Stopped), cancellation.doing(work), database.reading() as connection:
        connection.execute("SELECT 1").fetchall()
        work.stop()


def test_an_error_while_reading_stays_what_it_is(database: Database) -> None:
    with cancellation.doing(Work()):
        with pytest.raises(StoreError), database.reading() as connection:
            connection.execute("SELECT nothing")
        with pytest.raises(KeyError), database.reading():
            raise KeyError
        assert rows(database) == []


def test_a_write_is_not_stopped_half_way(database: Database, pool: ThreadPoolExecutor) -> None:
    work = Work()
    half, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with cancellation.doing(work):
            with database.writing() as connection:
                connection.execute("INSERT INTO t VALUES (1)")
                half.set()
                assert go_on.wait(SECONDS)
                cancellation.check()
                # Reading within a write is a part of it.
                assert rows(database) == [1]
                connection.execute("INSERT INTO t VALUES (2)")
            cancellation.check()

    writing = pool.submit(write)
    assert half.wait(SECONDS)
    work.stop()
    go_on.set()
    with pytest.raises(Stopped):
        writing.result(SECONDS)
    assert rows(database) == [1, 2]


def test_nothing_is_interrupted_after_its_block() -> None:
    work, calls = Work(), count(1)
    with work.interrupted_by(lambda: next(calls)):
        pass
    with pytest.raises(Stopped), work.interrupted_by(lambda: next(calls)):
        work.stop()
        work.stop()
    work.stop()
    assert next(calls) == 3


def test_what_fails_when_it_is_interrupted_was_stopped() -> None:
    work = Work()
    with pytest.raises(Stopped), work.interrupted_by(lambda: None):
        work.is_stopped = True
        raise sqlite3.OperationalError("interrupted")


def test_code_that_survives_errors_does_not_survive_a_stop() -> None:
    assert not issubclass(Stopped, Exception)


def test_long_loops_are_stopped() -> None:
    work, read = Work(), 0
    with pytest.raises(Stopped), cancellation.doing(work):
        for number in cancellation.checked(count()):
            read = number
            if number == 1_000:
                work.stop()
    assert 1_000 <= read < 2_000


def test_searches_in_memory_are_stopped() -> None:
    from pegboard.entities import Experiment

    experiment = Experiment("1", "a", "memory:a")
    read: list[int] = []

    def endless(work: Work) -> Iterator[Experiment]:
        for number in count():
            read.append(number)
            if number == 1_000:
                work.stop()
            yield experiment

    for search in (lambda found: select(None, found), sorted_by):
        work = Work()
        with pytest.raises(Stopped), cancellation.doing(work):
            search(endless(work))
        assert len(read) < 2_000
        read.clear()


def test_without_work_nothing_is_stopped() -> None:
    assert cancellation.current() is None
    cancellation.check()
    assert list(cancellation.checked(range(1_000))) == list(range(1_000))
