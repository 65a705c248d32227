"""Reading the store and its journals together, where these cannot be moved into the tables.

This happens when the disk is full, when other processes hold the store for too long, and in a
process that may only read. A connection is then taught to see temporary tables, kept in memory, in
front of the store's own: names of its own hide ``series``, ``chunk`` and ``name``, and show the
rows of both. The journals are moved into these as they would be into the store, so that all reading
is the same.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from attrs import frozen
from pegboard.errors import StoreBusy
from pegboard_stores.sqlite import Database

from pegboard_tracking.points import journal

_ATTEMPTS = 20
"""How often to begin anew because a journal was moved into the store and removed meanwhile."""

# What is looked for in the rows in front.
_INDEXES = {
    "name": ["text"],
    "series": ["run, name", "experiment, name, value, run"],
    "chunk": [],
    "chunk_summary": [],
}


class _Seen(NamedTuple):
    """A journal, how long it was, and up to where it was moved into the store."""

    name: str
    size: int
    position: int


@frozen
class _State:
    """What rows in front were made from."""

    version: int
    journals: tuple[_Seen, ...]


class Overlaid(sqlite3.Connection):
    """A connection that has views in the place of some tables, so that these have no indexes."""

    state: _State | None = None


class Overlay:
    """Reads a store as if its journals were moved into it."""

    def __init__(
        self,
        path: Path,
        prepare: Callable[[sqlite3.Connection], None],
        lay: Callable[[sqlite3.Connection, Sequence[str]], None],
        directory: Path,
    ) -> None:
        """``lay`` writes what journals hold into the tables that a connection sees.

        It raises FileNotFoundError if one of them is gone. ``directory`` is where they lie.
        """
        self._database = Database(path, create=False, prepare=prepare, kind=Overlaid)
        self._lay = lay
        self._directory = directory

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read one state of the store, with all that was logged up to now."""
        for _ in range(_ATTEMPTS):
            # First the names: what is gone by then, the state that is read has in its tables.
            names = journal.names(self._directory)
            with self._database.reading() as connection:
                assert isinstance(connection, Overlaid)
                try:
                    self._bring_up_to_date(connection, names)
                except FileNotFoundError:
                    continue
                yield connection
                return
        raise StoreBusy("The journals of the store were removed while they were read.")

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def _bring_up_to_date(self, connection: Overlaid, names: Sequence[str]) -> None:
        positions = dict(connection.execute("SELECT id, position FROM journal"))
        state = _State(
            connection.execute("PRAGMA data_version").fetchone()[0],
            tuple(
                _Seen(
                    name,
                    journal.path(self._directory, name).stat().st_size,
                    positions.get(name, len(journal.MAGIC)),
                )
                for name in names
            ),
        )
        if connection.state == state:
            return
        connection.state = None
        _remove(connection)
        for table, indexes in _INDEXES.items():
            _put_in_front(connection, table, indexes)
        self._lay(connection, names)
        connection.state = state


def _remove(connection: sqlite3.Connection) -> None:
    for table in _INDEXES:
        connection.execute(f"DROP VIEW IF EXISTS temp.{table}")
        connection.execute(f"DROP TABLE IF EXISTS temp.new_{table}")


def _put_in_front(connection: sqlite3.Connection, table: str, indexes: Sequence[str]) -> None:
    """Make an empty table of new rows, and a view of them and those that they do not replace."""
    found: list[Any] = connection.execute(f"PRAGMA main.table_info({table})").fetchall()
    columns = [row[1] for row in found]
    # Only a view of columns that are of one type each is looked into by the indexes of its tables.
    typed = [f"{row[1]} {row[2]}" for row in found[1:]]
    new = f"new_{table}"
    connection.execute(f"CREATE TEMP TABLE {new} (id INTEGER PRIMARY KEY, {', '.join(typed)})")
    for number, index in enumerate(indexes):
        connection.execute(f"CREATE INDEX temp.{new}_{number} ON {new} ({index})")
    # Only names of ours become a part of these statements.
    connection.execute(
        f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table}"  # noqa: S608
        f" WHERE id NOT IN (SELECT id FROM temp.{new}) UNION ALL SELECT * FROM temp.{new}"
    )
    greatest = ", ".join(
        f"(SELECT coalesce(max(id), 0) FROM {place})"  # noqa: S608
        for place in (f"main.{table}", f"temp.{new}")
    )
    values = ", ".join(f"NEW.{column}" for column in columns[1:])
    for event, id_ in (("INSERT", f"coalesce(NEW.id, 1 + max({greatest}))"), ("UPDATE", "NEW.id")):
        connection.execute(
            f"CREATE TEMP TRIGGER {new}_{event} INSTEAD OF {event} ON {table} BEGIN"  # noqa: S608
            f" INSERT OR REPLACE INTO {new} VALUES ({id_}, {values}); END"
        )
