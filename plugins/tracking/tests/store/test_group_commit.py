"""Writes that come at the same time share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from pegboard.config import Config
from pegboard.entities import Metric, Param
from pegboard.errors import InvalidValue, StoreError
from pegboard.host import Host
from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.sqlite import Database
from pegboard_tracking.points import journal_writer


@pytest.fixture
def database(tmp_path: Path):
    made = Database(tmp_path / "x.db")
    with made.writing() as connection:
        connection.execute("CREATE TABLE t (a INTEGER UNIQUE)")
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path):
    host = Host(Config())
    yield host.tracking_store(f"sqlite:{tmp_path}/store.db")
    host.close()


def insert(value: int) -> Callable[[sqlite3.Connection], int]:
    def write(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        return value

    return write


def values(database: Database) -> list[int]:
    with database.reading() as connection:
        return [a for (a,) in connection.execute("SELECT a FROM t ORDER BY a")]


class Together:
    """Holds the store's lock until some writes wait for each other, so that they go together."""

    def __init__(self, database: Database, group: GroupCommit) -> None:
        self.database, self.group = database, group
        self.transactions = 0

    def run(self, writes: list[Callable[[sqlite3.Connection], int]]) -> list[object]:
        entered, leave = threading.Event(), threading.Event()

        def first(connection: sqlite3.Connection) -> int:
            entered.set()
            leave.wait(30)
            return -1

        with ThreadPoolExecutor(len(writes) + 1) as pool:
            head = pool.submit(self.group.run, first)
            assert entered.wait(30)
            waiting = [pool.submit(self.group.run, write) for write in writes]
            queue = self.group._queue.waiting
            while len(queue) < len(writes):
                threading.Event().wait(0.01)
            leave.set()
            head.result(30)
            return [each.exception(30) or each.result(30) for each in waiting]


