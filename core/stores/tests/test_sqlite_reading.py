"""A process that may not write a store reads what is in it, or says that it cannot."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pegboard_stores.sqlite import Database

READER = """
import os, sys
from pathlib import Path
from pegboard.errors import PegboardError
from pegboard_stores.sqlite import Database

if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
database = Database(Path(sys.argv[1]), create=False)

def total():
    with database.reading() as connection:
        return connection.execute("SELECT count(*), total(length(a)) FROM t").fetchone()

def slow_total():
    with database.reading() as connection:
        before = connection.execute("SELECT count(*) FROM t").fetchone()
        print(*before, flush=True)
        sys.stdin.readline()
        return connection.execute("SELECT count(*), total(length(a)) FROM t").fetchone()

for line in sys.stdin:
    try:
        print(*(slow_total() if "slow" in line else total()), flush=True)
    except PegboardError as error:
        print(type(error).__name__, str(error).replace("\\n", " "), flush=True)
"""


class Place:
    """A store, a process that writes it (this one), and one that may only read it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "store.db"
        self.reader: subprocess.Popen[str] | None = None
        self.writer = self.open()
        with self.writer.writing() as connection:
            connection.execute("CREATE TABLE t (a TEXT)")

    def open(self) -> Database:
        """Open the store for writing."""
        self.permit(0o755)
        return Database(self.path)

    def permit(self, mode: int) -> None:
        """Let the owner, who may be the reader as well, write here or not."""
        self.path.parent.chmod(mode)
        for file in self.path.parent.iterdir():
            if file.stat().st_mode & 0o444:
                file.chmod(mode & 0o666)

    def insert(self, count: int = 1, *, checkpoint: bool = False) -> None:
        """Add rows, and perhaps move them from the log into the file."""
        self.permit(0o755)
        with self.writer.writing() as connection:
            connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * count)
        if checkpoint:
            self.writer.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def beside(self, ending: str) -> Path:
        """Return the path of a file that SQLite keeps beside the store."""
        return self.path.with_name(self.path.name + ending)

    def ask(self, question: str = "total") -> str:
        """Let the reader, which is started once, read; return its answer."""
        self.permit(0o555)
        if self.reader is None:
            self.reader = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(READER), str(self.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self.reader.stdin is not None
        assert self.reader.stdout is not None
        print(question, file=self.reader.stdin, flush=True)
        return self.reader.stdout.readline().strip()

    def close(self) -> None:
        """End both."""
        if self.reader is not None:
            self.reader.communicate()
        self.permit(0o755)
        self.writer.close()


@pytest.fixture
def place() -> Iterator[Place]:
    """Yield a store in a directory that other users can enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="pegboard-test-") as name:
        made = Place(Path(name))
        yield made
        made.close()


def as_killed(place: Place) -> None:
    """Leave the files as a writer does that is killed."""
    held = place.path.parent / "held"
    held.mkdir()
    for ending in ("", "-wal", "-shm"):
        shutil.copy(place.beside(ending), held)
    place.writer.close()
    for file in list(held.iterdir()):
        file.rename(place.path.parent / file.name)
    held.rmdir()


def without_index(place: Place) -> None:
    as_killed(place)
    place.beside("-shm").unlink()


SITUATIONS: dict[str, Callable[[Place], None]] = {
    "a writer lives": lambda place: None,
    "a writer lives, its index is private": lambda place: place.beside("-shm").chmod(0o200),
    "the writer was killed": as_killed,
    "the writer was killed and its index is gone": without_index,
    "the writer ended": lambda place: place.writer.close(),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_lies_in_the_log_is_read(place: Place, situation: str) -> None:
    place.insert(10, checkpoint=True)
    place.insert(5)
    assert place.beside("-wal").stat().st_size > 5 * 1000
    SITUATIONS[situation](place)
    before = sorted(file.name for file in place.path.parent.iterdir())
    assert place.ask() == "15 15000.0"
    assert sorted(file.name for file in place.path.parent.iterdir()) == before


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_writer_adds_afterwards_is_read_too(place: Place, situation: str) -> None:
    place.insert(3, checkpoint=True)
    SITUATIONS[situation](place)
    count = 3
    assert place.ask() == f"{count} {1000.0 * count}"
    for _ in range(2):
        place.writer = place.open()
        for checkpoint in (False, False, True, False):
            place.insert(7, checkpoint=checkpoint)
            count += 7
            assert place.ask() == f"{count} {1000.0 * count}"
        place.permit(0o755)
        place.writer.close()
        assert place.ask() == f"{count} {1000.0 * count}"


def test_a_reader_reads_whole_states_while_a_writer_goes_on(place: Place) -> None:
    """With an index that may not be read, so that SQLite's own locks do not help."""
    place.insert(10, checkpoint=True)
    place.beside("-shm").chmod(0o200)
    code = """
    import sys
    from pathlib import Path
    from pegboard_stores.sqlite import Database
    database = Database(Path(sys.argv[1]))
    database.connection().execute("PRAGMA wal_autocheckpoint = 500")
    print("ready", flush=True)
    while True:
        with database.writing() as connection:
            connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 10)
    """
    place.permit(0o755)
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(place.path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        counts = []
        for _ in range(40):
            answer = place.ask()
            if answer.startswith("StoreBusy"):
                continue
            assert answer[0].isdigit(), answer
            count, size = answer.split()
            assert int(count) % 10 == 0
            assert float(size) == 1000.0 * int(count)
            counts.append(int(count))
        assert counts == sorted(counts)
    finally:
        writer.kill()
        writer.communicate()
    assert int(place.ask().split()[0]) >= max(counts, default=10)


def test_a_state_that_changed_amid_a_reading_is_no_answer(place: Place) -> None:
    place.insert(3000)
    place.writer.close()
    assert place.ask("slow") == "3000"
    place.writer = place.open()
    place.insert(2000, checkpoint=True)
    assert place.ask("").startswith("StoreBusy")
    assert place.ask() == "5000 5000000.0"


def test_a_log_that_may_not_be_read_is_an_error(place: Place) -> None:
    place.insert(3)
    place.beside("-wal").chmod(0o200)
    answer = place.ask()
    assert answer.startswith("StoreError")
    assert "store.db-wal cannot be read" in answer
    assert "Ask its owner" in answer


def test_a_reader_that_shares_the_index_sees_each_write_without_opening_anew(place: Place) -> None:
    place.insert(1)
    assert place.ask() == "1 1000.0"
    assert place.ask("slow") == "1"
    place.insert(1, checkpoint=False)
    assert place.ask("") == "1 1000.0"
    assert place.ask() == "2 2000.0"


def test_reading_makes_no_files_in_a_place_that_may_be_written(place: Place) -> None:
    """An index of the reader's own would keep the owner of the store from writing."""
    place.insert(3)
    place.writer.close()
    place.beside(".lock").unlink()
    place.path.chmod(0o444)
    place.path.parent.chmod(0o777)
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(READER), str(place.path)],
        input="total\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "3 3000.0\n"
    assert [file.name for file in place.path.parent.iterdir()] == ["store.db"]


def test_a_place_that_may_not_be_entered_is_an_error_for_people(place: Place) -> None:
    place.path.parent.chmod(0o600)
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(UNREACHABLE), str(place.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    place.path.parent.chmod(0o755)
    assert found.stdout.splitlines() == [
        f"{place.path} cannot be reached: Permission denied.",
        "Ask the owner of its directories for the permission to enter them.",
    ]


UNREACHABLE = """
import os, sys
from pathlib import Path
from pegboard.errors import StoreError
from pegboard_stores.sqlite import Database

if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    Database(Path(sys.argv[1]))
except StoreError as error:
    print(error)
"""
