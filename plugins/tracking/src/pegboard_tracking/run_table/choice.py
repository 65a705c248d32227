"""Which columns a table has: those asked for, and without any those that tell runs apart."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pegboard_stores.filters import Field, Kind, OrderBy
from pegboard_stores.run_table import DURATION, words

from pegboard_tracking.run_table.looked import Looked
from pegboard_tracking.search.conditions import TABLES

_EACH = 3
"""How many metrics and how many params are chosen."""
_LOOKED_AT = 64
"""How many of the runs that fit are looked at, evenly among all of them."""
_ALWAYS = [Field(Kind.ATTRIBUTE, "start_time"), Field(Kind.ATTRIBUTE, DURATION)]
_SHOWN = {"run_id", "run_name", "status"}
"""Attributes that each row has in any case."""
_SYSTEM = "system/"


def columns(
    looked: Looked, wanted: Sequence[Field], sort: OrderBy | None, *more: Field
) -> tuple[list[Field], list[Field]]:
    """Return the columns that the filter, the order and ``more`` speak of; and all of them."""
    is_filter = words.is_filter(looked.text)
    spoken = list(words.columns_of(looked.expression)) if is_filter else []
    named = [*more, *([sort.field] if sort else []), *spoken]
    asked = [each for each in dict.fromkeys(named) if _is_column(each)]
    rest = wanted or [*_ALWAYS, *_telling(looked, asked)]
    return asked, list(dict.fromkeys([*asked, *rest]))


def _is_column(field: Field) -> bool:
    if field.kind is Kind.ATTRIBUTE:
        return field.key not in _SHOWN
    return field.kind in TABLES


def _telling(looked: Looked, asked: Sequence[Field]) -> list[Field]:
    """Return metrics and params with the most different values among runs that fit.

    Of equals those that more runs have, then those that were logged first.
    """
    key = ("choice", looked.key)
    ranked = looked.kept(key, lambda: _ranked(looked), patience=50.0)
    found = []
    for kind in (Kind.METRIC, Kind.PARAM):
        others = [each for each in ranked if each.kind is kind and each not in asked]
        found += others[:_EACH]
    return found


def _ranked(looked: Looked) -> list[Field]:
    members = looked.everything() if looked.members is None else looked.members
    rows = sorted(members)
    rows = rows[:: max(1, len(rows) // _LOOKED_AT)][-_LOOKED_AT:]
    found: list[Field] = []
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
        order = sorted(distinct, key=lambda n: (-len(distinct[n]), -runs[n], n))
        texts = looked.texts(order)
        found += _people_first(Field(kind, texts[name]) for name in order)
    return found


def _people_first(fields: Iterable[Field]) -> list[Field]:
    known = list(fields)
    return sorted(known, key=lambda each: each.key.startswith(_SYSTEM))
