"""The contract of tracking stores: searching runs."""

from __future__ import annotations

import math

import pytest
from pegboard.contracts.tracking import SEARCH_LIMIT, TrackingStore
from pegboard.entities import Dataset, DatasetInput, InputTag, RunStatus, ViewType
from pegboard.errors import FilterError, InvalidValue

from pegboard_testing._base import StoreTests, finish, log
from pegboard_testing._texts import AWKWARD, finding, unlike

FILTERS = [
    # Metrics: numbers; a run without the metric never matches.
    ("metrics.acc > 0.5", "bcd"),
    ("metrics.acc >= 0.5", "abcd"),
    ("metrics.acc < 0.9", "a"),
    ("metrics.acc <= 0.9", "ab"),
    ("metrics.acc = 0.9", "b"),
    ("metrics.acc != 0.9", "acde"),
    ("metrics.acc > 1e300", "d"),
    ("metrics.`val/loss` < -1", "a"),
    ('metrics."val/loss" > 1', "b"),
    ("metric.acc > 0.95", "cd"),
    # Params and tags: text.
    ("params.model = 'tree'", "ac"),
    ("params.model != 'tree'", "bd"),
    ("params.model LIKE 'TR%'", ""),
    ("params.model ILIKE 'TR%'", "ac"),
    ("params.model LIKE '%e%'", "abcd"),
    ("params.model LIKE 't_ee'", "ac"),
    ("parameter.model = 'linear'", "b"),
    ("tags.team = 'blue'", "ab"),
    ("tags.team != 'blue'", "c"),
    ("tags.`team name` = 'it is 100%'", "d"),
    ("tags.\"mlflow.runName\" = 'a'", "a"),
    ("tags.mlflow.runName = 'a'", "a"),
    ("tag.team = 'red'", "c"),
    # Attributes, with and without a prefix.
    ("attributes.status = 'FINISHED'", "ab"),
    ("status != 'FINISHED'", "cdef"),
    ("status = 'finished'", ""),
    ("attributes.start_time > 3000", "def"),
    ("start_time <= 2000", "ab"),
    ("end_time > 0", "ab"),
    ("end_time < 5500", "a"),
    ("run_name = 'c'", "c"),
    ("attributes.run_name LIKE 'c%'", "c"),
    ("attribute.`run name` = 'c'", "c"),
    ("run_id = 'run-d'", "d"),
    ("run_id IN ('run-a', 'run-f', 'unknown')", "af"),
    ("run_id NOT IN ('run-a', 'run-f')", "bcde"),
    ("user_id = 'ann'", "ace"),
    ("artifact_uri LIKE '%run-b%'", "b"),
    # Datasets.
    ("datasets.name = 'iris'", "ab"),
    ("dataset.digest = 'd2'", "b"),
    ("datasets.context = 'training'", "a"),
    # Together.
    ("metrics.acc > 0.5 AND params.model = 'tree'", "c"),
    ("metrics.acc > 0.5 and tags.team = 'blue' and status = 'FINISHED'", "b"),
    ("params.model IS NULL", "ef"),
    ("tags.team IS NOT NULL", "abc"),
    # What goes beyond MLflow.
    ("run_name = 'a' OR run_name = 'b'", "ab"),
    ("run_name = 'a' OR run_name = 'b' AND metrics.acc > 5", "a"),
    ("(run_name = 'a' OR run_name = 'b') AND metrics.acc > 0.6", "b"),
    ("NOT status = 'FINISHED'", "cdef"),
    ("NOT (params.model = 'tree' OR params.model = 'linear')", "def"),
    ("params.model =~ '^(tree|net)'", "acd"),
    ("params.depth > 5", "bc"),
    ("params.depth <= 5", "a"),
    ("", "abcdef"),
]
"""Filters, with the names of the runs that match."""

ORDERS = [
    ([], "fedcba"),
    (["attributes.start_time ASC"], "abcdef"),
    (["start_time"], "abcdef"),
    (["start_time DESC"], "fedcba"),
    (["metrics.acc ASC"], "abcdef"),
    (["metrics.acc DESC"], "dcbaef"),
    (["metrics.`val/loss`"], "abfedc"),
    (["params.model"], "bdcafe"),
    (["params.model DESC"], "cadbfe"),
    (["params.model DESC", "start_time ASC"], "acdbef"),
    (["tags.team ASC", "run_name ASC"], "abcdef"),
    (["tags.team DESC", "run_name ASC"], "cabdef"),
    (["run_name DESC"], "fedcba"),
    (["end_time ASC"], "abfedc"),
    (["end_time DESC"], "bafedc"),
    (["metrics.unknown"], "fedcba"),
    (["status", "run_id"], "abcdef"),
]
"""Orders, with the names of the runs in that order; missing values last, NaN just before them."""


