"""How the values of a column are spread."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise

from pegboard_stores import cancellation
from pegboard_stores.filters import Field, Kind, as_number
from pegboard_stores.run_table import Histogram
from pegboard_stores.run_table.columns import is_number
from pegboard_stores.run_table.spread import edges_of, of_numbers, of_texts

from pegboard_tracking.run_table import cells, vectors
from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.search.conditions import TABLES


def histogram(looked: Looked, column: Field, bins: int) -> Histogram:
    """Return how the values of the runs that fit are spread."""
    key = ("histogram", looked.key, column, bins)
    return looked.kept(key, lambda: _histogram(looked, column, bins), patience=3.0)


def _histogram(looked: Looked, column: Field, bins: int) -> Histogram:
    cancellation.check()
    numbers = is_number(column) or (column.kind is Kind.PARAM and _are_numbers(looked, column))
    # The index has runs of all stages, so that each range would have to leave out the hidden ones.
    in_index = column.kind in TABLES and looked.members is None and not looked.hidden_runs
    if numbers and in_index:
        name = "value" if column.kind is Kind.METRIC else "number"
        return _of_index(looked, column, name, bins)
    if is_number(column):
        return _of_vector(looked, column, bins)
    values = [value for _, value in vectors.of_fitting(looked, column)]
    if not numbers:
        return of_texts(values)
    return of_numbers([as_number(value) or 0.0 for value in values], bins)


def _are_numbers(looked: Looked, column: Field) -> bool:
    """Whether all values of a param are numbers, which a second index has of it."""
    condition = cells.of_column(looked, column)
    if condition is None:
        return False

    def count(index: str, more: str) -> int:
        found: int = looked.connection.execute(
            f"SELECT count(*) FROM param v INDEXED BY {index} WHERE {condition.text}{more}",  # noqa: S608
            condition.values,
        ).fetchone()[0]
        return found

    return count("param_by_value", "") == count("param_by_number", " AND v.number IS NOT NULL")


def _of_index(looked: Looked, column: Field, number: str, bins: int) -> Histogram:
    """Return the histogram of numbers that an index has in order: each bin is a range of it."""
    condition = cells.of_column(looked, column)
    if condition is None:
        return Histogram(counts=[], edges=[])
    known = f"FROM {TABLES[column.kind]} v WHERE {condition.text} AND v.{number}"

    def ask(what: str, where: str, *values: float) -> float:
        text = f"SELECT {what} {known} {where}"
        found: float = looked.connection.execute(text, (*condition.values, *values)).fetchone()[0]
        return found

    def count(where: str, *values: float) -> int:
        cancellation.check()
        return int(ask("count(*)", where, *values))

    nan, infinite = count("IS NULL"), count("IN (-9e999, 9e999)")
    if not count("> -9e999") - count("= 9e999"):
        return Histogram(counts=[], edges=[], nan=nan, infinite=infinite)
    inside = "BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
    least, greatest = (ask(f"{each}(v.{number})", inside) for each in ("min", "max"))
    edges = edges_of(least, greatest, bins)
    *ranges, last = pairwise(edges)
    counts = [count(f">= ? AND v.{number} < ?", *each) for each in ranges]
    counts.append(count("BETWEEN ? AND ?", *last))
    return Histogram(counts=counts, edges=edges, nan=nan, infinite=infinite)


def _of_vector(looked: Looked, column: Field, bins: int) -> Histogram:
    """Return the histogram of numbers that are kept in order: each bin is a part of them."""
    found = vectors.of_fitting_in_order(looked, column)
    rows, values, members = found.rows, found.values, looked.members
    end = len(rows) - found.nan

    def count(begin: int, end: int) -> int:
        part = rows[begin:end]
        return len(part) if members is None else len(members.intersection(part))  # type: ignore[attr-defined]

    low = bisect_right(values, -math.inf, hi=end)
    high = bisect_left(values, math.inf, lo=low, hi=end)
    nan, infinite = count(end, len(rows)), count(0, low) + count(high, end)
    fitting = range(low, high)
    inside = (lambda _: True) if members is None else members.__contains__
    first = next((i for i in fitting if inside(rows[i])), None)
    if first is None:
        return Histogram(counts=[], edges=[], nan=nan, infinite=infinite)
    last = next(i for i in reversed(fitting) if inside(rows[i]))
    edges = edges_of(float(values[first]), float(values[last]), bins)
    places = [first, *(bisect_left(values, each, first, high) for each in edges[1:-1]), last + 1]
    counts = [count(*part) for part in pairwise(places)]
    return Histogram(counts=counts, edges=edges, nan=nan, infinite=infinite)
