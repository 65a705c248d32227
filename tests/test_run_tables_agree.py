"""The table that a store reads from its indexes is the one that its runs make, one by one.

Stores are changed at random, and asked after each change, so that what is kept of the state before
is renewed each time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence

import pytest
from pegboard.config import Config
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Param, RunStatus, RunTag, ViewType
from pegboard.host import Host
from pegboard.tags import PARENT_RUN_ID
from pegboard_stores.filters import Field
from pegboard_stores.run_table import (
    RunScope,
    RunTable,
    TableQuery,
    Within,
    parse_column,
    parse_sort,
)
from pegboard_tracking.run_table import order, stats, vectors
from pegboard_ui.data.plain_table import PlainRunTable
from pegboard_ui.data.run_tables import of_store

COLUMNS = [
    *("metrics.m", "metrics.few", "metrics.none", "params.p", "params.n", "params.long"),
    *("tags.t", "attributes.status", "attributes.run_name", "attributes.duration"),
    *("attributes.start_time", "attributes.end_time", "attributes.user_id"),
]
QUERIES = (
    *("", "metrics.m > 0", "params.p = 'a' AND metrics.few != 1", "NOT (tags.t LIKE '%x%')"),
    *("name-1", "metrics.none IS NULL", "status = 'FINISHED' OR params.n > 2", "metrics.m > 99"),
)
SORTS = ("", *COLUMNS, *(f"-{each}" for each in COLUMNS))
NUMBERS = (0.0, -1.5, 2.0, 1e300, -1e300, math.nan, math.inf, -math.inf)


@pytest.fixture
def store(tmp_path) -> Iterator[TrackingStore]:
    host = Host(Config())
    yield host.tracking_store(f"sqlite:{tmp_path / 's.db'}")
    host.close()


class Changing:
    """Changes a store at random, always in the same way for a seed."""

    def __init__(self, store: TrackingStore, seed: int) -> None:
        self._store = store
        self._draw = random.Random(seed)
        self.experiments = ["0", store.create_experiment("other").experiment_id]
        self.runs: list[str] = []
        self._gone: set[str] = set()

    def step(self) -> None:
        changes: Sequence[Callable[[], object]] = (
            *(self._create, self._log, self._log, self._log, self._tag, self._point),
            *(self._end, self._delete, self._rename, self._nest),
        )
        if len(self.runs) < 3:
            self._create()
        self._draw.choice(changes)()

    def _run(self) -> str:
        return self._draw.choice([run for run in self.runs if run not in self._gone])

    def _create(self) -> None:
        draw = self._draw
        parent = (
            {PARENT_RUN_ID: draw.choice(self.runs)} if self.runs and draw.random() < 0.4 else {}
        )
        made = self._store.create_run(
            draw.choice(self.experiments),
            run_name=f"name-{draw.randrange(4)}",
            start_time=draw.randrange(5),
            user_id=draw.choice(("ann", "bob")),
            tags=parent,
        )
        self.runs.append(made.info.run_id)

    def _log(self) -> None:
        draw, run = self._draw, self._run()
        metrics = [Metric("m", draw.choice(NUMBERS), 1, draw.randrange(9))]
        metrics += [Metric("few", float(draw.randrange(3)), 1, draw.randrange(9))]
        params = [Param(f"only{draw.randrange(40)}/{len(self.runs)}", "1")]
        known = self._store.get_run(run).data.params
        for key, value in (
            ("p", draw.choice("abc")),
            ("n", str(draw.randrange(5))),
            ("long", "x" * 127 + draw.choice(("", "y", "yz", "yy"))),
        ):
            if key not in known and draw.random() < 0.7:
                params.append(Param(key, value))
        self._store.log_batch(run, metrics=metrics[: draw.randrange(3)], params=params)

    def _tag(self) -> None:
        value = self._draw.choice(("x", "ax", "ä" * 200, "B", ""))
        self._store.log_batch(self._run(), tags=[RunTag("t", value)])

    def _point(self) -> None:
        writer = self._store.metric_writer()
        writer.log(self._run(), "m", self._draw.choice(NUMBERS), 1, self._draw.randrange(9))

    def _end(self) -> None:
        status = self._draw.choice((RunStatus.FINISHED, RunStatus.FAILED))
        self._store.update_run(self._run(), status=status, end_time=self._draw.randrange(5, 9))

    def _rename(self) -> None:
        self._store.update_run(self._run(), run_name=f"name-{self._draw.randrange(9)}")

    def _nest(self) -> None:
        tag = RunTag(PARENT_RUN_ID, self._draw.choice(self.runs))
        self._store.log_batch(self._run(), tags=[tag])

    def _delete(self) -> None:
        if self._gone and self._draw.random() < 0.6:
            self._store.restore_run(self._gone.pop())
        elif len(self.runs) - len(self._gone) > 3:
            run = self._run()
            self._gone.add(run)
            self._store.delete_run(run)


@pytest.fixture(params=["as few runs", "as many runs"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store go the ways that it goes for few runs, or those for many."""
    if request.param == "as many runs":
        monkeypatch.setattr(order, "_FAR", 0)
        monkeypatch.setattr(vectors, "_FEW", 3)
        monkeypatch.setattr(stats, "_FEW", 0)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("seed", range(3))
