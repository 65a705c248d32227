"""Which runs were changed: noted in the transaction of each change, so that all see the same order.

The number of the last change is a revision of all that the store holds of runs. A run's own row
notes changes by itself (triggers); what writes its metrics, params and tags calls ``note``.
"""

from __future__ import annotations

import json
import sqlite3

MOST = 10_000
"""More runs that were changed are not told one by one."""


def note(connection: sqlite3.Connection, run: int) -> None:
    """Note that something of a run was changed, in the transaction that changes it."""
    connection.execute("INSERT INTO change (run) VALUES (?)", (run,))


def last(connection: sqlite3.Connection) -> int:
    """Return the number of the last change, 0 if there was none."""
    found: int = connection.execute("SELECT coalesce(max(number), 0) FROM change").fetchone()[0]
    return found


def rows_since(connection: sqlite3.Connection, number: int, most: int) -> list[int] | None:
    """Return the rows of the runs that were changed after a change, up to ``most``.

    None if there are more or that is not known: the change was forgotten, or is of another store.
    """
    greatest = last(connection)
    if number == greatest:
        return []
    least = connection.execute("SELECT coalesce(min(number), 0) FROM change").fetchone()[0]
    if not least - 1 <= number < greatest:
        return None
    found = connection.execute(
        "SELECT DISTINCT run FROM change WHERE number > ? LIMIT ?", (number, most + 1)
    ).fetchall()
    return None if len(found) > most else [row for (row,) in found]


def since(connection: sqlite3.Connection, number: int) -> dict[str, str] | None:
    """Return the ids and the experiments of the runs that were changed after a change.

    None if these are too many or not known, or if one of them is gone for good.
    """
    rows = rows_since(connection, number, MOST)
    if rows is None:
        return None
    found = connection.execute(
        "SELECT run_id, experiment FROM run WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(rows),),
    ).fetchall()
    if len(found) < len(rows):
        return None
    return {run_id: str(experiment) for run_id, experiment in found}
