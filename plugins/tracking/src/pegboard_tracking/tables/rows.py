"""Small helpers around single rows of the tables."""

from __future__ import annotations

import sqlite3

from pegboard_stores.sql.texts import split


def name_id(connection: sqlite3.Connection, text: str) -> int:
    """Return the number of a metric's, param's or tag's name, which is added if it is new."""
    found = connection.execute("SELECT id FROM name WHERE text = ?", (text,)).fetchone()
    if found is None:
        connection.execute("INSERT INTO name (text) VALUES (?)", (text,))
        found = connection.execute("SELECT id FROM name WHERE text = ?", (text,)).fetchone()
    number: int = found[0]
    return number


def set_tag(
    connection: sqlite3.Connection, run: int, experiment: int, key: str, value: str
) -> None:
    """Set or change a run's tag."""
    # Most names are known, so one statement is enough.
    setting = (
        "INSERT INTO tag (run, name, experiment, value, rest)"
        " SELECT ?, id, ?, ?, ? FROM name WHERE text = ?"
        " ON CONFLICT (run, name) DO UPDATE SET value = excluded.value, rest = excluded.rest"
    )
    given = (run, experiment, *split(value), key)
    if not connection.execute(setting, given).rowcount:
        name_id(connection, key)
        connection.execute(setting, given)


def get_tag(connection: sqlite3.Connection, run: int, key: str) -> str | None:
    """Return a run's tag, None if it has none of that key."""
    getting = (
        "SELECT value || coalesce(rest, '') FROM tag"
        " WHERE run = ? AND name = (SELECT id FROM name WHERE text = ?)"
    )
    found = connection.execute(getting, (run, key)).fetchone()
    return None if found is None else str(found[0])


def delete_tag(connection: sqlite3.Connection, run: int, key: str) -> bool:
    """Remove a run's tag; return whether there was one."""
    deleting = "DELETE FROM tag WHERE run = ? AND name = (SELECT id FROM name WHERE text = ?)"
    return connection.execute(deleting, (run, key)).rowcount > 0
