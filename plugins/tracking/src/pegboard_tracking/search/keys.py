"""The values that runs are sorted by."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from pegboard_stores.filters import Field, Kind, OrderBy
from pegboard_stores.search_tokens import Key, is_nan, sortable
from pegboard_stores.sql.pieces import Sql, joined

from pegboard_tracking.search.conditions import COLUMNS, TABLES, Condition, probe
from pegboard_tracking.search.scope import Scope

_NUMBERS = ("start_time", "end_time")


def types(order: Sequence[OrderBy]) -> list[type]:
    """Return for each value of a key whether it is a number (float) or a text (str)."""
    return [float if _is_number(by.field) else str for by in order]


def _is_number(field: Field) -> bool:
    return field.kind is Kind.METRIC or (field.kind is Kind.ATTRIBUTE and field.key in _NUMBERS)


def keys(
    scope: Scope, rows: Iterable[int], order: Sequence[OrderBy], conditions: Iterable[Condition]
) -> list[tuple[Key, int]]:
    """Return the key and the row of those runs among ``rows`` that the search looks for."""
    columns: list[str] = []
    joins: list[str] = []
    values: list[int] = []
    for number, by in enumerate(order):
        column, join, bound = _column(scope, by.field, f"k{number}")
        columns.append(column)
        joins.append(join)
        values += bound
    wanted = _wanted(scope, conditions)
    found = scope.connection.execute(
        f"SELECT r.id, {', '.join(columns)} FROM json_each(?) j"  # noqa: S608
        f" CROSS JOIN run r ON r.id = j.value {' '.join(joins)} WHERE {wanted.text}",
        (json.dumps(list(rows)), *values, *wanted.values),
    )
    return [(tuple(map(_value, key)), row) for row, *key in found]


def fitting(scope: Scope, rows: Iterable[int], conditions: Iterable[Condition]) -> set[int]:
    """Return those of ``rows`` that fit the conditions."""
    wanted = _wanted(scope, conditions)
    return scope.run_ids(
        Sql(
            "SELECT r.id AS id FROM json_each(?) j CROSS JOIN run r ON r.id = j.value"  # noqa: S608
            f" WHERE {wanted.text}",
            (json.dumps(list(rows)), *wanted.values),
        )
    )


def _wanted(scope: Scope, conditions: Iterable[Condition]) -> Sql:
    inside, shown = scope.in_experiments("r.experiment"), scope.in_stages("r.lifecycle")
    return joined(" AND ", [inside, shown, *(probe(scope, each) for each in conditions)])


def _column(scope: Scope, field: Field, alias: str) -> tuple[str, str, tuple[int, ...]]:
    """Return the expression of a key's value, the join it needs, and that one's value."""
    if field.kind is Kind.ATTRIBUTE:
        return f"r.{COLUMNS[field.key][0]}", "", ()
    name = scope.name(field.key)
    if name is None:
        return "NULL", "", ()
    join = f"LEFT JOIN {TABLES[field.kind]} {alias} ON {alias}.run = r.id AND {alias}.name = ?"
    if field.kind is Kind.METRIC:
        # SQLite has no NaN; an empty blob stands for it here.
        nan = f"iif({alias}.run IS NULL, NULL, x'')"
        return f"coalesce({alias}.value, {nan})", join, (name,)
    return f"{alias}.value || coalesce({alias}.rest, '')", join, (name,)


def _value(value: float | str | bytes | None) -> float | str | None:
    return math.nan if isinstance(value, bytes) else value


def ranked(
    scope: Scope,
    rows: Iterable[int],
    order: Sequence[OrderBy],
    need: int,
    *,
    conditions: Iterable[Condition] = (),
    after: Key | None = None,
) -> list[int]:
    """Return up to ``need`` of ``rows`` that are looked for, in order, behind the key ``after``."""
    found = arranged(keys(scope, rows, order, conditions), order)
    begin = 0
    if after is not None:
        behind = sortable(after, order)
        begin = bisect_right(found, behind, key=lambda item: sortable(item[0], order))
    return [row for _, row in found[begin : begin + need]]


def arranged(found: list[tuple[Key, int]], order: Sequence[OrderBy]) -> list[tuple[Key, int]]:
    """Return keys with their rows in order: as sorting by ``sortable`` does, but faster."""
    for place in reversed(range(len(order))):
        valued: list[Any] = []
        nan: list[tuple[Key, int]] = []
        missing: list[tuple[Key, int]] = []
        for item in found:
            value = item[0][place]
            (missing if value is None else nan if is_nan(value) else valued).append(item)
        valued.sort(key=lambda item: item[0][place], reverse=not order[place].ascending)
        found = valued + nan + missing
    return found


def unique_prefix(order: Sequence[OrderBy]) -> int:
    """Return how many first fields of the order an index of runs has, in order and unique; or 0."""
    fields = [(by.field.kind, by.field.key, by.ascending) for by in order[:2]]
    if fields[0][:2] == (Kind.ATTRIBUTE, "run_id"):
        return 1
    start = [(Kind.ATTRIBUTE, "start_time", False), (Kind.ATTRIBUTE, "run_id", True)]
    return 2 if fields == start else 0