def test_both_tables_agree_after_each_change(store: TrackingStore, seed: int) -> None:
    changing, draw = Changing(store, seed), random.Random(seed)
    table = of_store(store)
    assert not isinstance(table, PlainRunTable)
    plain = PlainRunTable(store)
    for _ in range(60):
        changing.step()
        places = changing.experiments[: draw.randint(1, 2)]
        view = draw.choice((ViewType.ACTIVE_ONLY, ViewType.ALL, ViewType.DELETED_ONLY))
        scope = RunScope(places, draw.choice(QUERIES), view)
        query = TableQuery(
            scope=scope,
            sort=parse_sort(draw.choice(SORTS)),
            columns=[parse_column(each) for each in COLUMNS],
            offset=draw.choice((0, 0, 2)),
            limit=draw.choice((2, 100)),
            tree=draw.random() < 0.5,
            opened=draw.sample(changing.runs, len(changing.runs) // 2),
        )
        by = parse_column(draw.choice(COLUMNS))
        assert _page(table, query) == _page(plain, query), query
        assert _groups(table, query, by) == _groups(plain, query, by), (query, by)
        assert _spread(table, scope) == _spread(plain, scope), scope
        assert _keys(table, scope) == _keys(plain, scope), scope
        assert _values(table, scope, by) == _values(plain, scope, by), (scope, by)


def _page(table: RunTable, query: TableQuery) -> object:
    page = table.page(query)
    columns = {each: [*map(str, page.columns[each])] for each in page.chosen}
    heads = (page.total, page.matched, page.live, page.rows, page.ids, page.names, page.status)
    places = (page.parents, page.depth, page.children, page.dimmed, page.experiments)
    return [list(each) if isinstance(each, Sequence) else each for each in heads + places], {
        each: [_number(value) for value in values] for each, values in columns.items()
    }


def _number(text: str) -> str:
    return text.removesuffix(".0")


def _groups(table: RunTable, query: TableQuery, by: Field) -> object:
    found = table.groups(query, by)
    groups = [
        (
            _number(str(each.value)),
            each.runs,
            each.live,
            {
                column: (of.count, of.min, of.max, f"{of.mean:.9g}")
                for column, of in each.figures.items()
            },
        )
        for each in found.groups
    ]
    # The runs of a group are as many as it says.
    for each in found.groups[:3]:
        if by != parse_column("attributes.duration"):
            inside = RunScope(
                query.scope.experiment_ids, query.scope.q, query.scope.view, Within(by, each.value)
            )
            assert table.page(TableQuery(scope=inside)).matched == each.runs, (by, each)
    return found.count, found.total, found.matched, groups


def _spread(table: RunTable, scope: RunScope) -> object:
    found = table.histograms(scope, [parse_column(each) for each in COLUMNS], bins=4)
    return {
        each: (
            list(of.counts),
            of.nan,
            of.infinite,
            list(of.values),
            of.other,
            list(of.edges or ()),
        )
        for each, of in found.items()
    }


def _keys(table: RunTable, scope: RunScope) -> object:
    found = table.keys(scope, limit=500)
    return found.total, [(each.column, each.runs, each.min, each.max) for each in found.keys]


def _values(table: RunTable, scope: RunScope, column: Field) -> object:
    return [(_number(str(each.value)), each.runs) for each in table.values(scope, column)]
