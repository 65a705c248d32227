"""SQLite for stores: real files, real processes, real faults."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from pegboard.errors import (
    NotFound,
    PegboardError,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreReadOnly,
)
from pegboard_stores.sqlite import Database
from sqlite_utils.migrations import Migrations


def migrations(count: int) -> Migrations:
    """Return migrations of which each makes a table: t0, t1…"""
    made = Migrations("test")
    for number in range(count):

        def step(db: object, number: int = number) -> None:
            db.conn.execute(f"CREATE TABLE t{number} (x)")  # type: ignore[attr-defined]

        step.__name__ = f"step{number}"
        made()(step)
    return made


def migrated(path: Path, count: int = 1) -> Database:
    database = Database(path)
    database.migrate("test", count, lambda: migrations(count))
    return database


def rows(database: Database, table: str = "t0") -> list[object]:
    with database.reading() as connection:
        return [x for (x,) in connection.execute(f"SELECT x FROM {table} ORDER BY x")]


def insert(database: Database, value: object) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO t0 VALUES (?)", (value,))


def child(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start Python code in another process; this module's helpers are there."""
    head = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    head += "from pathlib import Path\nfrom test_sqlite import *\n"
    command = [sys.executable, "-c", head + dedent(code), *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def test_a_store_is_made_with_its_directories(tmp_path: Path) -> None:
    database = migrated(tmp_path / "a" / "b" / "store.db")
    insert(database, 1)
    database.close()
    assert rows(migrated(tmp_path / "a" / "b" / "store.db")) == [1]


def test_a_missing_store_is_not_made_when_that_is_not_wanted(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Database(tmp_path / "a" / "store.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["with space.db", "ünï#cödé?.db", "100%.db", "mode=ro&x.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    insert(migrated(tmp_path / name), 1)
    assert (tmp_path / name).is_file()


def test_a_transaction_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    database = migrated(tmp_path / "store.db")
    with pytest.raises(RuntimeError), database.writing() as connection:
        connection.execute("INSERT INTO t0 VALUES (1)")
        raise RuntimeError
    assert rows(database) == []
    with database.writing() as connection:
        connection.execute("INSERT INTO t0 VALUES (1)")
        with database.writing() as again:
            again.execute("INSERT INTO t0 VALUES (2)")
    assert rows(database) == [1, 2]


def test_a_reader_sees_one_state(tmp_path: Path) -> None:
    database = migrated(tmp_path / "store.db")
    insert(database, 1)
    count = "SELECT count(*) FROM t0"
    with database.reading() as connection:
        assert connection.execute(count).fetchone() == (1,)
        writer = threading.Thread(target=insert, args=(database, 2))
        writer.start()
        writer.join()
        assert connection.execute(count).fetchone() == (1,)
    assert rows(database) == [1, 2]


def test_threads_and_processes_write_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = migrated(path)
    code = """
        database = migrated(Path(sys.argv[1]))
        for number in range(100):
            insert(database, int(sys.argv[2]) + number)
    """
    processes = [child(code, path, 1000 * number) for number in range(1, 4)]
    threads = [
        threading.Thread(target=lambda n=n: [insert(database, 10_000 * n + i) for i in range(50)])
        for n in range(1, 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        output(process)
    expected = [1000 * n + i for n in range(1, 4) for i in range(100)]
    expected += [10_000 * n + i for n in range(1, 4) for i in range(50)]
    assert rows(database) == expected


def test_no_file_stays_open_for_a_thread_that_has_ended(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")
    with database.writing() as connection:
        connection.execute("CREATE TABLE t (x)")
    before, seen = set(Path("/proc/self/fd").iterdir()), set()

    def read() -> None:
        database.connection().execute("SELECT * FROM t").fetchall()
        seen.update(Path("/proc/self/fd").iterdir())

    for _ in range(50):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert len(seen - before) < 50
    database.close()


def test_processes_that_make_the_tables_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.db"
    go = tmp_path / "go"
    code = """
        import os, time
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.001)
        database = migrated(Path(sys.argv[1]), 5)
        insert(database, int(sys.argv[3]))
        print("done")
    """
    processes = [child(code, path, go, number) for number in range(4)]
    go.touch()
    assert [output(process) for process in processes] == ["done"] * 4
    assert rows(migrated(path, 5)) == [0, 1, 2, 3]
    assert list(path.parent.glob("*backup*")) == []


def test_a_new_file_is_set_up_by_one_starter_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    busy = pytest.raises(StoreBusy, match=r"locked .* for 0\.05 s")
    with Database(path).exclusive(), busy:
        Database(path, patience=0.05).connection()
    assert path.stat().st_size == 0
    assert Database(path).connection().execute("PRAGMA journal_mode").fetchone() == ("wal",)
    # What is set up needs nobody's leave.
    with Database(path).exclusive():
        Database(path, patience=0.05).connection()


def test_a_file_that_is_in_another_mode_is_changed_by_one_starter_at_a_time(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    plain = sqlite3.connect(path)
    plain.execute("CREATE TABLE t0 (x)")
    plain.close()
    with Database(path).exclusive(), pytest.raises(StoreBusy):
        Database(path, patience=0.05).connection()
    assert Database(path).connection().execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("count", [1, 2], ids=["no table yet", "one step behind"])
def test_a_migration_waits_for_a_writer_that_takes_no_lock_file(tmp_path: Path, count: int) -> None:
    path = tmp_path / "store.db"
    migrated(path, count - 1) if count > 1 else Database(path).connection()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, other.execute, ["COMMIT"])
    done.start()
    assert rows(migrated(path, count)) == []
    done.join()
    other.close()


def test_migrations_are_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    def load() -> Migrations:
        made = migrations(1)

        @made()
        def fails(db: object) -> None:
            db.conn.execute("no such SQL")  # type: ignore[attr-defined]

        return made

    database = Database(path)
    with pytest.raises(StoreError):
        database.migrate("test", 2, load)
    assert database.connection().execute("SELECT name FROM sqlite_master").fetchall() == []


def test_an_older_store_is_brought_up_to_date_and_backed_up(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = migrated(path)
    insert(old, "precious")
    old.close()
    new = migrated(path, 3)
    assert rows(new) == ["precious"]
    assert rows(new, "t2") == []
    [backup] = path.parent.glob("store.db.backup-*")
    kept = sqlite3.connect(backup)
    assert kept.execute("SELECT x FROM t0").fetchall() == [("precious",)]
    assert kept.execute("SELECT name FROM sqlite_master WHERE name = 't1'").fetchall() == []
    kept.close()


def test_migrations_are_loaded_only_when_some_are_missing(tmp_path: Path) -> None:
    migrated(tmp_path / "store.db").close()

    def never() -> Migrations:
        raise AssertionError("loaded")

    Database(tmp_path / "store.db").migrate("test", 1, never)


def test_a_failing_migration_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    insert(migrated(path), "precious")

    def load() -> Migrations:
        made = migrations(1)

        @made()
        def fails(db: object) -> None:
            db.conn.execute("CREATE TABLE half (x)")  # type: ignore[attr-defined]
            db.conn.execute("no such SQL")  # type: ignore[attr-defined]

        return made

    with pytest.raises(StoreError):
        Database(path).migrate("test", 2, load)
    again = migrated(path)
    assert rows(again) == ["precious"]
    with again.reading() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "half" not in tables


def test_a_store_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    insert(migrated(path, 3), 1)
    with pytest.raises(StoreError, match="newer version") as caught:
        migrated(path, 2)
    assert "Upgrade" in caught.value.hint
    assert rows(migrated(path, 3)) == [1]


def test_a_file_that_is_no_store_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("This is a letter to my aunt.\n" * 500)
    with pytest.raises(StoreCorrupt, match=r"store\.db"):
        migrated(path)
    assert path.read_text().startswith("This is a letter")


def test_a_damaged_store_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = migrated(path)
    with database.writing() as connection:
        connection.executemany("INSERT INTO t0 VALUES (?)", [("x" * 500,)] * 2000)
    database.close()
    with path.open("r+b") as file:
        for offset in range(8192, path.stat().st_size, 4096):
            file.seek(offset)
            file.write(os.urandom(4096))
    with pytest.raises(StoreCorrupt, match=r"store\.db"):
        rows(Database(path))


def test_a_directory_in_the_way_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreError, match=r"store\.db"):
        migrated(tmp_path / "store.db")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        migrated(tmp_path / "file" / "store.db")


AS_NOBODY = """
    import os
    path = Path(sys.argv[1])
    os.setgid(65534)
    os.setuid(65534)
    database = Database(path)
    print(rows(database))
    try:
        insert(database, 2)
    except PegboardError as error:
        print(type(error).__name__, error.message)
"""


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Yield a directory that other users can enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="pegboard-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("mode", [0o755, 0o777], ids=["directory too", "file only"])
def test_a_store_that_may_not_be_written_can_be_read(open_place: Path, mode: int) -> None:
    # Root may write anything, so the reader is somebody else.
    code = AS_NOBODY
    if os.getuid() != 0:
        code = code.replace("os.setgid(65534)", "").replace("os.setuid(65534)", "")
    path = open_place / "place" / "store.db"
    database = migrated(path)
    insert(database, 1)
    database.close()
    (path.parent / "store.db.lock").unlink()
    path.chmod(0o444)
    path.parent.chmod(mode if os.getuid() == 0 else mode & 0o555)
    lines = output(child(code, path)).splitlines()
    path.parent.chmod(0o755)
    assert lines[0] == "[1]"
    assert lines[1].startswith("StoreReadOnly")
    assert "store.db" in lines[1]


def test_a_full_disk_is_an_error_and_the_store_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    insert(migrated(path), "precious")
    code = """
        import resource, signal
        database = migrated(Path(sys.argv[1]))
        kept = 0
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        try:
            for number in range(10_000):
                insert(database, f"{number:05}" + "x" * 1000)
                kept += 1
        except PegboardError as error:
            print(type(error).__name__)
            print(kept)
    """
    name, kept = output(child(code, path)).splitlines()
    assert name == "StoreFull"
    assert int(kept) > 10
    found = rows(migrated(path))
    assert len(found) == int(kept) + 1
    assert "precious" in found
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def test_what_was_acknowledged_survives_the_death_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    code = """
        database = migrated(Path(sys.argv[1]))
        for number in range(100_000):
            insert(database, number)
            print(number, flush=True)
    """
    process = child(code, path)
    assert process.stdout is not None
    for _ in range(50):
        process.stdout.readline()
    process.kill()
    rest = process.stdout.read().split()
    process.communicate()
    last = int(rest[-1]) if rest else 49
    found = rows(migrated(path))
    assert found[: last + 1] == list(range(last + 1))
    assert len(found) - (last + 1) in (0, 1)


def test_a_forked_child_gets_connections_of_its_own(tmp_path: Path) -> None:
    code = """
        import os
        database = migrated(Path(sys.argv[1]))
        insert(database, 1)
        child_id = os.fork()
        insert(database, 2 if child_id else 3)
        if not child_id:
            os._exit(0 if len(rows(database)) >= 2 else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child_id, 0)[1]))
        print(rows(database))
    """
    assert output(child(code, tmp_path / "store.db")).splitlines() == ["0", "[1, 2, 3]"]


def test_space_of_removed_rows_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = migrated(path)
    with database.writing() as connection:
        connection.executemany("INSERT INTO t0 VALUES (?)", [("x" * 1000,)] * 5000)
    with database.writing() as connection:
        connection.execute("DELETE FROM t0")
    assert database.reclaim() > 4_000_000
    assert path.stat().st_size < 200_000
    assert database.reclaim() == 0
    assert rows(database) == []


def test_errors_of_sqlite_become_errors_of_ours(tmp_path: Path) -> None:
    database = migrated(tmp_path / "store.db")
    with pytest.raises(PegboardError, match=r"store\.db.*no such table"):  # noqa: SIM117
        with database.reading() as connection:
            connection.execute("SELECT * FROM missing")


def test_a_read_only_error_names_the_way_out() -> None:

    error = StoreReadOnly(Path("x.db"))
    assert isinstance(error, StoreReadOnly)
    assert "permissions" in error.hint


def test_a_new_store_needs_no_large_library_and_leaves_sqlite_utils_whole(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from pegboard_stores.sqlite import Database

def load():
    from sqlite_utils.migrations import Migrations
    steps = Migrations("x")
    steps(name="first")(lambda db: db.conn.execute("CREATE TABLE t (a)"))
    return steps

database = Database(Path({str(tmp_path / "x.db")!r}))
database.migrate("x", 1, load)
assert database.connection().execute("SELECT count(*) FROM t").fetchone() == (0,)
assert not {{"pandas", "numpy", "sqlite_utils"}} & set(sys.modules)
import numpy, sqlite_utils.db
assert sqlite_utils.db.np is numpy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_patience_is_how_long_a_write_waits_for_the_lock_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", patience=0.05)
    other = Database(tmp_path / "x.db")
    busy = pytest.raises(StoreBusy, match=r"locked .* for 0\.05 s")
    with other.exclusive(), busy, database.writing():
        pass
    with database.writing() as connection:
        connection.execute("CREATE TABLE t (a)")


def test_patience_is_how_long_a_write_waits_for_a_transaction(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", patience=0.05)
    other = Database(tmp_path / "x.db").connection()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match=r"locked .* for 0\.05 s"), database.writing():
        pass
    other.execute("COMMIT")
    with database.writing() as connection:
        connection.execute("CREATE TABLE t (a)")
