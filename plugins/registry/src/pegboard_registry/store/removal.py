"""Files that are being removed: of them no version is made meanwhile."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import accumulate

from pegboard.errors import InvalidState, quoted
from pegboard_stores.clock import now_ms
from pegboard_stores.needed_files import FilesOwner

LASTS_MS = 24 * 3600 * 1000
"""How long files count as being removed without further notice."""

AFTER_MS = 60 * 1000
"""How long versions of removed files are still refused: somebody may have seen them just before."""

_SET = (
    "INSERT INTO files_removed (place, until) VALUES (?, ?)"
    " ON CONFLICT (place) DO UPDATE SET until = excluded.until"
)
FIND = (
    "SELECT 1 FROM files_removed"
    " WHERE place IN (SELECT value FROM json_each(?)) AND until > ? LIMIT 1"
)
FORGET = "DELETE FROM files_removed WHERE until <= ?"


def begin(connection: sqlite3.Connection, owners: Iterable[FilesOwner]) -> None:
    """Refuse versions of the files of these from now on."""
    _set(connection, owners, LASTS_MS)


def end(connection: sqlite3.Connection, owners: Iterable[FilesOwner]) -> None:
    """Note that the files of these are removed, or stay."""
    _set(connection, owners, AFTER_MS)


def _set(connection: sqlite3.Connection, owners: Iterable[FilesOwner], lasts: int) -> None:
    now = now_ms()
    connection.execute(FORGET, (now,))
    places = (place for owner in owners for place in (owner.id, *owner.uris))
    connection.executemany(_SET, ((place.rstrip("/"), now + lasts) for place in places))


def check(
    connection: sqlite3.Connection,
    source: str,
    storage_location: str | None,
    origins: Iterable[str | None],
) -> None:
    """Refuse a version whose files are being removed; ``origins`` are its run and logged model.

    As when it is asked which versions need files, those are below a place of the owner, or have
    the id of the owner among the parts of theirs.
    """
    places = [place.partition("?")[0].rstrip("/") for place in (source, storage_location or "")]
    parts = {part for place in places for part in place.split("/")}
    asked = {*_above(places), *(origin for origin in origins if origin in parts)}
    if connection.execute(FIND, (json.dumps(sorted(filter(None, asked))), now_ms())).fetchone():
        raise InvalidState(
            f"The files of {quoted(source)} are being removed by 'pegboard gc'.",
            hint="They belong to a deleted run or logged model. If this was interrupted and it "
            "was restored, try again a day later.",
        )


def _above(places: Iterable[str]) -> Iterator[str]:
    """Yield places and the directories above them."""
    for place in places:
        yield from accumulate(place.split("/"), "{}/{}".format)