def count_commits(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each transaction."""
    begun: list[int] = []
    writing = database.writing

    def counted():
        begun.append(1)
        return writing()

    monkeypatch.setattr(database, "writing", counted)
    return begun


def test_writes_that_wait_together_are_committed_together(database, monkeypatch) -> None:
    begun = count_commits(database, monkeypatch)
    answers = Together(database, GroupCommit(database)).run([insert(i) for i in range(8)])
    assert answers == list(range(8))
    assert values(database) == list(range(8))
    assert len(begun) == 2


def test_a_write_that_fails_undoes_itself_alone(database) -> None:
    def twice(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (100)")
        connection.execute("INSERT INTO t VALUES (100)")
        return 100

    def refused(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (200)")
        raise InvalidValue("no")

    group = GroupCommit(database)
    answers = Together(database, group).run([insert(1), twice, insert(2), refused, insert(3)])
    assert [answers[0], answers[2]] == [1, 2]
    assert isinstance(answers[1], StoreError)
    assert "UNIQUE" in str(answers[1])
    assert isinstance(answers[3], InvalidValue)
    assert values(database) == [1, 2, 3]


def test_writes_are_tried_alone_when_their_transaction_as_a_whole_fails(database) -> None:
    def fatal(connection: sqlite3.Connection) -> int:
        # As SQLite does when the disk is full: everything is undone, and the transaction over.
        connection.execute("ROLLBACK")
        raise StoreError("gone")

    group = GroupCommit(database)
    answers = Together(database, group).run([insert(1), fatal, insert(2)])
    assert [answers[0], answers[2]] == [1, 2]
    assert isinstance(answers[1], StoreError)
    assert values(database) == [1, 2]


def test_a_thread_that_is_interrupted_leaves_the_writes_of_others(database) -> None:
    class Interrupt(BaseException):
        pass

    calls = []

    def interrupted(connection: sqlite3.Connection) -> int:
        calls.append(1)
        connection.execute("INSERT INTO t VALUES (100)")
        raise Interrupt

    group = GroupCommit(database)
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(Interrupt):
            group.run(interrupted)
        assert pool.submit(group.run, insert(1)).result(30) == 1
    assert values(database) == [1]
    assert len(calls) == 1


def test_a_write_within_a_transaction_becomes_a_part_of_it(database) -> None:
    group = GroupCommit(database)
    with pytest.raises(InvalidValue), database.writing():
        assert group.run(insert(1)) == 1
        raise InvalidValue("undo")
    assert values(database) == []


def test_what_comes_from_an_event_loop_shares_transactions(database, monkeypatch) -> None:
    begun = count_commits(database, monkeypatch)
    group = GroupCommit(database)

    async def work() -> list[int | BaseException]:
        numbers = [*range(100), 5, 7]
        works = (partial(group.run, insert(number)) for number in numbers)
        return await asyncio.gather(*map(group.soon, works), return_exceptions=True)

    *answers, five, seven = asyncio.run(work())
    assert answers == list(range(100))
    assert isinstance(five, StoreError)
    assert isinstance(seven, StoreError)
    assert values(database) == list(range(100))
    assert len(begun) < 20


def test_threads_and_event_loops_write_to_one_store(database) -> None:
    group = GroupCommit(database)

    def in_loop(first: int) -> None:
        async def work() -> None:
            for number in range(first, first + 100, 4):
                some = (partial(group.run, insert(number + i)) for i in range(4))
                await asyncio.gather(*map(group.soon, some))

        asyncio.run(work())

    def in_thread(first: int) -> None:
        for number in range(first, first + 100):
            group.run(insert(number))

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(in_loop, 100 * i) for i in range(4)]
        jobs += [pool.submit(in_thread, 100 * i) for i in range(4, 8)]
        for job in jobs:
            job.result(60)
    assert values(database) == list(range(800))


def test_whoever_was_torn_from_committing_holds_nobody_up(database) -> None:
    group = GroupCommit(database)
    # As a signal leaves it that comes right before the end of a write.
    group._queue.is_led = True
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(group.run, insert(number)) for number in range(4)]
        assert [job.result(60) for job in jobs] == [0, 1, 2, 3]
    assert not group._queue.is_led


def test_an_error_of_the_store_itself_is_told_to_all(database, monkeypatch) -> None:
    group = GroupCommit(database)

    def fail(_: Database) -> None:
        raise MemoryError

    async def work() -> list[BaseException | int]:
        works = (partial(group.run, insert(number)) for number in range(5))
        return await asyncio.gather(*map(group.soon, works), return_exceptions=True)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", fail)
        assert all(isinstance(answer, MemoryError) for answer in asyncio.run(work()))
    assert asyncio.run(work()) == list(range(5))


def test_32_threads_write_to_one_store_and_each_reads_what_it_wrote(store) -> None:
    runs = [store.create_run("0").info.run_id for _ in range(4)]

    def work(number: int) -> None:
        run = runs[number % 4]
        for i in range(20):
            store.log_batch(run, params=[Param(f"p{number}.{i}", str(i))])
            assert store.get_run(run).data.params[f"p{number}.{i}"] == str(i)
        with pytest.raises(InvalidValue):
            store.log_batch(
                run, params=[Param(f"new{number}", "1"), Param(f"p{number}.0", "other")]
            )

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))
    for index, run in enumerate(runs):
        wanted = {f"p{n}.{i}": str(i) for n in range(index, 32, 4) for i in range(20)}
        assert store.get_run(run).data.params == wanted


def test_batches_of_metrics_from_many_threads_are_all_kept_in_order(store) -> None:
    run = store.create_run("0").info.run_id

    def work(number: int) -> None:
        for start in range(0, 200, 20):
            points = [Metric(f"m{number}", i, i, i) for i in range(start, start + 20)]
            store.log_batch(run, metrics=points)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    for number in range(16):
        steps = [point.step for point in store.metric_history(run, f"m{number}")]
        assert steps == list(range(200))


WRITE_FOR_EVER = """
import threading
from pegboard.entities import Metric, Param, RunTag
run_id = store.create_run("0").info.run_id
print(run_id, flush=True)
def work(number):
    for i in range(10**9):
        store.log_batch(run_id, params=[Param(f"p{number}.{i}", str(i))])
        points = [Metric(f"m{number}.{k}", i, i, i) for k in range(3)]
        store.log_batch(run_id, metrics=points)
        os.write(1, b"%d %d\\n" % (number, i))
for number in range(16):
    threading.Thread(target=work, args=(number,)).start()
"""


@pytest.mark.parametrize("lines", [1, 300])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path, children, lines) -> None:
    uri = f"sqlite:{tmp_path}/killed.db"
    process = children.start(WRITE_FOR_EVER, uri)
    run_id = children.read_line(process)
    seen = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    seen += process.stdout.read().split("\n")
    process.wait()
    acknowledged = [tuple(map(int, line.split())) for line in seen if len(line.split()) == 2]

    host = Host(Config())
    store = host.tracking_store(uri)
    params = store.get_run(run_id).data.params
    # The last line may have been cut off by the kill: its number is then one of the others' or 0.
    for number, i in acknowledged[:-1]:
        assert params[f"p{number}.{i}"] == str(i)
    for number in range(16):
        last = max((i for n, i in acknowledged[:-1] if n == number), default=-1)
        histories = [
            [point.step for point in store.metric_history(run_id, f"m{number}.{k}")]
            for k in range(3)
        ]
        assert histories[0] == histories[1] == histories[2], "a batch was kept in part"
        assert histories[0] == list(range(len(histories[0])))
        assert len(histories[0]) > last
    host.close()


def test_a_journal_that_is_followed_by_another_amid_new_metrics_loses_none(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(journal_writer, "ROTATE_BYTES", 150)
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{tmp_path}/store.db")
    run = store.create_run("0").info.run_id
    for i in range(60):
        store.metric_writer().log(run, f"single{i % 7}", i, i, i)
        store.metric_writer().log_many(run, {f"row{i % 5}": i, "both": i}, i, i)
        store.log_batch(
            run, metrics=[Metric(f"batch{i % 3}", i, i, i), Metric("both", i + 0.5, i, i)]
        )
    for name, count in (("single", 7), ("row", 5), ("batch", 3)):
        for key in range(count):
            steps = [point.step for point in store.metric_history(run, f"{name}{key}")]
            assert steps == list(range(key, 60, count))
    assert [p.step for p in store.metric_history(run, "both")] == sorted([*range(60)] * 2)
    host.close()
