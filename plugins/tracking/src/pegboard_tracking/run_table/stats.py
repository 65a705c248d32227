"""What keys runs have, and what values."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import frozen
from pegboard_stores import cancellation
from pegboard_stores.filters import Field, Kind
from pegboard_stores.run_table import DISTINCT, KeyInfo, Keys, ValueCount
from pegboard_stores.sql.pieces import Sql
from pegboard_stores.sql.texts import HEAD

from pegboard_tracking.run_table import cells, vectors
from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.search.conditions import TABLES

_PATIENCE = 20.0
_FEW = 1_000
"""Up to this many runs may be subtracted from what an index counts."""
_FINITE = "-1.7976931348623157e308 AND 1.7976931348623157e308"


@frozen
class Wanted:
    """Which keys: of which kinds (all without), those that fit, in what order."""

    kinds: Sequence[Kind]
    fits: Callable[[str], bool]
    order: Callable[[str], Any]


def keys(looked: Looked, wanted: Wanted, offset: int, limit: int) -> Keys:
    """Return a page of the columns that runs have, by kind and in the order wanted."""
    found: list[Field] = []
    for kind in wanted.kinds or (Kind.METRIC, Kind.PARAM, Kind.TAG):
        texts = filter(wanted.fits, _texts_of(looked, kind))
        found += [Field(kind, key) for key in sorted(texts, key=wanted.order)]
    if looked.hidden_runs > _FEW:
        known = {kind: _of_runs(looked, kind) for kind in {each.kind for each in found}}
        found = [each for each in found if each in known[each.kind]]
        page = [known[each.kind][each] for each in found[offset : offset + limit]]
        return Keys(len(found), page)
    if looked.hidden_runs:
        found = [each for each in found if _is_visible(looked, each)]
    return Keys(len(found), [_info(looked, each) for each in found[offset : offset + limit]])


def _texts_of(looked: Looked, kind: Kind) -> list[str]:
    return looked.kept(
        ("texts of keys", looked.place, kind),
        lambda: list(looked.texts(looked.names(kind)).values()),
    )


def _of_runs(looked: Looked, kind: Kind) -> dict[Field, KeyInfo]:
    """Return what the runs in view have, by reading run by run.

    This is for stores in which many runs are deleted.
    """
    made = ("keys of runs", looked.place, kind)
    return looked.kept(made, lambda: _counted_by_runs(looked, kind), patience=_PATIENCE)


def _counted_by_runs(looked: Looked, kind: Kind) -> dict[Field, KeyInfo]:
    number = {Kind.METRIC: "v.value", Kind.PARAM: "v.number"}.get(kind, "NULL")
    finite = f"iif({number} BETWEEN {_FINITE}, {number}, NULL)"
    found = looked.connection.execute(
        "SELECT v.name, count(*), count(DISTINCT v.value) + max(v.value IS NULL),"  # noqa: S608
        f" min({finite}), max({finite}) FROM json_each(?) j"
        f" CROSS JOIN {TABLES[kind]} v ON v.run = j.value GROUP BY v.name",
        (json.dumps(list(looked.everything())),),
    ).fetchall()
    texts = looked.texts([name for name, *_ in found])
    fields = ((Field(kind, texts[name]), counted) for name, *counted in found)
    return {
        field: KeyInfo(column=field, runs=runs, distinct=distinct, min=least, max=greatest)
        for field, (runs, distinct, least, greatest) in fields
    }


def _is_visible(looked: Looked, column: Field) -> bool:
    """Whether a run in view has the key, not only others."""
    condition = cells.of_column(looked, column)
    if condition is None:
        return False
    asking = f"SELECT 1 FROM {TABLES[column.kind]} v WHERE {condition.text} LIMIT 1"  # noqa: S608
    return looked.connection.execute(asking, condition.values).fetchone() is not None


def _info(looked: Looked, column: Field) -> KeyInfo:
    cancellation.check()
    return looked.kept_of_key(column, lambda: _counted(looked, column))


def _counted(looked: Looked, column: Field) -> KeyInfo:
    condition, table = cells.of_column(looked, column), TABLES[column.kind]
    assert condition is not None
    (runs,) = looked.connection.execute(
        f"SELECT count(*) FROM {table} v WHERE {condition.text}",  # noqa: S608
        condition.values,
    ).fetchone()
    number = {Kind.METRIC: "v.value", Kind.PARAM: "v.number"}.get(column.kind)
    ends: list[float | None] = [None, None]
    if number is not None:
        ends = [_end(looked, table, condition, number, way) for way in ("", " DESC")]
    distinct = _distinct(looked, table, condition, runs)
    return KeyInfo(column=column, runs=runs, distinct=distinct, min=ends[0], max=ends[1])


def _end(looked: Looked, table: str, condition: Sql, number: str, way: str) -> float | None:
    found = looked.connection.execute(
        f"SELECT {number} FROM {table} v WHERE {condition.text} AND {number} BETWEEN"  # noqa: S608
        f" {_FINITE} ORDER BY {number}{way} LIMIT 1",
        condition.values,
    ).fetchone()
    return None if found is None else found[0]


def _distinct(looked: Looked, table: str, condition: Sql, runs: int) -> int:
    """Return how many different values there are, up to the number that is counted exactly."""
    if runs <= 5 * DISTINCT:
        each = f"SELECT 1 FROM {table} v WHERE {condition.text} GROUP BY v.value"  # noqa: S608
        text, values = f"SELECT count(*) FROM ({each})", condition.values  # noqa: S608
    else:
        # One step in the index for each different value, however many runs have it.
        least = f"SELECT min(v.value) FROM {table} v WHERE {condition.text}"  # noqa: S608
        text = (
            f"WITH RECURSIVE d (value) AS ({least} UNION ALL SELECT"  # noqa: S608
            f" ({least} AND v.value > d.value) FROM d WHERE d.value IS NOT NULL LIMIT ?)"
            " SELECT count(value) FROM d"
        )
        values = (*condition.values, *condition.values, DISTINCT)
    counted: int = looked.connection.execute(text, values).fetchone()[0]
    return counted


def values(looked: Looked, column: Field, contains: str, limit: int) -> Sequence[ValueCount]:
    """Return the most frequent values of a column."""
    key = ("values", looked.place, column, contains, limit)
    return looked.kept(key, lambda: _values(looked, column, contains, limit), patience=_PATIENCE)


def _values(looked: Looked, column: Field, contains: str, limit: int) -> list[ValueCount]:
    if column.kind in (Kind.PARAM, Kind.TAG):
        return _texts(looked, column, contains, limit)
    part = contains.casefold()
    counts = Counter(
        value
        for value in vectors.vector(looked, column).values
        if value == value and part in str(value).casefold()
    )
    return _most(counts.items(), limit)


def _texts(looked: Looked, column: Field, contains: str, limit: int) -> list[ValueCount]:
    condition, table = cells.of_column(looked, column), TABLES[column.kind]
    if condition is None:
        return []
    whole = (
        f"iif(length(v.value) < {HEAD}, v.value, (SELECT w.value || coalesce(w.rest, '')"  # noqa: S608
        f" FROM {table} w WHERE w.run = v.run AND w.name = v.name))"
    )
    found = looked.connection.execute(
        f"SELECT {whole} AS whole, count(*) FROM {table} v INDEXED BY {table}_by_value"  # noqa: S608
        f" WHERE {condition.text}"
        f" GROUP BY v.value, iif(length(v.value) < {HEAD}, '', {whole})",
        condition.values,
    )
    part = contains.casefold()
    return _most((each for each in found if part in each[0].casefold()), limit)


def _most(found: Iterable[tuple[float | str, int]], limit: int) -> list[ValueCount]:
    best = heapq.nsmallest(limit, found, key=lambda each: (-each[1], str(each[0])))
    return [ValueCount(value, runs) for value, runs in best]
