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
    rows = sorted(looked.everything() if looked.members is None else looked.members)
    rows = rows[:: max(1, len(rows) // LOOKED_AT)][-LOOKED_AT:]
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
    (notes,) = looked.connection.execute(
        "SELECT count(*) FROM json_each(?) j CROSS JOIN tag v ON v.run = j.value"
        " WHERE v.name = (SELECT id FROM name WHERE text = ?)",
        (json.dumps(rows), choice.NOTE.key),
    ).fetchone()
    if notes:
        yield Seen(choice.NOTE, notes, notes)