class SearchTests(StoreTests):
    """Filter, order and page runs (T13)."""

    @pytest.fixture
    def runs(self, store: TrackingStore) -> TrackingStore:
        """Return a store with the runs a to f."""
        for number, name in enumerate("abcdef"):
            store.create_run(
                "0",
                run_id=f"run-{name}",
                run_name=name,
                user_id="ann" if number % 2 == 0 else "bob",
                start_time=1000 * (number + 1),
            )
        metrics = zip("abcde", (0.5, 0.9, 1.5, math.inf, math.nan), strict=True)
        for name, value in metrics:
            log(store, f"run-{name}", metrics={"acc": value})
        log(store, "run-a", metrics={"val/loss": -2.0}, params={"model": "tree", "depth": "5"})
        log(store, "run-b", metrics={"val/loss": 2.0}, params={"model": "linear", "depth": "10"})
        log(store, "run-c", params={"model": "tree", "depth": "5.5"})
        log(store, "run-d", params={"model": "net", "depth": "deep"})
        log(store, "run-a", tags={"team": "blue"})
        log(store, "run-b", tags={"team": "blue"})
        log(store, "run-c", tags={"team": "red"})
        log(store, "run-d", tags={"team name": "it is 100%"})
        finish(store, "run-a", 5000)
        finish(store, "run-b", 6000)
        training = [InputTag("mlflow.data.context", "training")]
        iris = Dataset("iris", "d1", "local", "{}")
        store.log_inputs("run-a", [DatasetInput(iris, training)])
        store.log_inputs("run-b", [DatasetInput(Dataset("iris", "d2", "local", "{}"))])
        store.log_inputs("run-c", [DatasetInput(Dataset("wine", "d3", "local", "{}"))])
        return store

    def test_a_filter_chooses_runs(self, runs: TrackingStore, subtests: pytest.Subtests) -> None:
        for text, expected in FILTERS:
            with subtests.test(text=text):
                found = runs.search_runs(["0"], filter=text, order_by=["start_time ASC"])
                assert "".join(run.info.run_name for run in found) == expected

    def test_runs_come_in_order(self, runs: TrackingStore, subtests: pytest.Subtests) -> None:
        for order, expected in ORDERS:
            with subtests.test(order=order):
                found = runs.search_runs(["0"], order_by=order)
                assert "".join(run.info.run_name for run in found) == expected

    def test_runs_of_one_start_time_are_ordered_by_id(self, store: TrackingStore) -> None:
        for name in "cab":
            store.create_run("0", run_id=name, start_time=1000)
        assert [run.info.run_id for run in store.search_runs(["0"])] == ["a", "b", "c"]

    def test_infinities_order_at_the_ends(self, store: TrackingStore) -> None:
        values = {"nan": math.nan, "high": math.inf, "one": 1.0, "low": -math.inf}
        for name, value in values.items():
            store.create_run("0", run_id=name)
            log(store, name, metrics={"m": value})
        store.create_run("0", run_id="none")

        def ordered(order: str) -> list[str]:
            return [run.info.run_id for run in store.search_runs(["0"], order_by=[order])]

        assert ordered("metrics.m ASC") == ["low", "one", "high", "nan", "none"]
        assert ordered("metrics.m DESC") == ["high", "one", "low", "nan", "none"]

    def test_found_runs_are_whole(self, runs: TrackingStore) -> None:
        for found in runs.search_runs(["0"]):
            read = runs.get_run(found.info.run_id)
            assert found.info == read.info
            assert (found.data.params, found.data.tags) == (read.data.params, read.data.tags)
            assert repr(found.data.latest) == repr(read.data.latest)
            assert found.inputs == read.inputs

    def test_the_latest_value_of_a_metric_counts(self, store: TrackingStore) -> None:
        store.create_run("0", run_id="x")
        writer = store.metric_writer()
        writer.attach("x")
        for step, value in enumerate((0.9, 0.1)):
            writer.log("x", "acc", value, step, step)
        writer.close()
        assert store.search_runs(["0"], filter="metrics.acc > 0.5") == []
        assert len(store.search_runs(["0"], filter="metrics.acc < 0.5")) == 1

    def test_searches_look_into_the_experiments_they_are_given(self, store: TrackingStore) -> None:
        other = store.create_experiment("other").experiment_id
        store.create_run("0", run_id="here", start_time=1)
        store.create_run(other, run_id="there", start_time=2)

        def found(experiment_ids: list[str]) -> list[str]:
            return [run.info.run_id for run in store.search_runs(experiment_ids)]

        assert found(["0"]) == ["here"]
        assert found([other]) == ["there"]
        assert found(["0", other]) == found([other, "0", "0"]) == ["there", "here"]
        assert found([]) == found(["123456"]) == []

    def test_views_show_runs_by_lifecycle_stage(self, runs: TrackingStore) -> None:
        runs.delete_run("run-b")

        def found(view: ViewType, filter: str = "") -> str:
            page = runs.search_runs(["0"], view=view, filter=filter, order_by=["start_time"])
            return "".join(run.info.run_name for run in page)

        assert found(ViewType.ACTIVE_ONLY) == "acdef"
        assert found(ViewType.DELETED_ONLY) == "b"
        assert found(ViewType.ALL) == "abcdef"
        assert found(ViewType.ALL, "tags.team = 'blue'") == "ab"
        assert found(ViewType.DELETED_ONLY, "tags.team = 'red'") == ""

    def test_pages_are_complete_and_without_repeats(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for number in range(23):
            store.create_run("0", run_id=f"r{number}", start_time=number // 4)
            log(
                store,
                f"r{number}",
                metrics={"m": float(number % 5)},
                params={"p": "x" * (number % 3)},
            )
        for order in [[], ["metrics.m DESC"], ["params.p ASC"], ["tags.none"]]:
            with subtests.test(order=order):
                whole = [run.info.run_id for run in store.search_runs(["0"], order_by=order)]
                assert len(whole) == 23
                seen: list[str] = []
                token: str | None = None
                sizes: list[int] = []
                while not sizes or token:
                    page = store.search_runs(["0"], order_by=order, max_results=5, page_token=token)
                    seen += [run.info.run_id for run in page]
                    sizes.append(len(page))
                    token = page.token
                assert seen == whole
                assert sizes == [5, 5, 5, 5, 3]
                assert store.search_runs(["0"], max_results=23).token is None
                assert store.search_runs(["0"], max_results=22).token is not None

    def test_a_bad_filter_is_an_error_that_shows_the_place(
        self, runs: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for text in [
            "metrics.acc",
            "metrics.acc >",
            "metrics.acc > 'text'",
            "metrics.acc LIKE '1'",
            "params.model = tree",
            "nothing.model = 'tree'",
            "colour = 'red'",
            "status = 'FINISHED' AND",
            "status = 'FINISHED",
            "(status = 'FINISHED'",
            "status == 'FINISHED'; DROP TABLE run",
            "start_time > 'noon'",
            "= 'x'",
        ]:
            with subtests.test(text=text):
                with pytest.raises(FilterError) as caught:
                    runs.search_runs(["0"], filter=text)
                assert 0 <= caught.value.column <= len(text)
                assert len(runs.search_runs(["0"])) == 6

    def test_a_bad_order_is_an_error(self, runs: TrackingStore, subtests: pytest.Subtests) -> None:
        for order in ["colour", "metrics.acc UP", "metrics.acc ASC DESC", ""]:
            with subtests.test(order=order), pytest.raises(FilterError):
                runs.search_runs(["0"], order_by=[order])

    def test_a_search_that_asks_for_far_too_much_is_an_error(
        self, runs: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for text, order in [
            (" OR ".join(["metrics.acc > 0"] * 10_000), []),
            ("NOT " * 10_000 + "metrics.acc > 0", []),
            (" OR ".join(["params.model =~ '(a+)+N$'"] * 1_000), []),
            (" OR ".join([f"params.model LIKE '%{'a' * 1_000}b'"] * 100), []),
            ("", [f"params.p{number}" for number in range(10_000)]),
        ]:
            with subtests.test(text=text[:40], order=order[:2]), pytest.raises(FilterError):
                runs.search_runs(["0"], filter=text, order_by=order)

    def test_a_bad_page_size_is_an_error(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for size in [0, -1, SEARCH_LIMIT + 1]:
            with subtests.test(size=size), pytest.raises(InvalidValue):
                store.search_runs(["0"], max_results=size)

    def test_a_bad_page_token_is_an_error(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for token in ["not a token", "////", "é"]:
            with subtests.test(token=token), pytest.raises(InvalidValue):
                store.search_runs(["0"], page_token=token)

    def test_any_text_is_found_by_its_literal(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for number, text in enumerate(AWKWARD):
            with subtests.test(text=text):
                home = store.create_experiment(f"text {number}").experiment_id
                for run_id, value in ((f"a{number}", text), (f"b{number}", unlike(text))):
                    store.create_run(home, run_id=run_id, run_name=value)
                    log(store, run_id, params={"p": value}, tags={"t": value})
                for field in ("params.p", "tags.t", "attributes.run_name"):
                    for where in finding(field, text):
                        found = store.search_runs([home], filter=where)
                        assert [run.info.run_id for run in found] == [f"a{number}"], where

    def test_values_in_filters_are_text_and_not_code(self, store: TrackingStore) -> None:
        store.create_run("0", run_id="x")
        log(store, "x", params={"p": "'; DROP TABLE run; --"})
        assert len(store.search_runs(["0"], filter='params.p = "\'; DROP TABLE run; --"')) == 1
        assert store.search_runs(["0"], filter="params.p = \"' OR '1'='1\"") == []
        assert store.get_run("x").info.status is RunStatus.RUNNING
