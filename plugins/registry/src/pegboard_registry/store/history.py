"""The append-only history of the SQLite registry."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from attrs import frozen
from pegboard.contracts.registry import HISTORY_LIMIT
from pegboard.entities import Page
from pegboard.entities.registry import Author, ChangeKind, RegistryChange
from pegboard_stores import offsets, refusals, validation
from pegboard_stores.clock import now_ms

_ABOVE_ALL = 2**62
_FIND = (
    "SELECT number, time, name, kind, version, key, before, after, user, reason, undoes"
    " FROM registry_history WHERE model = :model AND kind = :kind AND number < :below"
    " AND (:version IS NULL OR version = :version) AND (:key IS NULL OR key = :key)"
    " ORDER BY number DESC LIMIT :limit"
)


@frozen
class Log:
    """Appends what one author does to one model, in the transaction of ``connection``."""

    connection: sqlite3.Connection
    model: int
    name: str
    by: Author

    def add(
        self,
        kind: ChangeKind,
        before: object,
        after: object,
        *,
        version: int | None = None,
        key: str = "",
        undoes: int | None = None,
    ) -> None:
        """Append a change."""
        self.connection.execute(
            "INSERT INTO registry_history (model, time, name, kind, version, key, before, after,"
            " user, reason, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.model,
                now_ms(),
                self.name,
                str(kind),
                version,
                key,
                None if before is None else str(before),
                None if after is None else str(after),
                self.by.user,
                validation.registry_text(self.by.reason, "reason"),
                undoes,
            ),
        )

    def lose_aliases(self, version: int | None = None) -> None:
        """Record that the aliases of the model, or of the version of that row, go with it."""
        found = self.connection.execute(
            "SELECT a.alias, v.version FROM model_alias a"
            " CROSS JOIN model_version v ON v.id = a.version"
            " WHERE a.model = ?1 AND (?2 IS NULL OR a.version = ?2) ORDER BY a.alias",
            (self.model, version),
        ).fetchall()
        for alias, number in found:
            self.add(ChangeKind.ALIAS, number, None, version=number, key=alias)


def find(
    connection: sqlite3.Connection,
    name: str,
    *,
    kinds: Sequence[ChangeKind],
    version: str | None,
    key: str | None,
    max_results: int,
    page_token: str | None,
) -> Page[RegistryChange]:
    """Return a page of the changes of all models that have or last had a name."""
    validation.page_size(max_results, HISTORY_LIMIT)
    name = validation.registered_name(name)
    wanted = {
        "version": None if version is None else validation.version_number(version),
        "key": key,
        "below": offsets.decode(page_token) or _ABOVE_ALL,
        "limit": max_results + 1,
    }
    finding = "SELECT id FROM registry_identity WHERE name = ?"
    models = [row for (row,) in connection.execute(finding, (name,))]
    if not models:
        raise refusals.no_registered_model(name, now=name_now(connection, name))
    found: list[RegistryChange] = []
    # A range of the index for each, of which there are few.
    for model in models:
        for kind in dict.fromkeys(kinds or ChangeKind):
            rows = connection.execute(_FIND, {**wanted, "model": model, "kind": str(kind)})
            found += [_change(*row) for row in rows]
    found.sort(key=lambda change: change.number, reverse=True)
    token = offsets.encode(found[max_results - 1].number) if len(found) > max_results else None
    return Page(found[:max_results], token)


def name_now(connection: sqlite3.Connection, name: str) -> str | None:
    """Return what the model that had a name before is named now, None if none had."""
    found = connection.execute(
        "SELECT m.name FROM registry_history h CROSS JOIN registered_model m ON m.id = h.model"
        " WHERE h.kind = 'name' AND h.before = ? ORDER BY h.number DESC LIMIT 1",
        (name,),
    ).fetchone()
    return None if found is None else str(found[0])


def _change(
    number: int,
    time: int,
    name: str,
    kind: str,
    version: int | None,
    key: str,
    before: str | None,
    after: str | None,
    user: str | None,
    reason: str,
    undoes: int | None,
) -> RegistryChange:
    return RegistryChange(
        number=number,
        timestamp=time,
        name=name,
        kind=ChangeKind(kind),
        version=None if version is None else str(version),
        key=key,
        before=before,
        after=after,
        user=user,
        reason=reason,
        undoes=undoes,
    )
