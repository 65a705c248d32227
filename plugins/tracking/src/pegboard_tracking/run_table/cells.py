"""The cells of a table: values of columns, of a few runs or of all."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from pegboard_stores.filters import Field, Kind
from pegboard_stores.run_table.contract import Value
from pegboard_stores.sql.pieces import Sql

from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.search.conditions import TABLES, attribute

_VALUES = {
    # SQLite has no NaN: a metric that is there has NULL for it.
    Kind.METRIC: "iif(v.value IS NULL, 'nan', v.value)",
    Kind.PARAM: "iif(v.rest IS NULL, v.value, v.value || v.rest)",
    Kind.TAG: "iif(v.rest IS NULL, v.value, v.value || v.rest)",
}


def of_rows(
    looked: Looked, rows: Sequence[int], columns: Sequence[Field]
) -> dict[Field, list[Value]]:
    """Return the values that these runs have in columns, None where they have none."""
    found: dict[Field, list[Value]] = {each: [None] * len(rows) for each in columns}
    places = {row: i for i, row in enumerate(rows)}
    for kind in TABLES:
        named = {looked.scope.name(each.key): each for each in columns if each.kind is kind}
        named.pop(None, None)
        if named:
            for run, name, value in _data(looked, kind, rows, [n for n in named if n]):
                found[named[name]][places[run]] = _number(value) if kind is Kind.METRIC else value
    attributes = [each for each in columns if each.kind is Kind.ATTRIBUTE]
    if attributes:
        shown = ", ".join(attribute(each.key) for each in attributes)
        for run, *values in looked.connection.execute(
            f"SELECT r.id, {shown} FROM json_each(?) j"  # noqa: S608
            " CROSS JOIN run r ON r.id = j.value",
            (json.dumps(rows),),
        ):
            for each, value in zip(attributes, values, strict=True):
                found[each][places[run]] = value
    return found


def _data(
    looked: Looked, kind: Kind, rows: Sequence[int], names: Sequence[int]
) -> Iterator[tuple[int, int, Any]]:
    return looked.connection.execute(
        f"SELECT v.run, v.name, {_VALUES[kind]} FROM json_each(?) j"  # noqa: S608
        f" CROSS JOIN {TABLES[kind]} v ON v.run = j.value"
        " WHERE v.name IN (SELECT value FROM json_each(?))",
        (json.dumps(rows), json.dumps(names)),
    )


def of_all(looked: Looked, column: Field) -> list[tuple[int, Any]]:
    """Return the row and the value of each run in view that has one in a column.

    Here None stands for NaN.
    """
    scope = looked.scope
    if column.kind is Kind.ATTRIBUTE:
        inside, shown = scope.in_experiments("r.experiment"), scope.in_stages("r.lifecycle")
        value = attribute(column.key)
        return looked.connection.execute(
            f"SELECT r.id, {value} FROM run r WHERE {inside.text} AND {shown.text}"  # noqa: S608
            f" AND {value} IS NOT NULL",
            (*inside.values, *shown.values),
        ).fetchall()
    condition = of_column(looked, column)
    if condition is None:
        return []
    value = "v.value" if column.kind is Kind.METRIC else _VALUES[column.kind]
    return looked.connection.execute(
        f"SELECT v.run, {value} FROM {TABLES[column.kind]} v WHERE {condition.text}",  # noqa: S608
        condition.values,
    ).fetchall()


def of_column(looked: Looked, column: Field) -> Sql | None:
    """Return the condition that ``v`` belongs to a metric, param or tag, and to a run in view."""
    name = looked.scope.name(column.key)
    if name is None or not looked.scope.experiments:
        return None
    inside, hidden = looked.scope.in_experiments("v.experiment"), looked.hidden
    return Sql(
        f"{inside.text} AND v.name = ? AND {hidden.text}",
        (*inside.values, name, *hidden.values),
    )


def _number(value: float | str) -> float:
    return math.nan if isinstance(value, str) else value
