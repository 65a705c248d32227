"""The values that runs are sorted by."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

from pegboard.filters import Field, Kind, OrderBy
from pegboard_tracking.search_conditions import COLUMNS, TABLES, Condition, probe
from pegboard_tracking.search_scope import Scope, joined
from pegboard_tracking.search_tokens import Key, sortable

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
    columns, joins, values = [], [], []
    for number, by in enumerate(order):
        column, join, bound = _column(scope, by.field, f"k{number}")
        columns.append(column)
        joins.append(join)
        values += bound
    inside, shown = scope.in_experiments("r.experiment"), scope.in_stages("r.lifecycle")
    wanted = joined(" AND ", [inside, shown, *(probe(scope, each) for each in conditions)])
    found = scope.connection.execute(
        f"SELECT r.id, {', '.join(columns)} FROM json_each(?) j"  # noqa: S608
        f" CROSS JOIN run r ON r.id = j.value {' '.join(joins)} WHERE {wanted.text}",
        (json.dumps(list(rows)), *values, *wanted.values),
    )
    return [(tuple(map(_value, key)), row) for row, *key in found]


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
    sorting = [(sortable(key, order), row) for key, row in keys(scope, rows, order, conditions)]
    if after is not None:
        begin = sortable(after, order)
        sorting = [item for item in sorting if item[0] > begin]
    sorting.sort()
    return [row for _, row in sorting[:need]]


def unique_prefix(order: Sequence[OrderBy]) -> int:
    """Return how many first fields of the order an index of runs has, in order and unique; or 0."""
    fields = [(by.field.kind, by.field.key, by.ascending) for by in order[:2]]
    if fields[0][:2] == (Kind.ATTRIBUTE, "run_id"):
        return 1
    start = [(Kind.ATTRIBUTE, "start_time", False), (Kind.ATTRIBUTE, "run_id", True)]
    return 2 if fields == start else 0


