"""Where client keys are kept: a table, and in each process a copy of it that is never a second old.

Looking a key up touches no disk. Whoever changes the table changes its revision; each process looks
at that twice a second, when a call comes, and reads what is new. While it cannot read, no key is
good: one that was revoked must not stay.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve
from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.sqlite import Database

from pegboard_gateway.control import keys
from pegboard_gateway.control.keys import Hasher, Key
from pegboard_gateway.control.rules import Budget, Limit

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

NAME = "gateway-keys"
COUNT = 1
LOOK_SECONDS = 0.5

_FIRST = """
CREATE TABLE gateway_key (
    id TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    fields TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX gateway_key_changed ON gateway_key (changed);
"""
_FIELDS = ("name", "user", "team", "workspace", "endpoints", "routes", "tags", "limits", "budgets")
_FIELDS_KEPT = (*_FIELDS, "created_by")
_LONGEST = 250
_NEXT = "(SELECT coalesce(max(changed), 0) + 1 FROM gateway_key)"


def migrations() -> Migrations:
    """Return the migrations; COUNT of them."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations(NAME)

    @steps()
    def first(db: object) -> None:
        connection = db.conn  # type: ignore[attr-defined]
        for statement in _FIRST.split(";"):
            if statement.strip():
                connection.execute(statement)

    return steps


class KeyStore:
    """The keys of a gateway. Any thread may use it."""

    def __init__(
        self,
        file: Path,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use a database; the secret lies beside it, as ``FILE.keys``.

        To look for keys makes no file; to make the first key does.
        """
        self._file = file
        self._opened: tuple[Database, GroupCommit, Hasher] | None = None
        self._clock, self._monotonic = clock, monotonic
        self._lock = threading.Lock()
        self._by_digest: dict[bytes, Key] = {}
        self._by_id: dict[str, Key] = {}
        self._changed = 0
        self._looked = float("-inf")
        self.on_change: list[Callable[[], None]] = []
        """Called when keys were made or changed, by the thread that finds out."""

    def _open(self) -> tuple[Database, GroupCommit, Hasher]:
        with self._lock:
            if self._opened is None:
                database = Database(self._file)
                database.migrate(NAME, COUNT, migrations)
                hasher = Hasher(keys.read_pepper(self._file.with_name(self._file.name + ".keys")))
                self._opened = database, GroupCommit(database), hasher
            return self._opened

    # -- on the way of a call ------------------------------------------------------------------

    def find(self, text: str) -> Key | None:
        """Return the key that a client sent, if it is one and good now; else None.

        Raises StoreError if the keys cannot be read.
        """
        if not keys.is_well_formed(text):
            return None
        self.refresh()
        if self._opened is None:
            return None
        digest = self._opened[2].digest(text)
        # The hash of what was sent cannot be chosen, so how long it takes to find it tells nothing.
        key = self._by_digest.get(digest)
        if key is None or not keys.same(key.digest, digest):
            return None
        return key if key.is_good(self._now_ms()) else None

    def of_id(self, key_id: str) -> Key | None:
        """Return the key of a public id, good or not."""
        self.refresh()
        return self._by_id.get(key_id)

    @property
    def is_empty(self) -> bool:
        """Whether no key was ever made, so that none is asked for."""
        self.refresh()
        return not self._by_id

    def rules(self) -> tuple[list[Limit], list[Budget]]:
        """Return the limits and budgets of all keys that are good."""
        self.refresh()
        limits: list[Limit] = []
        budgets: list[Budget] = []
        for key in list(self._by_id.values()):
            if key.is_good(self._now_ms()):
                own, money = key.rules()
                limits += own
                budgets += money
        return limits, budgets

    def refresh(self, *, now: bool = False) -> None:
        """Take over what others have changed; looked at twice in a second."""
        moment = self._monotonic()
        if moment - self._looked < LOOK_SECONDS and not now:
            return
        if self._opened is None and not self._file.exists():
            self._looked = moment
            return
        self._open()
        with self._lock:
            found = self._read()
            for key in found:
                self._by_digest[key.digest] = self._by_id[key.id] = key
            # Only what was read in time keeps keys good.
            self._looked = moment
        if found:
            for tell in self.on_change:
                tell()

    def _read(self) -> list[Key]:
        wanted = (
            "SELECT id, digest, fields, created_ms, expires_ms, revoked_ms, changed "
            "FROM gateway_key WHERE changed > ? ORDER BY changed"
        )
        assert self._opened is not None
        with self._opened[0].reading() as connection:
            rows = connection.execute(wanted, (self._changed,)).fetchall()
        if rows:
            self._changed = rows[-1][6]
        return [_key(row) for row in rows]

    # -- for people ----------------------------------------------------------------------------

    def create(
        self,
        *,
        expires_ms: int | None = None,
        created_by: str = "",
        **fields: Any,
    ) -> tuple[Key, str]:
        """Make a key; return it, and the text that is shown only now.

        ``fields`` are those of Key that may be chosen. Raises InvalidValue for what is wrong.
        """
        _, commits, hasher = self._open()
        key_id, text, digest = hasher.new()
        made = Key(
            id=key_id,
            digest=digest,
            created_ms=self._now_ms(),
            created_by=created_by,
            expires_ms=expires_ms,
            **_checked(fields),
        )
        if expires_ms is not None and expires_ms <= made.created_ms:
            raise InvalidValue("The key would be over before it began.", hint="Choose a later end.")
        kept = json.dumps({name: _plain(getattr(made, name)) for name in _FIELDS_KEPT})
        row = (key_id, digest, kept, made.created_ms, expires_ms)
        statement = f"INSERT INTO gateway_key VALUES (?, ?, ?, ?, ?, NULL, {_NEXT})"  # noqa: S608
        commits.run(lambda connection: _changed(connection, statement, row))
        self.refresh(now=True)
        return made, text

    def revoke(self, key_id: str) -> Key:
        """Let a key in no more, within a second in all processes; NotFound if there is none."""
        known = self._existing(key_id)
        if known.revoked_ms is not None:
            return known
        row = (self._now_ms(), key_id)
        statement = (
            f"UPDATE gateway_key SET revoked_ms = ?, changed = {_NEXT} "  # noqa: S608
            "WHERE id = ? AND revoked_ms IS NULL"
        )
        self._open()[1].run(lambda connection: _changed(connection, statement, row))
        return self._existing(key_id)

    def update(self, key_id: str, **fields: Any) -> Key:
        """Change what a key allows; ``expires_ms`` too. NotFound, or InvalidValue."""
        known = self._existing(key_id)
        expires = fields.pop("expires_ms", known.expires_ms)
        made = evolve(known, **_checked(fields))
        kept = json.dumps({name: _plain(getattr(made, name)) for name in _FIELDS_KEPT})
        row = (kept, expires, key_id)
        statement = (
            f"UPDATE gateway_key SET fields = ?, expires_ms = ?, changed = {_NEXT} WHERE id = ?"  # noqa: S608
        )
        self._open()[1].run(lambda connection: _changed(connection, statement, row))
        return self._existing(key_id)

    def list(self) -> Sequence[Key]:
        """Return all keys, the newest first, also those that are over or revoked."""
        self.refresh(now=True)
        return sorted(self._by_id.values(), key=lambda key: (-key.created_ms, key.id))

    def close(self) -> None:
        """Close the database."""
        if self._opened is not None:
            self._opened[0].close()

    def _existing(self, key_id: str) -> Key:
        self.refresh(now=True)
        found = self._by_id.get(key_id)
        if found is None:
            raise NotFound(
                f"There is no key {quoted(key_id)}.",
                hint="'pegboard gateway keys list' shows the ids of all.",
            )
        return found

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _changed(connection: sqlite3.Connection, statement: str, row: tuple[Any, ...]) -> None:
    connection.execute(statement, row)


def _key(row: Sequence[Any]) -> Key:
    key_id, digest, kept, created, expires, revoked, _ = row
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(kept).items()
    }
    return Key(
        id=key_id,
        digest=digest,
        created_ms=created,
        expires_ms=expires,
        revoked_ms=revoked,
        **fields,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a key that people chose; InvalidValue if one cannot be."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in _FIELDS:
            raise InvalidValue(f"A key has no {name!r}.", hint=f"It has {', '.join(_FIELDS)}.")
        texts = value if isinstance(value, (list, tuple)) else [value]
        if name == "tags":
            texts = [*value, *value.values()]
        for text in texts:
            if not isinstance(text, str) or len(text) > _LONGEST or not text.isprintable():
                raise InvalidValue(
                    f"{quoted(text)} cannot be the {name} of a key.",
                    hint=f"Write up to {_LONGEST} printable characters.",
                )
        found[name] = tuple(value) if isinstance(value, (list, tuple)) else value
    Key(id="", digest=b"", **found).rules()
    return found
