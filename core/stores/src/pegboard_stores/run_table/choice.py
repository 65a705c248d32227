"""Which columns a table has: those asked for, and without any those that tell runs apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from pegboard_stores.filters import Expr, Field, Kind, OrderBy
from pegboard_stores.run_table import words
from pegboard_stores.run_table.columns import DATASETS, DURATION

LOOKED_AT = 64
"""How many of the matching runs are read to choose columns, spread evenly."""

_EACH = 3
"""How many metrics and how many params are chosen."""
_ALWAYS = (Field(Kind.ATTRIBUTE, "start_time"), Field(Kind.ATTRIBUTE, DURATION))
_SHOWN = frozenset({"run_id", "run_name", "status"})
"""Attributes that each row has in any case."""
_COLUMNS = (Kind.METRIC, Kind.PARAM, Kind.TAG)
_DATASETS = Field(Kind.ATTRIBUTE, DATASETS)
_SYSTEM = "system/"
FIRST = "*"
"""In place of a metric's key: the first metric among the columns. No metric is named so."""
NOTE = Field(Kind.TAG, "mlflow.note.content")
"""What people wrote about a run; it is the last column where any run has it."""


@frozen
class Seen:
    """A column among the runs that were read: how many have it, and how many different values."""

    column: Field
    distinct: int
    runs: int


def asked(text: str, expr: Expr | None, sort: OrderBy | None, *more: Field) -> list[Field]:
    """Return the columns that ``more``, an order and a filter speak of, each once."""
    spoken = words.columns_of(expr) if words.is_filter(text) else ()
    named = [*more, *([sort.field] if sort else []), *map(_shown_in, spoken)]
    return [each for each in dict.fromkeys(named) if _is_column(each)]


def _shown_in(field: Field) -> Field:
    """Return the column that shows what a filter speaks of: one for all that datasets have."""
    return _DATASETS if field.kind is Kind.DATASET else field


def _is_column(field: Field) -> bool:
    return field.key not in _SHOWN if field.kind is Kind.ATTRIBUTE else field.kind in _COLUMNS


def chosen(
    asked: Sequence[Field], wanted: Sequence[Field], ranked: Callable[[], Sequence[Field]]
) -> list[Field]:
    """Return all columns: those asked for, then those wanted, or else the best of the ranked."""
    if wanted:
        return list(dict.fromkeys([*asked, *wanted]))
    others = [each for each in ranked() if each not in asked]
    best = [
        each
        for kind in (Kind.METRIC, Kind.PARAM)
        for each in [other for other in others if other.kind is kind][:_EACH]
    ]
    notes = [each for each in others if each == NOTE]
    return list(dict.fromkeys([*asked, *_ALWAYS, *best, *notes]))


def spark(wanted: str, columns: Sequence[Field]) -> str:
    """Return the key of the metric whose course is wanted, "" for none."""
    if wanted != FIRST:
        return wanted
    return next((each.key for each in columns if each.kind is Kind.METRIC), "")


def ranked(seen: Iterable[Seen]) -> list[Field]:
    """Return columns, those with the most different values first.

    Among equals, those that more runs have come first, then in the given order. Metrics and tags
    that systems log come last.
    """
    found = sorted(
        seen,
        key=lambda each: (each.column.key.startswith(_SYSTEM), -each.distinct, -each.runs),
    )
    return [each.column for each in found]
