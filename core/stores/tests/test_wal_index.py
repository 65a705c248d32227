"""Whether anybody has changed a store is told without asking SQLite."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pegboard_stores.sqlite import Database
from pegboard_stores.wal_index import WalIndex

ELSEWHERE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
for number in range(int(sys.argv[2])):
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    print(flush=True)
    sys.stdin.readline()
if "checkpoint" in sys.argv:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""


@pytest.fixture
def database(tmp_path: Path):
    made = Database(tmp_path / "x.db")
    with made.writing() as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    yield made
    made.close()


def test_each_commit_of_another_process_is_noticed(database) -> None:
    seen = [database.version()]
    command = [sys.executable, "-c", ELSEWHERE, str(database.path), "5"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin
        assert other.stdout
        for _ in range(5):
            assert other.stdout.readline() == "\n"
            assert database.version() not in seen
            seen.append(database.version())
            assert database.version() == seen[-1]
            other.stdin.write("\n")
            other.stdin.flush()
    assert isinstance(seen[0][1], bytes)


def test_what_is_written_after_the_log_began_anew_is_noticed(database) -> None:
    def write() -> None:
        command = [sys.executable, "-c", ELSEWHERE, str(database.path), "1", "checkpoint"]
        subprocess.run(command, check=True, input="\n", text=True, capture_output=True)

    seen = [database.version()]
    for _ in range(4):
        write()
        assert database.version() not in seen
        seen.append(database.version())


def test_a_commit_of_another_thread_is_noticed(database) -> None:
    before = database.version()
    other = sqlite3.connect(database.path)
    with other:
        other.execute("INSERT INTO t VALUES (1)")
    other.close()
    assert database.version() != before


def test_a_forked_child_looks_for_itself(database) -> None:
    before = database.version()
    child = os.fork()
    if not child:
        code = 1
        try:
            own = database.version()
            with sqlite3.connect(database.path) as other:
                other.execute("INSERT INTO t VALUES (1)")
            code = 0 if database.version() != own else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert database.version() != before


def test_nothing_changes_while_nobody_writes(database) -> None:
    before = database.version()
    with database.reading() as connection:
        connection.execute("SELECT * FROM t").fetchall()
    assert database.version() == before


def test_without_an_index_sqlite_is_asked(database, monkeypatch) -> None:
    def missing(path: Path) -> WalIndex:
        raise FileNotFoundError(path)

    monkeypatch.setattr(WalIndex, "of", missing)
    before = database.version()
    assert isinstance(before[1], int)
    other = sqlite3.connect(database.path)
    with other:
        other.execute("INSERT INTO t VALUES (1)")
    other.close()
    assert database.version() != before


BEGIN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
"""


def test_to_look_at_the_index_takes_no_locks_away(database) -> None:
    def begin_elsewhere() -> str:
        command = [sys.executable, "-c", BEGIN, str(database.path)]
        return subprocess.run(command, check=False, text=True, capture_output=True).stderr

    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        assert "database is locked" in begin_elsewhere()
        for _ in range(3):
            # A process that closes a file loses its locks on it, those of other threads too.
            looking = threading.Thread(target=database.version)
            looking.start()
            looking.join()
            assert "database is locked" in begin_elsewhere()
        second = Database(database.path)
        second.version()
        second.close()
        assert "database is locked" in begin_elsewhere()
    assert begin_elsewhere() == ""


def test_stores_that_are_opened_again_and_again_leave_no_files_open(tmp_path: Path) -> None:
    def use() -> None:
        store = Database(tmp_path / "again.db")
        with store.writing() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
        store.version()
        store.close()

    def count() -> int:
        return len([*Path("/proc/self/fd").iterdir()])

    use()
    before = count()
    for _ in range(20):
        use()
    assert count() <= before + 2


def test_an_index_of_another_version_is_not_read(tmp_path, database) -> None:
    with database.reading():
        shutil.copy(f"{database.path}-shm", tmp_path / "y.db-shm")
    with (tmp_path / "y.db-shm").open("r+b") as file:
        file.write(b"\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="another version"):
        WalIndex.of(tmp_path / "y.db")
