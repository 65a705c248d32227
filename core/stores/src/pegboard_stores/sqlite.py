"""SQLite for stores: connections, transactions, migrations and errors for people.

One ``Database`` per file and process. Any thread may use it: each gets a connection of its own.
Writers queue at a lock file, which is fair and does not poll, before they take SQLite's own lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import (
    NotFound,
    PegboardError,
    StoreBusy,
    StoreError,
    StoreGone,
    translate_os_error,
)

from pegboard_stores import cancellation
from pegboard_stores.checkpoints import Checkpoints
from pegboard_stores.directories import make_store_directory
from pegboard_stores.forks import WithinSqlite, generation
from pegboard_stores.lean_import import lean_sqlite_utils
from pegboard_stores.sqlite_errors import error_for_people, is_busy
from pegboard_stores.sqlite_reading import Way, choose, may_write
from pegboard_stores.wal_index import WalIndex

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations


BUSY_SECONDS = 60.0
"""How long a statement waits for locks by default."""

_OPENINGS = 5
"""How often to open a file for reading while its writers come and go."""
_CACHE_KIB = 16_384
_MEMORY_MAPPED_BYTES = 1 << 30


class Database:
    """A SQLite file in write-ahead mode."""

    def __init__(
        self,
        path: Path,
        *,
        synchronous: str = "normal",
        create: bool = True,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
        patience: float | None = None,
        kind: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        """Prepare to open ``path``; directories are made unless ``create`` is false.

        ``prepare`` is called with each new connection, to register SQL functions for instance.

        ``synchronous`` is SQLite's: ``normal`` keeps every commit when the process dies, ``full``
        also when the power fails.

        ``patience`` is how many seconds a write waits for other processes before ``StoreBusy``.
        Without it writers wait in line, and only SQLite's own lock has a limit, ``BUSY_SECONDS``.

        ``kind`` is the class of the connections.
        """
        self.path = path
        self.synchronous = synchronous
        self.prepare = prepare
        self._patience = patience
        self.kind = kind
        self.checkpoints = Checkpoints(path)
        self._gave_up = 0.0
        self._local = threading.local()
        self._open: dict[sqlite3.Connection, threading.Thread] = {}
        self._abandoned: list[sqlite3.Connection] = []
        self._pid, self._generation = os.getpid(), generation()
        self._write_lock = threading.RLock()
        self._identity: tuple[int, int] | None = None
        try:
            exists = path.exists()
        except PermissionError as error:
            raise StoreError(
                f"{path} cannot be reached: {error.strerror}.",
                hint="Ask the owner of its directories for the permission to enter them.",
            ) from error
        if not exists:
            if not create:
                raise NotFound(f"There is no store at {path}.")
            with self.translated():
                make_store_directory(path.parent)

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, in autocommit mode."""
        if os.getpid() != self._pid:
            # A connection must not cross a fork, and not even be closed there: the parent's are
            # kept aside for good.
            self._abandoned += self._open
            self._local, self._open = threading.local(), {}
            self._pid, self._generation = os.getpid(), generation()
            self._write_lock = threading.RLock()
        made: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if made is not None and self._is_outdated(made):
            self._drop(made)
            made = None
        if made is None:
            self._check_place()
            with self.translated(), WithinSqlite():
                made, self._local.way = self._connect()
                if self._identity is None:
                    self._identity = _identity(self.path)
            self._local.connection = made
            self._open[made] = threading.current_thread()
            self._close_forsaken()
        return made

    def _close_forsaken(self) -> None:
        """Close those of threads that have ended; of the main one that is said too early."""
        for connection, thread in list(self._open.items()):
            if not (thread.is_alive() or thread is threading.main_thread()):
                self._close(connection)

    def _close(self, connection: sqlite3.Connection) -> None:
        if self._open.pop(connection, None) is not None:
            with WithinSqlite():
                connection.close()

    def _check_place(self) -> None:
        """Raise StoreGone if the file in use is not the one that has its name."""
        if self._identity is not None and _identity(self.path) != self._identity:
            raise StoreGone(self.path)

    def _drop(self, connection: sqlite3.Connection) -> None:
        """Close this thread's connection; it gets another one when it needs one."""
        del self._local.connection
        self._local.state = None
        self._local.discarded = getattr(self._local, "discarded", 0) + 1
        self._close(connection)

    @property
    def is_writable(self) -> bool:
        """Whether this process may write the store."""
        return may_write(self.path)

    def _is_outdated(self, connection: sqlite3.Connection) -> bool:
        """Whether a connection that cannot see what others write is to be made anew."""
        way: Way | None = self._local.way
        return way is not None and not connection.in_transaction and not way.is_current()

    def _connect(self) -> tuple[sqlite3.Connection, Way | None]:
        """Return a connection, and how it was opened if it is for reading only."""
        if may_write(self.path):
            return self._connect_to_write(), None
        for attempt in range(_OPENINGS):
            way = choose(self.path, shared=attempt < _OPENINGS - 2)
            try:
                made = self._connect_to_read(way)
            except sqlite3.Error:
                # Writers may have come or gone between looking and opening.
                if attempt == _OPENINGS - 1 and way.is_sound():
                    raise
            else:
                if way.is_sound():
                    return made, way
                made.close()
        raise self._changed()

    def _connect_to_write(self) -> sqlite3.Connection:
        made = self._plain_connection("mode=rwc")
        try:
            if _journal_mode(made) != "wal":
                # SQLite does not wait here for others that change the mode too.
                with self.exclusive(self._patience):
                    self._set_up_file(made)
            self.checkpoints.prepare(made)
            made.execute(f"PRAGMA synchronous = {self.synchronous}")
            made.execute("PRAGMA foreign_keys = ON")
            self._set_up(made, _MEMORY_MAPPED_BYTES)
        except BaseException:
            made.close()
            raise
        return made

    def _set_up_file(self, made: sqlite3.Connection) -> None:
        if not self.path.stat().st_size:
            # Only a file without tables can be set up so that space can be given back.
            made.execute("PRAGMA auto_vacuum = INCREMENTAL")
        made.execute("PRAGMA journal_mode = WAL")

    def _connect_to_read(self, way: Way) -> sqlite3.Connection:
        made = self._plain_connection(way.parameters)
        try:
            for statement in way.statements:
                made.execute(statement).fetchall()
            made.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            # A process that reads a mapped file which others make shorter is killed.
            self._set_up(made, _MEMORY_MAPPED_BYTES if way.looks is None else 0)
        except BaseException:
            made.close()
            raise
        return made

    def _plain_connection(self, parameters: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{parameters}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=self.kind,
        )

    def _set_up(self, made: sqlite3.Connection, mapped_bytes: int) -> None:
        made.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        made.execute(f"PRAGMA mmap_size = {mapped_bytes}")
        made.execute("PRAGMA temp_store = MEMORY")
        if self.prepare is not None:
            self.prepare(made)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read one consistent state of the store.

        A ``cancellation.Work`` of which this is a part interrupts what is being read.
        StoreBusy if this process may not write the store, and somebody else changed what it read.
        """
        self._check_place()
        connection = self.connection()
        with self.translated(), WithinSqlite():
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                with cancellation.interruptible(connection.interrupt):
                    yield connection
            except cancellation.Stopped:
                # Statements may be left that are not done, and keep the transaction from ending.
                self._drop(connection)
                raise
            except BaseException:
                self._end_reading(connection)
                raise
            self._end_reading(connection)

    def _end_reading(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        finally:
            self._check_reading(connection)

    def _check_reading(self, connection: sqlite3.Connection) -> None:
        way: Way | None = self._local.way
        if way is not None and not way.is_sound():
            self._drop(connection)
            raise self._changed()

    def _changed(self) -> StoreBusy:
        return StoreBusy(
            f"{self.path} was changed by another process while it was read.", hint="Try again."
        )

    def version(self) -> tuple[int, int | bytes]:
        """Return a number that differs from the last one if another process changed the file since.

        It holds for this thread alone, as each thread's connection counts by itself, and may also
        differ after a change by this process.
        """
        known = getattr(self._local, "state", None)
        if known is None or generation() != self._generation:
            known = self._local_state()
        discarded, state = known
        return discarded, state()

    def _local_state(self) -> tuple[int, Callable[[], int | bytes]]:
        state: Callable[[], int | bytes] = self._data_version
        # To ask once opens the log.
        state()
        if self._local.way is None:
            # Some systems and kinds of files have no index, or none that can be mapped.
            with contextlib.suppress(OSError, ValueError):
                state = WalIndex.of(self.path).head
        self._local.state = known = (getattr(self._local, "discarded", 0), state)
        return known

    def _data_version(self) -> int:
        with self.translated(), WithinSqlite():
            counted: int = self.connection().execute("PRAGMA data_version").fetchone()[0]
        return counted

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction: all of it is kept, or after an error nothing.

        It is not stopped half-way, though it be a part of a ``cancellation.Work``.
        """
        self._check_place()
        connection = self.connection()
        came = time.monotonic()
        with self.translated(), self._write_lock, cancellation.shielded():
            if connection.in_transaction:
                yield connection
                return
            if came < self._gave_up:
                # Another thread has waited in vain meanwhile, and so has this one.
                raise self._busy()
            with self.exclusive(self._patience_now()), WithinSqlite():
                self._begin(connection)
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    _roll_back(connection)
                    raise
        self.checkpoint()

    def checkpoint(self) -> None:
        """Move on what the log holds, if that is due; others may write meanwhile."""
        if self.checkpoints.is_due():
            self.checkpoints.make(self.connection(), partial(self.exclusive, self._patience))

    def _begin(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._give_up()
            raise
        self._gave_up = 0.0

    def _patience_now(self) -> float | None:
        # If many callers wait one after the other, the last waits for long.
        if self._patience and time.monotonic() - self._gave_up < self._patience:
            return self._patience / 20
        return self._patience

    def _give_up(self) -> None:
        if self._patience is not None:
            self._gave_up = time.monotonic()

    @property
    def _busy_seconds(self) -> float:
        return BUSY_SECONDS if self._patience is None else self._patience

    @contextlib.contextmanager
    def exclusive(self, patience: float | None = None) -> Iterator[None]:
        """Hold the store's lock file: one process at a time, first come first served.

        With ``patience``, in seconds, ``StoreBusy`` is raised if others hold it for longer.
        """
        descriptor = self._lock_file()
        try:
            if patience is None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            else:
                self._lock_within(descriptor, patience)
            yield
        finally:
            # Closing alone would leave the lock to a child process forked meanwhile.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _lock_within(self, descriptor: int, seconds: float) -> None:
        # The system call itself knows no limit.
        deadline = time.monotonic() + seconds
        pause = 0.0005
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    self._give_up()
                    raise self._busy() from None
                time.sleep(pause)
                pause = min(2 * pause, 0.01)
            else:
                return

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"{self.path} stayed locked by another process for {self._busy_seconds:g} s.",
            hint="Try again; if it stays so, look for a process that hangs.",
        )

    def _lock_file(self) -> int:
        name = self.path.with_name(self.path.name + ".lock")
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def migrate(self, name: str, count: int, load: Callable[[], Migrations]) -> None:
        """Bring the tables of component ``name`` up to date.

        ``load`` returns its migrations, of which there are ``count``; it is called only when some
        are missing. A store with data is copied beside itself first. If several processes start at
        once, one migrates and the others wait. All migrations are kept or, after an error, none.
        """
        with self.translated(), WithinSqlite():
            if self._applied(name) == count:
                return
            with self.exclusive():
                applied = self._applied(name)
                if applied > count:
                    raise StoreError(
                        f"{self.path} was made by a newer version of pegboard "
                        f"({applied} migrations of {name!r}; this version knows {count}).",
                        hint="Upgrade pegboard and its plugins.",
                    )
                if applied < count:
                    with lean_sqlite_utils():
                        self._apply(applied, load())

    def _applied(self, name: str) -> int:
        connection = self.connection()
        known = "SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"
        if connection.execute(known).fetchone() is None:
            return 0
        counting = "SELECT count(*) FROM _sqlite_migrations WHERE migration_set = ?"
        found: int = connection.execute(counting, (name,)).fetchone()[0]
        return found

    def _apply(self, applied: int, migrations: Migrations) -> None:
        import sqlite_utils

        connection = self.connection()
        if applied:
            self._back_up(connection, migrations.name)
        # SQLite waits for other writers where a transaction begins, but not where one that has
        # read begins to write.
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrations.apply(sqlite_utils.Database(connection, recursive_triggers=False))
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise

    def _back_up(self, connection: sqlite3.Connection, name: str) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        # Several kinds of tables in one file may be brought up to date in the same second.
        target = self.path.with_name(f"{self.path.name}.backup-{stamp}-{os.getpid()}-{name}")
        connection.execute("VACUUM INTO ?", (str(target),))

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn errors of SQLite and the system into errors for people."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except OSError as error:
            raise translate_os_error(error, self.path) from error

    def _translate(self, error: sqlite3.Error) -> PegboardError:
        return self._busy() if is_busy(error) else error_for_people(error, self.path)

    def reclaim(self) -> int:
        """Give free pages back to the system; return the bytes by which the files shrank."""
        before = self._size()
        connection = self.connection()
        with self.translated(), self._write_lock, self.exclusive(), WithinSqlite():
            # One step per free page: only a script runs a statement without columns to its end.
            connection.executescript("PRAGMA incremental_vacuum")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return max(before - self._size(), 0)

    def _size(self) -> int:
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in list(self._open):
            self._close(connection)
        self._local, self.checkpoints = threading.local(), Checkpoints(self.path)


def _journal_mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _roll_back(connection: sqlite3.Connection) -> None:
    """Undo the transaction, unless SQLite did so itself, as after a full disk."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
