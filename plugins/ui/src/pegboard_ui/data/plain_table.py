"""The table of runs of any store: all of its runs are read and checked one by one.

That is for stores of some thousand runs; those for more have the ability themselves.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import evolve
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Run, RunStatus, ViewType
from pegboard.errors import NotSupported
from pegboard.tags import PARENT_RUN_ID
from pegboard_stores import cancellation, filters
from pegboard_stores.filters import Field, Kind, OrderBy
from pegboard_stores.run_table import (
    DATASETS,
    DURATION,
    Changes,
    Groups,
    Histogram,
    KeyInfo,
    Keys,
    RunScope,
    RunTable,
    TablePage,
    TableQuery,
    ValueCount,
    choice,
    datasets_text,
    words,
)
from pegboard_stores.run_table.bounds import check_bins, check_page
from pegboard_stores.run_table.columns import is_number
from pegboard_stores.run_table.contract import Value, Within
from pegboard_stores.run_table.grouping import grouped, in_order
from pegboard_stores.run_table.nesting import Links, links
from pegboard_stores.run_table.spread import of_numbers, of_texts

MOST_RUNS = 20_000
"""How many runs are read."""
_PAGE = 1_000
_SPARK = 32


class PlainRunTable(RunTable):
    """Reads all runs for each answer."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store

    def page(self, query: TableQuery) -> TablePage:
        """Return a page; FilterError, InvalidValue."""
        query.check()
        seen = _Seen(self._runs(query.scope), query.scope)
        asked, chosen = seen.columns(query)
        fitting = seen.fitting
        rows = (
            _rows(seen, query) if query.tree else [(run, 0, 0) for run in seen.sorted(query.sort)]
        )
        part = rows[query.offset : query.offset + query.limit]
        runs = [run for run, _, _ in part]
        parents = seen.links.parents if query.tree else {}
        spark = choice.spark(query.spark, chosen)
        return TablePage(
            **seen.counts(),
            rows=len(rows),
            revision=self.revision(),
            asked=asked,
            chosen=chosen,
            ids=[run.info.run_id for run in runs],
            names=[run.info.run_name for run in runs],
            status=[str(run.info.status) for run in runs],
            experiments=[run.info.experiment_id for run in runs],
            parents=[parents.get(run.info.run_id) for run in runs],
            depth=[depth for _, depth, _ in part],
            children=[children for _, _, children in part],
            dimmed=[run.info.run_id not in fitting for run in runs],
            columns={each: [value_of(run, each) for run in runs] for each in chosen},
            sparks=self._sparks(runs, spark) if spark else {},
        )

    def groups(self, query: TableQuery, by: Field) -> Groups:
        """Return a page of groups; of columns with numbers there are figures."""
        query.check()
        seen = _Seen(self._runs(query.scope), query.scope)
        asked, chosen = seen.columns(query, by)
        runs = seen.fitting
        values = {run_id: value_of(run, by) for run_id, run in runs.items()}
        live = [i for i, run in runs.items() if run.info.status is RunStatus.RUNNING]
        numbers = {
            each: [
                (i, float(n))
                for i, run in runs.items()
                if isinstance(n := value_of(run, each), int | float)
            ]
            for each in chosen
            if is_number(each) and each != by
        }
        found = in_order(grouped(runs, values, live, numbers), by, query.sort)
        return Groups(
            **seen.counts(),
            revision=self.revision(),
            asked=asked,
            chosen=chosen,
            count=len(found),
            groups=found[query.offset : query.offset + query.limit],
        )

    def keys(
        self,
        scope: RunScope,
        *,
        kinds: Sequence[Kind] = (),
        contains: str = "",
        pattern: str = "",
        offset: int = 0,
        limit: int = 100,
    ) -> Keys:
        """Return the metrics, params and tags that runs have, by kind and name."""
        check_page(limit, offset)
        runs = self._runs(scope)
        found: list[Field] = []
        with filters.searching():
            is_wanted, order = words.key_test(contains, pattern), words.key_order(contains)
            for kind in kinds or (Kind.METRIC, Kind.PARAM, Kind.TAG):
                names = filter(is_wanted, {key for run in runs for key in _texts(run, kind)})
                found += [Field(kind, key) for key in sorted(names, key=order)]
        page = found[offset : offset + limit]
        return Keys(len(found), [_info(runs, each) for each in page])

    def values(
        self, scope: RunScope, column: Field, *, contains: str = "", limit: int = 50
    ) -> Sequence[ValueCount]:
        """Return the values of a column, the most frequent first."""
        check_page(limit)
        part = contains.casefold()
        counts = Counter(
            value
            for run in self._runs(scope)
            if (value := value_of(run, column)) is not None
            and value == value
            and part in str(value).casefold()
        )
        most = sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))
        return [ValueCount(value, runs) for value, runs in most[:limit]]

    def histograms(
        self, scope: RunScope, columns: Sequence[Field], *, bins: int = 20
    ) -> Mapping[Field, Histogram]:
        """Return how the values of the runs that fit are spread."""
        check_bins(bins)
        seen = _Seen(self._runs(scope), scope)
        return {each: _histogram([*seen.fitting.values()], each, bins) for each in columns}

    def revision(self) -> int:
        """Return what differs after each change of a run, by anybody: a check sum of all runs."""
        return zlib.crc32(repr([each for each, _ in self._states()]).encode())

    def changed_since(self, revision: int) -> Changes:
        """Return no runs if nothing has changed; which have is not known."""
        now = self.revision()
        return Changes(now, {} if now == revision else None)

    def _states(self) -> Iterator[tuple[object, Run]]:
        places = [each.experiment_id for each in self._store.search_experiments()]
        for run in self._runs(RunScope(places, view=ViewType.ALL)):
            used = datasets_text(run.inputs.dataset_inputs)
            latest = sorted(run.data.latest.items())
            yield (run.info, latest, run.data.params, run.data.tags, used), run

    def _runs(self, scope: RunScope) -> list[Run]:
        found: list[Run] = []
        token: str | None = None
        while True:
            cancellation.check()
            page = self._store.search_runs(
                scope.experiment_ids, view=scope.view, max_results=_PAGE, page_token=token
            )
            found += page
            token = page.token
            if token is None:
                return found
            if len(found) >= MOST_RUNS:
                raise NotSupported(
                    f"These experiments have more than {MOST_RUNS:,} runs, which this kind of "
                    "store cannot show as a table.",
                    hint="Look at fewer experiments, or move the runs to a SQLite store.",
                )

    def _sparks(self, runs: Sequence[Run], key: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for run in runs:
            cancellation.check()
            if key in run.data.latest:
                points = self._store.sampled_history(run.info.run_id, key, _SPARK)
                found[run.info.run_id] = [p.value for p in points if math.isfinite(p.value)]
        return found


class _Seen:
    """The runs of a scope, and which of them fit."""

    def __init__(self, runs: list[Run], scope: RunScope) -> None:
        self.runs = {run.info.run_id: run for run in runs}
        self._scope = scope
        tags = sorted({key for run in runs for key in run.data.tags})
        self.expression = words.expression(scope.q, tags)
        fitting = filters.select(self.expression, runs)
        self.fitting = {run.info.run_id: run for run in fitting if _is_within(run, scope.within)}

    @cached_property
    def links(self) -> Links[str]:
        """Who is below whom."""
        children: dict[str, list[str]] = {}
        for run_id, run in self.runs.items():
            parent = run.data.tags.get(PARENT_RUN_ID)
            if parent in self.runs:
                children.setdefault(str(parent), []).append(run_id)
        return links(children)

    def counts(self) -> dict[str, Any]:
        live = sum(run.info.status is RunStatus.RUNNING for run in self.runs.values())
        return {"total": len(self.runs), "matched": len(self.fitting), "live": live}

    def sorted(self, sort: OrderBy | None, ids: Sequence[str] | None = None) -> list[Run]:
        """Return the runs that fit, or those of some ids, in order."""
        runs = self.fitting.values() if ids is None else [self.runs[each] for each in ids]
        if sort is None:
            return filters.sorted_by(runs)
        found = filters.sorted_by(runs)
        found.sort(
            key=lambda run: filters.key_part(value_of(run, sort.field), ascending=sort.ascending)
        )
        return found

    def columns(self, query: TableQuery, *more: Field) -> tuple[list[Field], list[Field]]:
        asked = choice.asked(self._scope.q, self.expression, query.sort, *more)
        return asked, choice.chosen(asked, query.columns, self._ranked)

    def _ranked(self) -> list[Field]:
        runs = list(self.fitting.values())
        runs = runs[:: max(1, len(runs) // choice.LOOKED_AT)][: choice.LOOKED_AT]
        distinct: dict[Field, list[object]] = {}
        for run in runs:
            for kind in (Kind.METRIC, Kind.PARAM):
                for key, value in _texts(run, kind).items():
                    distinct.setdefault(Field(kind, key), []).append(str(value))
            if (note := value_of(run, choice.NOTE)) is not None:
                distinct.setdefault(choice.NOTE, []).append(str(note))
        return choice.ranked(
            choice.Seen(each, len(set(of)), len(of)) for each, of in distinct.items()
        )


def _rows(seen: _Seen, query: TableQuery) -> list[tuple[Run, int, int]]:
    """Return the rows of the tree: each run, how deep it is, and how many are directly below."""
    shown = seen.links.with_parents(seen.fitting.keys())
    opened = set(query.opened)
    found: list[tuple[Run, int, int]] = []
    waiting = [iter(seen.sorted(query.sort, sorted(shown - seen.links.parents.keys())))]
    while waiting:
        run = next(waiting[-1], None)
        if run is None:
            waiting.pop()
            continue
        below = [i for i in seen.links.children.get(run.info.run_id, ()) if i in shown]
        found.append((run, len(waiting) - 1, len(below)))
        if run.info.run_id in opened and below:
            waiting.append(iter(seen.sorted(query.sort, below)))
    return found


def value_of(run: Run, column: Field) -> Value:
    """Return the value of a column; None if the run has none."""
    if column.kind is Kind.ATTRIBUTE:
        info = run.info
        if column.key == DATASETS:
            return datasets_text(run.inputs.dataset_inputs)
        if column.key == DURATION:
            return None if info.end_time is None else float(info.end_time - info.start_time)
        found = getattr(info, column.key)
        return str(found) if isinstance(found, str) else found
    return _texts(run, column.kind).get(column.key)


def _texts(run: Run, kind: Kind) -> Mapping[str, Any]:
    if kind is Kind.METRIC:
        return run.data.metrics
    return run.data.params if kind is Kind.PARAM else run.data.tags


def _is_within(run: Run, within: Within | None) -> bool:
    if within is None:
        return True
    value = value_of(run, within.column)
    if isinstance(value, float) and isinstance(within.value, float):
        return value == within.value or (value != value and within.value != within.value)
    return value == within.value


def _info(runs: Sequence[Run], column: Field) -> KeyInfo:
    values = [value for run in runs if (value := value_of(run, column)) is not None]
    made = KeyInfo(column=column, runs=len(values), distinct=len(set(map(str, values))))
    numbers = [n for each in values if (n := _number(each, column)) is not None]
    return evolve(made, min=min(numbers), max=max(numbers)) if numbers else made


def _number(value: Value, column: Field) -> float | None:
    if column.kind is Kind.TAG:
        return None
    found = filters.as_number(value) if isinstance(value, str) else value
    return found if found is not None and math.isfinite(found) else None


def _histogram(runs: Sequence[Run], column: Field, bins: int) -> Histogram:
    values = [value for run in runs if (value := value_of(run, column)) is not None]
    if is_number(column):
        return of_numbers([float(each) for each in values], bins)
    numbers = [filters.as_number(str(each)) for each in values]
    if column.kind is Kind.PARAM and values and None not in numbers:
        return of_numbers([each for each in numbers if each is not None], bins)
    return of_texts([str(each) for each in values])
