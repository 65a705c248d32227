"""Pages of an ordered answer, each of which begins behind the last row of the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from pegboard_stores import search_tokens
from pegboard_stores.sql.pieces import ALWAYS, Sql, joined


@frozen
class Key:
    """Something to sort by: a number (float) or a text (str).

    NULL, which stands for missing and for NaN, comes last; where it cannot be, saying so lets an
    index give the order.
    """

    value: Sql
    type: type
    nullable: bool = False
    ascending: bool = True


def page(
    connection: sqlite3.Connection,
    table: str,
    wanted: Sql,
    keys: Sequence[Key],
    query: object,
    limit: int,
    page_token: str | None,
    source: Sql | None = None,
) -> tuple[list[int], str | None]:
    """Return the ids of up to ``limit`` rows ``m`` of a table, and the token of the next page.

    The last key differs from row to row. InvalidValue for a token that is not of ``query``.
    ``source`` is what to select from, if not just the table.
    """
    numbered = list(enumerate(keys))
    after = search_tokens.decode(page_token, query, [key.type for key in keys])
    columns = joined(", ", [Sql(f"{k.value.text} AS k{i}", k.value.values) for i, k in numbered])
    behind = ALWAYS if after is None else _behind(numbered, after)
    rows = source or Sql(f"{table} m")
    values = (*columns.values, *rows.values, *wanted.values, *behind.values)
    found: list[tuple[Any, ...]] = []
    for part, order in _parts(numbered):
        begins = _beginning(keys[0], after, part)
        found += connection.execute(
            f"SELECT * FROM (SELECT m.id, {columns.text} FROM {rows.text} WHERE {wanted.text})"  # noqa: S608
            f" WHERE {behind.text} AND {part} AND {begins.text} ORDER BY {order} LIMIT ?",
            (*values, *begins.values, limit + 1 - len(found)),
        )
        if len(found) > limit:
            break
    token = search_tokens.encode(found[limit - 1][1:], query) if len(found) > limit else None
    return [row for row, *_ in found[:limit]], token


def _parts(keys: Sequence[tuple[int, Key]]) -> Iterator[tuple[str, str]]:
    """Yield the parts of an answer in turn, each with its order."""
    (_, first), *_ = keys
    order = ", ".join(
        f"{f'k{i} IS NULL, ' * (key.nullable and i > 0)}k{i} {'ASC' if key.ascending else 'DESC'}"
        for i, key in keys
    )
    if not first.nullable:
        yield "1", order
    elif first.value.values:
        yield "1", f"k0 IS NULL, {order}"
    else:
        # An index gives the order of a column alone, without the term that puts NULL last.
        yield "k0 IS NOT NULL", order
        yield "k0 IS NULL", order


def _beginning(first: Key, after: search_tokens.Key | None, part: str) -> Sql:
    """Return what an index begins with: the first key of the last row, where all have one."""
    value = None if after is None else after[0]
    if value is None or (first.nullable and part != "k0 IS NOT NULL"):
        return ALWAYS
    return Sql(f"k0 {'>' if first.ascending else '<'}= ?", (value,))


def _behind(keys: Sequence[tuple[int, Key]], after: search_tokens.Key) -> Sql:
    """Return the condition that a row comes after the one with these values.

    No index is taken for it, as several would be, one for each way, and the order lost.
    """
    ways = []
    for last, key in keys:
        value = after[last]
        if value is None:
            continue
        beyond = f"+k{last} {'>' if key.ascending else '<'} ?"
        if key.nullable:
            beyond = f"({beyond} OR +k{last} IS NULL)"
        same = [Sql(f"+k{i} IS ?", (after[i],)) for i in range(last)]
        ways.append(joined(" AND ", [*same, Sql(beyond, (value,))]))
    inner = joined(" OR ", ways)
    return Sql(f"({inner.text})", inner.values)
