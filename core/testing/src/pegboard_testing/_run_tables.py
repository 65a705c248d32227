"""The contract of tables of runs, as tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Run, RunStatus, ViewType
from pegboard.errors import FilterError, InvalidValue
from pegboard_stores.filters import Kind
from pegboard_stores.run_table import (
    RunScope,
    RunTable,
    TableQuery,
    Within,
    column_name,
    parse_sort,
)

from pegboard_testing._base import finish, log
from pegboard_testing._run_table_columns import PARENT, RunTableColumns, column, made


class RunTableContract(RunTableColumns):
    """What every table of runs shows. Derive from it beside the main suite.

    Override ``table`` if the store does not have the ability itself.
    """

    # -- rows and columns ----------------------------------------------------------------------

    def test_no_runs_are_an_empty_page(self, table: RunTable) -> None:
        for scope in (RunScope(["0"]), RunScope([]), RunScope(["77", "no number"])):
            page = table.page(TableQuery(scope=scope, tree=True))
            assert (page.total, page.matched, page.live, page.rows) == (0, 0, 0, 0)
            assert list(page.ids) == []
            assert table.keys(scope).total == 0
            assert list(table.values(scope, column("params.p"))) == []
            assert not sum(
                table.histograms(scope, [column("metrics.m")])[column("metrics.m")].counts
            )
            assert list(table.groups(TableQuery(scope=scope), column("params.p")).groups) == []

    def test_rows_hold_what_was_logged(self, store: TrackingStore, table: RunTable) -> None:
        first = made(store, "first", start=1, metrics={"m": 1.5}, params={"p": "a"})
        second = made(store, "zweiter ✓", start=2, metrics={"m": math.nan}, tags={"t.u": "x" * 300})
        finish(store, second, 502)
        names = ["metrics.m", "params.p", "tags.t.u", "attributes.duration", "metrics.none"]
        page = self.page(table, columns=[column(each) for each in names])
        assert list(page.ids) == [second, first]
        assert list(page.names) == ["zweiter ✓", "first"]
        assert list(page.status) == ["FINISHED", "RUNNING"]
        assert list(page.experiments) == ["0", "0"]
        assert (page.total, page.matched, page.live, page.rows) == (2, 2, 1, 2)
        assert [column_name(each) for each in page.chosen] == names
        numbers = page.columns[column("metrics.m")]
        assert math.isnan(float(numbers[0] or 0))
        assert numbers[1] == 1.5
        assert list(page.columns[column("params.p")]) == [None, "a"]
        assert list(page.columns[column("tags.t.u")]) == ["x" * 300, None]
        assert list(page.columns[column("attributes.duration")]) == [500, None]
        assert list(page.columns[column("metrics.none")]) == [None, None]

    def test_a_point_is_in_the_row_once_it_was_acknowledged(
        self, store: TrackingStore, run: Run, table: RunTable
    ) -> None:
        store.metric_writer().log(run.info.run_id, "m", 0.25, 1, 0)
        page = self.page(table)
        assert list(page.columns[column("metrics.m")]) == [0.25]

    @pytest.mark.parametrize("size", [1, 2, 7])
    def test_pages_in_any_order_are_those_of_a_search(
        self, store: TrackingStore, table: RunTable, size: int
    ) -> None:
        for i in range(9):
            number = [3.0, math.nan, math.inf][i % 3] if i % 4 else None
            metrics = {} if number is None else {"m": number}
            made(store, f"n{i % 5}", start=i, metrics=metrics, params={"p": str(i % 2)})
        for sort in ("", "-metrics.m", "metrics.m", "params.p", "-attributes.run_name"):
            order = [f"{sort.removeprefix('-')} {'DESC' if sort.startswith('-') else 'ASC'}"]
            wanted = store.search_runs(["0"], order_by=order if sort else [])
            found: list[str] = []
            for offset in range(0, 12, size):
                found += self.page(table, "", sort, offset=offset, limit=size).ids
            assert found == [run.info.run_id for run in wanted], sort

    def test_an_order_by_duration_has_what_goes_on_last(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        ids = [made(store, f"n{i}", start=i) for i in range(4)]
        for i, seconds in enumerate((30, 10, 20)):
            finish(store, ids[i], i + seconds)
        assert list(self.page(table, "", "attributes.duration").ids) == [
            ids[i] for i in (1, 2, 0, 3)
        ]
        assert list(self.page(table, "", "-attributes.duration").ids) == [
            ids[i] for i in (0, 2, 1, 3)
        ]

    def test_deleted_runs_are_in_their_own_view(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        kept = made(store, "kept", params={"p": "a"}, metrics={"m": 1.0})
        gone = made(store, "gone", params={"p": "b", "only": "b"}, metrics={"m": 2.0})
        store.delete_run(gone)
        for view, ids in (
            (ViewType.ACTIVE_ONLY, [kept]),
            (ViewType.DELETED_ONLY, [gone]),
            (ViewType.ALL, sorted([kept, gone])),
        ):
            scope = RunScope(["0"], view=view)
            page = table.page(TableQuery(scope=scope))
            assert sorted(page.ids) == ids
            assert page.total == page.matched == len(ids)
            values = table.values(scope, column("params.p"))
            assert sum(each.runs for each in values) == len(ids)
            spread = table.histograms(scope, [column("metrics.m")])
            assert sum(spread[column("metrics.m")].counts) == len(ids)
        keys = table.keys(RunScope(["0"]), kinds=[Kind.PARAM])
        assert [column_name(each.column) for each in keys.keys] == ["params.p"]
        assert keys.keys[0].runs == keys.total == 1

    def test_bounds_are_checked(self, table: RunTable) -> None:
        refused: list[dict[str, Any]] = [{"limit": 0}, {"limit": 501}, {"offset": -1}]
        for wrong in refused:
            with pytest.raises(InvalidValue):
                self.page(table, **wrong)
        scope, m = RunScope(["0"]), column("metrics.m")
        for wrong in refused[:1] + refused[2:]:
            with pytest.raises(InvalidValue):
                table.keys(scope, **wrong)
        for call in (
            lambda: table.groups(TableQuery(scope=scope, offset=-1), m),
            lambda: table.values(scope, m, limit=0),
            lambda: table.histograms(scope, [m], bins=0),
            lambda: table.histograms(scope, [m], bins=65),
        ):
            with pytest.raises(InvalidValue):
                call()

    # -- filters and words ---------------------------------------------------------------------

    def test_filters_mean_what_they_mean_in_searches(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        for i in range(6):
            made(store, f"n{i}", start=i, metrics={"m": float(i)}, params={"p": "ab"[i % 2]})
        for q in (
            "metrics.m > 2",
            "metrics.m > 2 AND params.p = 'a'",
            "NOT (params.p = 'a')",
            "params.p IS NULL",
            "run_name =~ 'n[12]'",
            "metrics.m > 99",
        ):
            page = self.page(table, q)
            assert list(page.ids) == [run.info.run_id for run in store.search_runs(["0"], filter=q)]
            assert (page.matched, page.total) == (len(page.ids), 6)

    def test_a_wrong_filter_says_where_it_is_wrong(self, table: RunTable) -> None:
        for q, at in (("metrics.m >", 11), ("metrics.m > 1 params.p", 14), ("metrics.", 7)):
            with pytest.raises(FilterError) as error:
                self.page(table, q)
            assert error.value.column == at, q

    def test_plain_words_are_looked_for_in_names_notes_and_tags(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        named = made(store, "Heron in progress", start=3)
        noted = made(store, "b", start=2, tags={"mlflow.note.content": "like a HERON 100%"})
        tagged = made(store, "c", start=1, tags={"bird": "a grey heron", "kind": "wading"})
        made(store, "d", tags={"mlflow.log-model.history": "heron", "x": "her on"})
        for q, ids in (
            ("heron", [named, noted, tagged]),
            ("HERON in", [named, tagged]),
            ('"in progress"', [named]),
            ("100%", [noted]),
            ("1_0", []),
            (tagged[:20], [tagged]),
            ("  ", None),
        ):
            page = self.page(table, q)
            assert ids is None or list(page.ids) == ids, q
        with pytest.raises(InvalidValue):
            self.page(table, "a " * 11)

    # -- trees ---------------------------------------------------------------------------------

    def test_children_come_below_an_open_parent_at_any_depth(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        chain = [made(store, "0", start=0)]
        for depth in range(1, 60):
            chain.append(made(store, str(depth), start=depth, parent=chain[-1]))
        other = made(store, "other", start=99)
        page = self.page(table, tree=True)
        assert list(page.ids) == [other, chain[0]]
        assert list(page.children) == [0, 1]
        assert (page.total, page.matched, page.rows) == (61, 61, 2)
        page = self.page(table, tree=True, opened=chain)
        assert list(page.ids) == [other, *chain]
        assert list(page.depth) == [0, *range(60)]
        assert list(page.parents) == [None, None, *chain[:-1]]
        assert list(page.children) == [0, *[1] * 59, 0]
        assert page.rows == 61
        # What is below a closed one is not in sight, whatever is open there.
        page = self.page(table, tree=True, opened=[*chain[:3], *chain[4:]], offset=1, limit=9)
        assert list(page.ids) == chain[:4]
        assert page.rows == 5

    def test_parents_stay_dimmed_while_something_below_them_fits(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        top = made(store, "top", start=1)
        middle = made(store, "middle", start=2, parent=top, metrics={"m": 0.0})
        leaf = made(store, "leaf", start=3, parent=middle, metrics={"m": 1.0})
        made(store, "sibling", start=4, parent=middle, metrics={"m": 0.0})
        made(store, "lone", start=5)
        page = self.page(table, "metrics.m > 0", tree=True, opened=[top, middle])
        assert list(page.ids) == [top, middle, leaf]
        assert list(page.dimmed) == [True, True, False]
        assert list(page.children) == [1, 1, 0]
        assert (page.matched, page.rows) == (1, 3)

    def test_circles_and_lost_parents_hide_nothing(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        one = made(store, "one", start=1)
        two = made(store, "two", start=2, parent=one)
        three = made(store, "three", start=3, parent=two)
        log(store, one, tags={PARENT: three})
        itself = made(store, "itself", start=4)
        log(store, itself, tags={PARENT: itself})
        lost = made(store, "lost", start=5, parent="0" * 32)
        gone = made(store, "gone", start=6)
        orphan = made(store, "orphan", start=7, parent=gone)
        store.delete_run(gone)
        page = self.page(table, tree=True, opened=[one, two, three, itself])
        assert sorted(page.ids) == sorted([one, two, three, itself, lost, orphan])
        assert page.rows == 6

    def test_siblings_are_in_the_order_of_the_table(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        tops = [made(store, f"t{i}", start=i, metrics={"m": float(i)}) for i in range(2)]
        below = [made(store, f"b{i}", parent=tops[0], metrics={"m": i % 3.0}) for i in range(3)]
        page = self.page(table, "", "-metrics.m", tree=True, opened=tops)
        assert list(page.ids) == [tops[1], tops[0], below[2], below[1], below[0]]
        page = self.page(table, "", "-attributes.duration", tree=True, opened=tops)
        assert set(page.ids) == {*tops, *below}

    # -- sparks, groups ------------------------------------------------------------------------

    def test_a_spark_is_the_course_of_a_metric(self, store: TrackingStore, table: RunTable) -> None:
        long, short = made(store, "long"), made(store, "short")
        points = [Metric("m", float(i), 1, i) for i in range(1000)]
        store.log_batch(long, metrics=points)
        store.log_batch(short, metrics=[Metric("m", 2.0, 1, 1), Metric("m", math.inf, 1, 2)])
        made(store, "none")
        sparks = self.page(table, spark="m").sparks
        assert set(sparks) == {long, short}
        assert list(sparks[short]) == [2.0]
        assert 8 <= len(sparks[long]) <= 32
        assert list(sparks[long]) == sorted(sparks[long])
        assert (sparks[long][0], sparks[long][-1]) == (0.0, 999.0)
        assert self.page(table, spark="*").sparks == sparks

    def test_groups_have_counts_and_figures(self, store: TrackingStore, table: RunTable) -> None:
        for i in range(5):
            made(store, f"n{i}", metrics={"m": float(i)}, params={"p": "aab"[i % 3]})
        broken = made(store, "broken", metrics={"m": math.nan})
        finish(store, broken, 9)
        query = TableQuery(scope=RunScope(["0"]), columns=[column("metrics.m")])
        found = table.groups(query, column("params.p"))
        assert [(each.value, each.runs, each.live) for each in found.groups] == [
            ("a", 4, 4),
            ("b", 1, 1),
            (None, 1, 0),
        ]
        figures = found.groups[0].figures[column("metrics.m")]
        assert (figures.count, figures.min, figures.mean, figures.max) == (4, 0.0, 2.0, 4.0)
        assert column("metrics.m") not in found.groups[2].figures
        assert (found.count, found.total, found.matched) == (3, 6, 6)
        assert [column_name(each) for each in found.asked] == ["params.p"]

    def test_groups_can_be_ordered_and_paged(self, store: TrackingStore, table: RunTable) -> None:
        for i in range(6):
            made(store, f"n{i}", metrics={"m": float(-i)}, params={"p": "abc"[i // 2]})

        def values(sort: str, **more: Any) -> list[object]:
            query = TableQuery(scope=RunScope(["0"]), sort=parse_sort(sort), **more)
            return [each.value for each in table.groups(query, column("params.p")).groups]

        assert values("metrics.m") == ["c", "b", "a"]
        assert values("-metrics.m") == ["a", "b", "c"]
        assert values("-params.p", offset=1, limit=1) == ["b"]

    def test_the_runs_of_a_group_are_a_page_of_their_own(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        one = made(store, "1", start=1, metrics={"m": 1.0}, params={"p": "a" * 200})
        two = made(store, "2", start=2, metrics={"m": math.nan}, params={"p": "a" * 201})
        three = made(store, "3", start=3)
        for name, value, ids in (
            ("params.p", "a" * 200, [one]),
            ("params.p", None, [three]),
            ("metrics.m", 1.0, [one]),
            ("metrics.m", math.nan, [two]),
            ("metrics.m", None, [three]),
            ("attributes.status", "RUNNING", [three, two, one]),
        ):
            scope = RunScope(["0"], within=Within(column(name), value))
            page = table.page(TableQuery(scope=scope))
            assert list(page.ids) == ids, (name, value)
            assert (page.total, page.matched) == (3, len(ids))

    # -- changes -------------------------------------------------------------------------------

    def test_a_revision_stays_until_something_changes(
        self, store: TrackingStore, run: Run, table: RunTable
    ) -> None:
        run_id, seen = run.info.run_id, [table.revision()]
        assert table.revision() == seen[0]
        assert self.page(table).revision == seen[0]
        changes: Sequence[object] = (
            lambda: store.metric_writer().log(run_id, "m", 1.0, 1, 0),
            lambda: log(store, run_id, metrics={"m": 2.0}),
            lambda: log(store, run_id, params={"p": "1"}),
            lambda: log(store, run_id, tags={"t": "1"}),
            lambda: store.delete_tag(run_id, "t"),
            lambda: store.update_run(run_id, run_name="renamed"),
            lambda: store.update_run(run_id, status=RunStatus.FAILED, end_time=5),
            lambda: store.delete_run(run_id),
            lambda: store.restore_run(run_id),
        )
        for number, change in enumerate(changes):
            assert callable(change)
            change()
            told = table.changed_since(seen[-1])
            assert told.runs is None or told.runs == {run_id: "0"}, number
            assert told.revision == table.revision()
            assert told.revision != seen[-1], number
            assert table.changed_since(told.revision).runs == {}
            seen.append(told.revision)
        other = store.create_run("0").info.run_id
        told = table.changed_since(seen[-1])
        assert told.runs is None or set(told.runs) == {other}
        told = table.changed_since(seen[0])
        assert told.runs is None or set(told.runs) == {run_id, other}
        store.delete_run(other)
        seen.append(table.revision())
        store.purge_run(other)
        assert table.changed_since(seen[-1]).runs is None

    def test_an_unknown_revision_may_be_anything(self, table: RunTable) -> None:
        assert table.changed_since(table.revision() + 1000).runs is None
        assert table.changed_since(-5).runs is None

    def test_kept_answers_are_those_of_the_state_that_is_read(
        self, store: TrackingStore, table: RunTable
    ) -> None:
        ids: list[str] = []
        for i in range(4):
            ids.insert(0, made(store, f"n{i}", start=i, metrics={"m": float(i)}))
            page = self.page(table, "metrics.m >= 0", offset=0, limit=500)
            assert list(page.ids) == ids
            query = TableQuery(scope=RunScope(["0"]))
            [group] = table.groups(query, column("attributes.status")).groups
            assert group.runs == i + 1
