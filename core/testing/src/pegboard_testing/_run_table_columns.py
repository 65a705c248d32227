"""The contract of the columns of tables of runs, as tests: which there are, and their values."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Dataset, DatasetInput, InputTag, RunTag
from pegboard.errors import InvalidValue
from pegboard.tags import DATASET_CONTEXT
from pegboard_stores.filters import Field, Kind
from pegboard_stores.run_table import (
    RunScope,
    RunTable,
    TablePage,
    TableQuery,
    Within,
    column_name,
    parse_column,
    parse_sort,
)
from pegboard_stores.run_table.choice import NOTE

from pegboard_testing._base import StoreTests, finish, log

PARENT = "mlflow.parentRunId"


def made(
    store: TrackingStore,
    name: str,
    *,
    start: int = 0,
    metrics: dict[str, float] | None = None,
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    parent: str = "",
    experiment: str = "0",
) -> str:
    """Create a run with its data, and return its id."""
    above = {PARENT: parent} if parent else {}
    run = store.create_run(experiment, run_name=name, start_time=start, tags=above)
    log(store, run.info.run_id, metrics=metrics, params=params, tags=tags)
    return run.info.run_id


def use(store: TrackingStore, run_id: str, name: str, digest: str, context: str = "") -> None:
    """Record that a run used a dataset."""
    tags = [InputTag(DATASET_CONTEXT, context)] if context else []
    data = Dataset(name, digest, "local", "{}")
    store.log_inputs(run_id, [DatasetInput(data, tags)])


def column(name: str) -> Field:
    """Return a column by its name."""
    return parse_column(name)


class RunTableColumns(StoreTests):
    """What every table of runs tells of its columns; a part of ``RunTableContract``."""

    @pytest.fixture
    def table(self, store: TrackingStore) -> RunTable:
        found = store.ability(RunTable)
        assert found is not None
        return found

    @staticmethod
    def page(table: RunTable, q: str = "", sort: str = "", **more: Any) -> TablePage:
        scope = RunScope(["0"], q)
        return table.page(TableQuery(scope=scope, sort=parse_sort(sort), **more))

    # -- columns that are chosen ---------------------------------------------------------------

    def test_without_a_choice_columns_that_tell_runs_apart_are_shown(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        for i in range(4):
            metrics = {"a": 1.0, "b": float(i), "c": float(i // 2), "system/x": float(i)}
            params = {"same": "1", "seed": str(i), "opt": "xy"[i % 2], "rare": "1"}
            made(store, f"n{i}", metrics=metrics, params=params if i else {"seed": "0"})
        page = self.page(table)
        assert [column_name(each) for each in page.chosen] == [
            "attributes.start_time",
            "attributes.duration",
            *("metrics.b", "metrics.c", "metrics.a"),
            *("params.seed", "params.opt", "params.same"),
        ]
        assert list(page.asked) == []

    def test_notes_are_shown_last_where_there_are_any(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        made(store, "silent", metrics={"a": 1.0}, params={"p": "1"})
        noted = made(store, "noted", start=1, metrics={"a": 2.0})
        assert NOTE not in self.page(table).chosen
        store.log_batch(noted, tags=[RunTag(NOTE.key, "why")])
        page = self.page(table, "metrics.a > 0")
        assert page.chosen[-1] == NOTE
        assert page.columns[NOTE] == ["why", None]

    def test_what_is_asked_for_comes_first(self, store: TrackingStore, table: RunTable) -> None:
        made(store, "n", metrics={"a": 1.0, "b": 2.0}, params={"p": "1"})
        page = self.page(table, "metrics.none IS NULL AND metrics.b > 0", "-params.p")
        asked = [column_name(each) for each in page.asked]
        assert asked == ["params.p", "metrics.none", "metrics.b"]
        assert [column_name(each) for each in page.chosen][:3] == asked
        page = self.page(table, "metrics.b > 0", columns=[column("metrics.a")])
        assert [column_name(each) for each in page.chosen] == ["metrics.b", "metrics.a"]
        assert list(self.page(table, "status = 'RUNNING'", "attributes.run_name").asked) == []

    def test_datasets_are_a_column(self, store: TrackingStore, table: RunTable) -> None:
        none, one, both = (made(store, f"n{i}", start=i) for i in range(3))
        finish(store, one, 9)
        before = table.revision()
        use(store, one, "iris", "9f2c")
        assert table.revision() != before
        use(store, both, "wine", "77aa")
        assert list(self.page(table, "dataset.name = 'iris'").ids) == [one]
        use(store, both, "iris", "9f2c", "training")
        page = self.page(table, "dataset.digest = '9f2c' AND dataset.name = 'iris'")
        assert list(page.ids) == [both, one]
        assert [column_name(each) for each in page.asked] == ["attributes.datasets"]
        texts = ["iris@9f2c (training), wine@77aa", "iris@9f2c"]
        assert list(page.columns[column("attributes.datasets")]) == texts
        # What is made of others is ordered, counted, grouped and looked into like others.
        for name, expected in (
            ("attributes.datasets", {texts[0]: [both], texts[1]: [one], None: [none]}),
            ("attributes.duration", {8.0: [one], None: [both, none]}),
        ):
            by = column(name)
            assert list(self.page(table, "", name).ids)[-1] == none
            values = [each.value for each in table.values(RunScope(["0"]), by)]
            assert sorted(map(str, values)) == sorted(str(each) for each in expected if each)
            found = table.groups(TableQuery(scope=RunScope(["0"])), by).groups
            assert {each.value: each.runs for each in found} == {
                value: len(ids) for value, ids in expected.items()
            }
            for value, ids in expected.items():
                scope = RunScope(["0"], within=Within(by, value))
                assert list(table.page(TableQuery(scope=scope)).ids) == ids

    # -- keys, values, histograms --------------------------------------------------------------

    def test_keys_have_counts_and_ranges(self, store: TrackingStore, table: RunTable) -> None:
        for i in range(3):
            metrics = {"val/löss": float(i), "odd": [math.nan, math.inf, 2.0][i]}
            made(store, f"n{i}", metrics=metrics, params={"lr": ["0.1", "0.2", "none"][i]})
        scope = RunScope(["0"])
        found = table.keys(scope, kinds=[Kind.METRIC, Kind.PARAM])
        assert found.total == 3
        told = {
            column_name(each.column): (each.runs, each.distinct, each.min, each.max)
            for each in found.keys
        }
        assert list(told) == ["metrics.odd", "metrics.val/löss", "params.lr"]
        assert told["metrics.val/löss"] == (3, 3, 0.0, 2.0)
        assert told["metrics.odd"] == (3, 3, 2.0, 2.0)
        assert told["params.lr"] == (3, 3, 0.1, 0.2)
        assert {each.column.kind for each in table.keys(scope).keys} == {
            Kind.METRIC,
            Kind.PARAM,
            Kind.TAG,
        }

        def names(**more: Any) -> list[str]:
            return [each.column.key for each in table.keys(scope, **more).keys]

        assert names(contains="LÖSS") == ["val/löss"]
        assert names(pattern="^(odd|lr)$") == ["odd", "lr"]
        assert names(kinds=[Kind.METRIC], offset=1, limit=1) == ["val/löss"]
        assert names(contains="100%") == []
        with pytest.raises(InvalidValue):
            names(pattern="(")

    def test_keys_that_begin_with_what_was_typed_and_short_paths_come_first(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        made(store, "n", metrics=dict.fromkeys(["val/lr", "layer/1", "all", "loss"], 1.0))

        def names(contains: str, **more: Any) -> list[str]:
            found = table.keys(RunScope(["0"]), kinds=[Kind.METRIC], contains=contains, **more)
            return [each.column.key for each in found.keys]

        assert names("L") == ["loss", "layer/1", "all", "val/lr"]
        assert names("L", offset=1, limit=2) == ["layer/1", "all"]
        assert names("") == ["all", "layer/1", "loss", "val/lr"]

    def test_the_most_frequent_values_come_first(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        long = "x" * 128
        for i, value in enumerate([long + "1", long + "2", long + "2", "it's 100%", "Größe"]):
            made(store, f"n{i}", start=7, params={"p": value}, metrics={"m": i % 2.0})

        def values(name: str, contains: str = "", limit: int = 50) -> list[tuple[object, int]]:
            found = table.values(RunScope(["0"]), column(name), contains=contains, limit=limit)
            return [(each.value, each.runs) for each in found]

        assert values("params.p") == [
            (long + "2", 2),
            ("Größe", 1),
            ("it's 100%", 1),
            (long + "1", 1),
        ]
        assert values("params.p", limit=1) == [(long + "2", 2)]
        assert values("params.p", "0%") == [("it's 100%", 1)]
        assert values("params.p", "GRÖ") == [("Größe", 1)]
        assert values("params.p", "x1") == [(long + "1", 1)]
        assert values("metrics.m") == [(0.0, 3), (1.0, 2)]
        assert values("attributes.status", "run") == [("RUNNING", 5)]
        assert values("params.none") == []

    def test_histograms_count_every_run_that_fits(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        for i in range(8):
            number = {6: math.nan, 7: -math.inf}.get(i, float(i))
            made(store, f"n{i}", metrics={"m": number}, params={"p": "ab"[i // 6], "n": str(10**i)})
        columns = [column(each) for each in ("metrics.m", "params.p", "params.n", "metrics.none")]
        found = table.histograms(RunScope(["0"]), columns, bins=5)
        numbers, texts, sizes, none = (found[each] for each in columns)
        assert list(numbers.edges or []) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        assert list(numbers.counts) == [1, 1, 1, 1, 2]
        assert (numbers.nan, numbers.infinite) == (1, 1)
        assert texts.edges is None
        assert (list(texts.values), list(texts.counts), texts.other) == (["a", "b"], [6, 2], 0)
        assert sum(sizes.counts) == 8
        assert max(sizes.counts) == 2
        assert list(none.counts) == []
        found = table.histograms(RunScope(["0"], "metrics.m < 2"), columns[:2], bins=5)
        assert sum(found[columns[0]].counts) + found[columns[0]].infinite == 3
        assert sum(found[columns[1]].counts) == 3
        same = table.histograms(RunScope(["0"], "metrics.m = 2"), columns[:1])[columns[0]]
        assert sum(same.counts) == 1

    def test_more_texts_than_are_shown_are_others(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        for i in range(30):
            made(store, f"n{i}", params={"p": f"value {i}"})
        found = table.histograms(RunScope(["0"]), [column("params.p")])[column("params.p")]
        assert len(found.values) == len(found.counts) < 30
        assert sum(found.counts) + found.other == 30
