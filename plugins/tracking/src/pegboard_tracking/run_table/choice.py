"""Which columns a table has."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pegboard_stores.filters import Field, Kind, OrderBy
from pegboard_stores.run_table import choice
from pegboard_stores.run_table.choice import LOOKED_AT, Seen

from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.search.conditions import TABLES

_VALUES = 10_000
"""How many values are read, if there are that many."""
_MANY = 2_000
_FEWEST = 10
"""How many runs are read at least."""


def columns(
    looked: Looked, wanted: Sequence[Field], sort: OrderBy | None, *more: Field
) -> tuple[list[Field], list[Field]]:
    """Return the columns that the filter, the order and ``more`` speak of; and all of them."""
    asked = choice.asked(looked.text, looked.expression, sort, *more)
    key = ("choice", looked.key)

    def ranked() -> list[Field]:
        return looked.kept(key, lambda: choice.ranked(_seen(looked)))

    return asked, choice.chosen(asked, wanted, ranked)


def _seen(looked: Looked) -> Iterator[Seen]:
    """Yield the columns of some of the runs that fit, those that were first logged first."""
    rows = _some(looked)
    for kind in (Kind.METRIC, Kind.PARAM):
        distinct: dict[int, set[object]] = defaultdict(set)
        runs: dict[int, int] = defaultdict(int)
        for name, value in looked.connection.execute(
            f"SELECT v.name, v.value FROM json_each(?) j CROSS JOIN {TABLES[kind]} v"  # noqa: S608
            " ON v.run = j.value",
            (json.dumps(rows),),
        ):
            distinct[name].add(value)
            runs[name] += 1
        texts = looked.texts(list(distinct))
        for name in sorted(distinct):
            yield Seen(Field(kind, texts[name]), len(distinct[name]), runs[name])
    if notes := _noted(looked):
        yield Seen(choice.NOTE, notes, notes)


def _noted(looked: Looked) -> int:
    """Return how many runs have a note, of many that fit."""
    rows = _evenly(looked, _MANY)
    (notes,) = looked.connection.execute(
        "SELECT count(*) FROM json_each(?) j CROSS JOIN tag v ON v.run = j.value AND v.name = ?",
        (json.dumps(rows), looked.scope.name(choice.NOTE.key)),
    ).fetchone()
    found: int = notes
    return found


def _some(looked: Looked) -> list[int]:
    """Return some of the runs that fit, evenly among all: fewer if they have many keys."""
    rows = _evenly(looked, LOOKED_AT)
    if not rows:
        return []
    (values,) = looked.connection.execute(
        "SELECT count(*) FROM json_each(?) j CROSS JOIN series v ON v.run = j.value",
        (json.dumps([rows[0], rows[len(rows) // 2], rows[-1]]),),
    ).fetchone()
    most = max(_FEWEST, 3 * _VALUES // (values + 1))
    return rows[:: max(1, -(-len(rows) // most))]


def _evenly(looked: Looked, most: int) -> list[int]:
    rows = sorted(looked.everything() if looked.members is None else looked.members)
    return rows[:: max(1, -(-len(rows) // most))]
