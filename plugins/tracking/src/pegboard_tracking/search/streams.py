"""Runs in the order of one field, read from its index as far as they are wanted."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from pegboard_stores.filters import Kind, OrderBy
from pegboard_stores.search_tokens import Key, sortable
from pegboard_stores.sql.pieces import ALWAYS, Sql, joined

from pegboard_tracking.search.conditions import (
    COLUMNS,
    TABLES,
    Condition,
    compare_range,
    is_range,
    probe,
)
from pegboard_tracking.search.keys import unique_prefix
from pegboard_tracking.search.scope import Scope

Item: TypeAlias = tuple[Key, int, bool]
"""The first values of a run's key, its row, and whether the conditions hold."""


class Stream:
    """The runs that have a value in the first field of an order, in its order.

    For params and tags the value is its head. Runs of which only the head or the start of the key
    is known to be equal come in no certain order.
    """

    def __init__(
        self,
        scope: Scope,
        order: Sequence[OrderBy],
        conditions: Sequence[Condition],
        *,
        known: Sequence[Condition],
        bound: Key | None,
        check_stage: bool,
    ) -> None:
        """Prepare to read.

        ``known`` conditions hold for all runs that the caller is interested in. ``bound`` is the
        key behind which the stream begins: as much of one as the items have. ``check_stage`` is
        false if the caller knows which runs are in a stage in view.
        """
        self._scope = scope
        self._width = unique_prefix(order) or 1
        self._order = order[: self._width]
        self._field = order[0].field
        self._way = "" if order[0].ascending else " DESC"
        self._bound = bound
        self._check_stage = check_stage
        wanted = joined(" AND ", [probe(scope, each) for each in conditions])
        self._wanted = wanted if conditions else ALWAYS
        self._ranges = [each for each in (*conditions, *known) if is_range(each, self._field)]

    def __iter__(self) -> Iterator[Item]:
        if self._field.kind is not Kind.ATTRIBUTE and self._scope.name(self._field.key) is None:
            return iter(())
        sources = self._sources()
        return self._read(*sources[0]) if len(sources) == 1 else self._merged()

    @property
    def is_single(self) -> bool:
        """Whether ``parts`` may be used: one part of one index has all the runs."""
        return len(self._sources()) == 1

    def parts(self) -> Iterator[list[int]]:
        """Return the rows alone, in parts that get longer."""
        if self._field.kind is not Kind.ATTRIBUTE and self._scope.name(self._field.key) is None:
            return
        ((experiment, stage),) = self._sources()
        select = self._select(Sql("?", (experiment,)), stage, ALWAYS)
        text = f"SELECT json_group_array(id) FROM ({select.text} LIMIT ? OFFSET ?)"  # noqa: S608
        offset, length = 0, 2_000
        while True:
            values = (*select.values, length, offset)
            rows = json.loads(self._scope.connection.execute(text, values).fetchone()[0])
            yield rows
            if len(rows) < length:
                return
            offset, length = offset + length, 2 * length

    def _sources(self) -> list[tuple[int, str | None]]:
        """Return the experiments and lifecycle stages whose runs are together in the index."""
        return [
            (experiment, stage)
            for stage in self._stages()
            for experiment in self._scope.experiments
        ]

    def _stages(self) -> Sequence[str | None]:
        return self._scope.stages if self._field.kind is Kind.ATTRIBUTE else (None,)

    def _merged(self) -> Iterator[Item]:
        """Merge the parts; each is opened only when its first value's turn has come."""
        heap: list[tuple[Any, int, Any, Item | None]] = []
        number = 0
        for stage in self._stages():
            for experiment, value in self._first_values(stage):
                key = sortable((value,), self._order[:1])
                heap.append((key, number, (experiment, stage), None))
                number += 1
        heapq.heapify(heap)
        while heap:
            _, number, source, item = heap[0]
            if item is None:
                source = self._read(*source)
            else:
                yield item
            following = next(source, None)
            if following is None:
                heapq.heappop(heap)
            else:
                key = sortable(following[0], self._order)
                heapq.heapreplace(heap, (key, number, source, following))

    def _first_values(self, stage: str | None) -> list[tuple[int, Any]]:
        first = self._select(Sql("e.value"), stage, None)
        found = self._scope.connection.execute(
            f"SELECT e.value, ({first.text} LIMIT 1) FROM json_each(?) e",  # noqa: S608
            (*first.values, json.dumps(self._scope.experiments)),
        )
        return [(experiment, value) for experiment, value in found if value is not None]

    def _read(self, experiment: int, stage: str | None) -> Iterator[Item]:
        select = self._select(Sql("?", (experiment,)), stage, self._wanted)
        cursor = self._scope.connection.execute(select.text, select.values)
        width = self._width
        try:
            for row in cursor:
                yield row[:width], row[width], row[width + 1]
        finally:
            cursor.close()

    def _select(self, experiment: Sql, stage: str | None, wanted: Sql | None) -> Sql:
        """Return the SELECT of a part: of items, or without ``wanted`` of first values only."""
        if self._field.kind is Kind.ATTRIBUTE:
            return self._select_runs(experiment, str(stage), wanted)
        return self._select_data(experiment, wanted)

    def _select_runs(self, experiment: Sql, stage: str, wanted: Sql | None) -> Sql:
        column, index = COLUMNS[self._field.key]
        key = [f"r.{column}", "r.run_id"][: self._width]
        ordered = [f"{key[0]}{self._way}", *key[1:]]
        shown = (
            Sql(key[0])
            if wanted is None
            else joined(", ", [*map(Sql, key), Sql("r.id AS id"), wanted])
        )
        begin = self._begin(*key)
        return Sql(
            f"SELECT {shown.text} FROM run r INDEXED BY {index}"  # noqa: S608
            f" WHERE r.experiment = {experiment.text} AND r.lifecycle = ?"
            f" AND r.{column} IS NOT NULL AND {begin.text} ORDER BY {', '.join(ordered)}",
            (*shown.values, *experiment.values, stage, *begin.values),
        )

    def _select_data(self, experiment: Sql, wanted: Sql | None) -> Sql:
        table = TABLES[self._field.kind]
        join, shown = "", Sql("v.value")
        if wanted is not None:
            checks = [wanted]
            if self._check_stage:
                join = "CROSS JOIN run r ON r.id = v.run"
                checks.append(self._scope.in_stages("r.lifecycle"))
            shown = joined(", ", [shown, Sql("v.run AS id"), joined(" AND ", checks)])
        begin = self._begin("v.value")
        return Sql(
            f"SELECT {shown.text} FROM {table} v"  # noqa: S608
            f" {self._scope.indexed(table, f'{table}_by_value')} {join}"
            f" WHERE v.experiment = {experiment.text} AND v.name = ? AND v.value IS NOT NULL"
            f" AND {begin.text} ORDER BY v.value{self._way}",
            (
                *shown.values,
                *experiment.values,
                self._scope.name(self._field.key),
                *begin.values,
            ),
        )

    def _begin(self, first: str, second: str | None = None) -> Sql:
        """Return the condition for what is behind the bound, and in the range that may fit."""
        ranges = [compare_range(first, each) for each in self._ranges]
        return joined(" AND ", [self._behind(first, second), *ranges])

    def _behind(self, first: str, second: str | None) -> Sql:
        if self._bound is None:
            return ALWAYS
        sign = "<" if self._way else ">"
        if second is None:
            return Sql(f"{first} {sign} ?", self._bound[:1])
        value, tie = self._bound[:2]
        return Sql(f"{first} {sign}= ? AND ({first} <> ? OR {second} > ?)", (value, value, tie))
