"""Regular expressions in SQL, with the allowance of a search."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


_FUNCTION = "pegboard_matches"


def prepare(connection: sqlite3.Connection) -> None:
    """Teach a connection what searches need; doing so again changes nothing."""
    known = "SELECT 1 FROM pragma_function_list WHERE name = ?"
    if connection.execute(known, (_FUNCTION,)).fetchone() is None:
        connection.create_function(_FUNCTION, 2, _matches, deterministic=True)


def _matches(pattern: str, text: str | None) -> bool | None:
    from pegboard_stores.filters.regex import search

    return None if text is None else search(pattern, text)


@contextlib.contextmanager
def patterns() -> Iterator[None]:
    """Give the regular expressions of a search their budget, and pass on their errors."""
    from pegboard_stores.filters import searching

    with searching() as budget:
        try:
            yield
        except sqlite3.OperationalError:
            # SQLite says only that a function failed.
            if budget.is_exceeded:
                raise budget.exceeded() from None
            raise
