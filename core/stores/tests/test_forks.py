"""A process may fork at any time, though its threads are within SQLite."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pegboard_stores import forks
from pegboard_stores.sqlite import Database

MANY = """
import os, signal, sys, threading
from pathlib import Path
from pegboard_stores.sqlite import Database

path = Path(sys.argv[1])
kept = Database(path)
with kept.writing() as connection:
    connection.execute("CREATE TABLE t (a INTEGER)")
stop = threading.Event()

def work():
    while not stop.is_set():
        mine = Database(path)
        with mine.writing() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
        with mine.reading() as connection:
            connection.execute("SELECT count(*) FROM t").fetchone()
        mine.version()
        mine.close()

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
ends = []
for _ in range(40):
    child = os.fork()
    if not child:
        signal.alarm(20)  # ends a child that waits for what nobody releases
        with kept.writing() as connection:
            connection.execute("INSERT INTO t VALUES (2)")
        os._exit(0)
    ends.append(os.waitpid(child, 0)[1])
    if ends[-1]:
        break
stop.set()
for thread in threads:
    thread.join()
with kept.reading() as connection:
    print(ends.count(0), *connection.execute("SELECT count(*) FROM t WHERE a = 2").fetchone())
"""


def test_children_of_a_process_whose_threads_are_at_work_can_write(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(tmp_path / "x.db")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout, done.returncode) == ("40 40\n", 0), done.stderr


@pytest.fixture
def database(tmp_path: Path):
    made = Database(tmp_path / "x.db")
    yield made
    made.close()


def fork() -> int:
    """Fork, and return the status of a child that ends at once."""
    child = os.fork()
    if not child:
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_a_thread_within_a_transaction_may_fork(database: Database) -> None:
    with database.writing() as connection, database.reading():
        connection.execute("CREATE TABLE t (a INTEGER)")
        assert fork() == 0
    assert fork() == 0


def test_a_fork_waits_not_for_ever_for_a_thread_that_waits_for_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "PATIENCE_SECONDS", 0.05)
    reads, forked = threading.Event(), threading.Event()

    def read() -> None:
        with database.reading():
            reads.set()
            forked.wait(60)

    thread = threading.Thread(target=read)
    thread.start()
    assert reads.wait(60)
    assert fork() == 0
    forked.set()
    thread.join()
    with database.reading() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
