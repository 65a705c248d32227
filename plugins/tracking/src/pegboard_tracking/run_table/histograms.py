"""How the values of a column are spread."""

from __future__ import annotations

import json
from itertools import pairwise

from pegboard_stores import cancellation
from pegboard_stores.filters import Field, Kind
from pegboard_stores.run_table import Histogram
from pegboard_stores.run_table.columns import is_number
from pegboard_stores.run_table.spread import edges_of, of_numbers, of_texts
from pegboard_stores.sql.pieces import Sql

from pegboard_tracking.run_table import cells
from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.search.conditions import TABLES


def histogram(looked: Looked, column: Field, bins: int) -> Histogram:
    """Return how the values of the runs that fit are spread."""
    key = ("histogram", looked.key, column, bins)
    return looked.kept(key, lambda: _histogram(looked, column, bins), patience=10.0)


def _histogram(looked: Looked, column: Field, bins: int) -> Histogram:
    cancellation.check()
    if column.kind is Kind.METRIC:
        return _of_indexed(looked, column, "value", bins)
    if column.kind is Kind.PARAM and _are_numbers(looked, column):
        return _of_indexed(looked, column, "number", bins)
    values = [value for _, value in cells.of_all(looked, column)]
    if is_number(column):
        return of_numbers(values, bins)
    return of_texts(values)


def _are_numbers(looked: Looked, column: Field) -> bool:
    condition = cells.of_column(looked, column)
    if condition is None:
        return False
    (lacking,) = looked.connection.execute(
        "SELECT EXISTS (SELECT 1 FROM param v WHERE v.number IS NULL"  # noqa: S608
        f" AND {condition.text})",
        condition.values,
    ).fetchone()
    return not lacking


def _of_indexed(looked: Looked, column: Field, number: str, bins: int) -> Histogram:
    """Return the histogram of numbers that an index has in order: each bin is a range of it."""
    condition = cells.of_column(looked, column)
    if condition is None:
        return Histogram(counts=[], edges=[])
    table = TABLES[column.kind]

    def ends(way: str) -> float | None:
        found = looked.connection.execute(
            f"SELECT v.{number} FROM {table} v WHERE {condition.text}"  # noqa: S608
            f" AND v.{number} > -9e999 AND v.{number} < 9e999 ORDER BY v.{number}{way} LIMIT 1",
            condition.values,
        ).fetchone()
        return None if found is None else found[0]

    def count(where: str, *values: float) -> int:
        return _count(
            looked,
            Sql(
                f"SELECT v.run AS id FROM {table} v WHERE {condition.text} AND {where}",  # noqa: S608
                (*condition.values, *values),
            ),
        )

    nan = count(f"v.{number} IS NULL")
    infinite = count(f"v.{number} IN (-9e999, 9e999)")
    least, greatest = ends(""), ends(" DESC")
    if least is None or greatest is None:
        return Histogram(counts=[], edges=[], nan=nan, infinite=infinite)
    edges = edges_of(least, greatest, bins)
    ranges = list(pairwise(edges))
    counts = [count(f"v.{number} >= ? AND v.{number} < ?", *each) for each in ranges[:-1]]
    counts.append(count(f"v.{number} >= ? AND v.{number} <= ?", *ranges[-1]))
    return Histogram(counts=counts, edges=edges, nan=nan, infinite=infinite)


def _count(looked: Looked, select: Sql) -> int:
    cancellation.check()
    members = looked.members
    if members is None:
        text = f"SELECT count(*) FROM ({select.text})"  # noqa: S608
        counted: int = looked.connection.execute(text, select.values).fetchone()[0]
        return counted
    text = f"SELECT json_group_array(id) FROM ({select.text})"  # noqa: S608
    found = json.loads(looked.connection.execute(text, select.values).fetchone()[0])
    return len(members.intersection(found))  # type: ignore[attr-defined]
