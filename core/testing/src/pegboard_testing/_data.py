"""The contract of tracking stores: metrics, params, tags and inputs of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import (
    Dataset,
    DatasetInput,
    DatasetSummary,
    InputTag,
    Metric,
    Param,
    Run,
    RunTag,
)
from pegboard.errors import InvalidValue, NotFound
from pegboard_stores.validation import INT64_MAX, INT64_MIN

from pegboard_testing._base import StoreTests, log

TEXTS = [
    "",
    " ",
    "é 実験 🎯 \u202e\u05e9\u05dc\u05d5\u05dd",
    "line\nbreak\ttab",
    'it\'s "quoted" `so` %_\\',
    "NULL",
]
"""Values that must come back as they are."""

KEYS = ["a", "Ünïcödé", "with space", "a/b/c", "dots.and-dashes_", "x:y", "k" * 250, "0"]
BAD_KEYS = ["", "k" * 251, "a//b", "/a", "a/../b", "..", ".", "./a", "a?b", "tab\t", "a\0b", "a/"]


def dataset(name: str, digest: str = "d1", **more: Any) -> Dataset:
    """Return a dataset of that name and digest."""
    return Dataset(name, digest, "local", '{"uri": "data.csv"}', **more)


class DataTests(StoreTests):
    """Log batches and read them back."""

    def test_a_batch_is_kept_whole(self, store: TrackingStore, run: Run) -> None:
        store.log_batch(
            run.info.run_id,
            metrics=[Metric("loss", 0.5, 10, 0), Metric("loss", 0.25, 20, 1), Metric("acc", 1, 10)],
            params=[Param("lr", "0.1"), Param("depth", "3")],
            tags=[RunTag("team", "blue")],
        )
        data = store.get_run(run.info.run_id).data
        assert data.metrics == {"loss": 0.25, "acc": 1.0}
        assert data.latest["loss"] == Metric("loss", 0.25, 20, 1)
        assert data.params == {"lr": "0.1", "depth": "3"}
        assert data.tags == {"team": "blue", "mlflow.runName": "first"}

    def test_an_empty_batch_changes_nothing(self, store: TrackingStore, run: Run) -> None:
        store.log_batch(run.info.run_id)
        assert store.get_run(run.info.run_id) == run

    def test_a_large_batch_is_kept(self, store: TrackingStore, run: Run) -> None:
        points = [Metric(f"m{i % 10}", float(i), i, i) for i in range(1000)]
        store.log_batch(
            run.info.run_id,
            metrics=points,
            params=[Param(f"p{i}", str(i)) for i in range(100)],
            tags=[RunTag(f"t{i}", str(i)) for i in range(100)],
        )
        data = store.get_run(run.info.run_id).data
        assert data.metrics == {f"m{i}": 990.0 + i for i in range(10)}
        assert data.params == {f"p{i}": str(i) for i in range(100)}
        assert len(data.tags) == 101
        assert list(store.metric_history(run.info.run_id, "m3")) == points[3::10]

    @pytest.mark.parametrize(
        "bad",
        [
            {"metrics": [Metric("good", 1, 1), Metric("../bad", 1, 1)]},
            {"metrics": [Metric("good", 1, 1), Metric("bad", "text", 1)]},  # type: ignore[arg-type]
            {"params": [Param("good", "1"), Param("a//b", "1")]},
            {"params": [Param("good", "1"), Param("old", "changed")]},
            {"params": [Param("good", "1"), Param("good", "2")]},
            {"tags": [RunTag("good", "1"), RunTag("", "1")]},
        ],
    )
    def test_of_a_bad_batch_nothing_is_kept(
        self, store: TrackingStore, run: Run, bad: dict[str, Any]
    ) -> None:
        log(store, run.info.run_id, metrics={"old": 1.0}, params={"old": "1"}, tags={"old": "1"})
        before = store.get_run(run.info.run_id)
        batch: dict[str, Any] = {
            "metrics": [Metric("new", 1.0, 1), Metric("old", 2.0, 2, 2)],
            "params": [Param("new", "1")],
            "tags": [RunTag("new", "1"), RunTag("old", "2")],
        }
        with pytest.raises(InvalidValue):
            store.log_batch(run.info.run_id, **(batch | bad))
        assert store.get_run(run.info.run_id) == before
        assert store.metric_history(run.info.run_id, "new") == []
        assert store.metric_history(run.info.run_id, "good") == []
        assert len(store.metric_history(run.info.run_id, "old")) == 1

    def test_a_param_is_repeated_but_not_changed(self, store: TrackingStore, run: Run) -> None:
        log(store, run.info.run_id, params={"lr": "0.1"})
        log(store, run.info.run_id, params={"lr": "0.1", "depth": "3"})
        with pytest.raises(InvalidValue, match="lr"):
            log(store, run.info.run_id, params={"lr": "0.2"})
        assert store.get_run(run.info.run_id).data.params == {"lr": "0.1", "depth": "3"}

    def test_tags_are_changed_and_removed(self, store: TrackingStore, run: Run) -> None:
        log(store, run.info.run_id, tags={"a": "1", "b": "1"})
        log(store, run.info.run_id, tags={"a": "2"})
        assert store.get_run(run.info.run_id).data.tags["a"] == "2"
        store.delete_tag(run.info.run_id, "a")
        assert "a" not in store.get_run(run.info.run_id).data.tags
        assert store.get_run(run.info.run_id).data.tags["b"] == "1"
        for key in ("a", "never", "../bad"):
            with pytest.raises((NotFound, InvalidValue)):
                store.delete_tag(run.info.run_id, key)

    @pytest.mark.parametrize("text", TEXTS)
    def test_any_text_is_a_value(self, store: TrackingStore, run: Run, text: str) -> None:
        log(store, run.info.run_id, params={"p": text}, tags={"t": text})
        data = store.get_run(run.info.run_id).data
        assert (data.params["p"], data.tags["t"]) == (text, text)

    def test_a_good_key_names_anything(
        self, store: TrackingStore, run: Run, subtests: pytest.Subtests
    ) -> None:
        for key in KEYS:
            with subtests.test(key=key):
                log(store, run.info.run_id, metrics={key: 1.0}, params={key: "1"}, tags={key: "1"})
                data = store.get_run(run.info.run_id).data
                assert (data.metrics[key], data.params[key], data.tags[key]) == (1.0, "1", "1")
                assert store.metric_history(run.info.run_id, key) == [Metric(key, 1.0, 1, 0)]

    def test_keys_differ_by_case(self, store: TrackingStore, run: Run) -> None:
        log(store, run.info.run_id, metrics={"a": 1.0, "A": 2.0}, params={"a": "1", "A": "2"})
        data = store.get_run(run.info.run_id).data
        assert data.metrics == {"a": 1.0, "A": 2.0}
        assert data.params == {"a": "1", "A": "2"}

    def test_a_bad_key_names_nothing(
        self, store: TrackingStore, run: Run, subtests: pytest.Subtests
    ) -> None:
        for key in BAD_KEYS:
            with subtests.test(key=key):
                for batch in (
                    {"metrics": {key: 1.0}},
                    {"params": {key: "1"}},
                    {"tags": {key: "1"}},
                ):
                    with pytest.raises(InvalidValue):
                        log(store, run.info.run_id, **batch)
                assert store.get_run(run.info.run_id) == run

    def test_values_up_to_the_limit_are_kept_and_longer_ones_cut(
        self, store: TrackingStore, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MLFLOW_TRUNCATE_LONG_VALUES", raising=False)
        long = "é" * 9000
        log(store, run.info.run_id, params={"fits": long[:6000]}, tags={"fits": long[:8000]})
        with pytest.warns(UserWarning):
            log(store, run.info.run_id, params={"long": long})
        with pytest.warns(UserWarning):
            log(store, run.info.run_id, tags={"long": long})
        data = store.get_run(run.info.run_id).data
        assert data.params == {"fits": long[:6000], "long": long[:6000]}
        assert data.tags["fits"] == data.tags["long"] == long[:8000]

    def test_longer_values_are_refused_where_cutting_is_switched_off(
        self, store: TrackingStore, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
        with pytest.raises(InvalidValue):
            log(store, run.info.run_id, params={"long": "x" * 6001})
        with pytest.raises(InvalidValue):
            log(store, run.info.run_id, tags={"long": "x" * 8001})
        assert store.get_run(run.info.run_id) == run

    @pytest.mark.parametrize(
        "value",
        [0.0, 1e-320, 1.7976931348623157e308, 0.1 + 0.2, math.inf, -math.inf, math.nan],
    )
    def test_every_float_is_kept_to_the_last_bit(
        self, store: TrackingStore, run: Run, reopen: Callable[[], TrackingStore], value: float
    ) -> None:
        log(store, run.info.run_id, metrics={"m": value})
        with closing(reopen()) as again:
            latest = again.get_run(run.info.run_id).data.metrics["m"]
            [point] = again.metric_history(run.info.run_id, "m")
        assert isinstance(latest, float)
        assert repr(latest) == repr(point.value) == repr(value)

    def test_nan_and_the_infinities_are_kept_apart(self, store: TrackingStore, run: Run) -> None:
        values = [math.nan, math.inf, 1.0, -math.inf, math.nan]
        store.log_batch(
            run.info.run_id, metrics=[Metric("m", v, 1, i) for i, v in enumerate(values)]
        )
        points = store.metric_history(run.info.run_id, "m")
        assert [repr(point.value) for point in points] == ["nan", "inf", "1.0", "-inf", "nan"]
        assert [point.step for point in points] == [0, 1, 2, 3, 4]

    def test_what_is_no_number_is_refused(
        self, store: TrackingStore, run: Run, subtests: pytest.Subtests
    ) -> None:
        values: list[Any] = ["text", "", None, b"1", [1, 2]]
        for value in values:
            with subtests.test(value=value), pytest.raises(InvalidValue):
                log(store, run.info.run_id, metrics={"m": value})

    def test_steps_and_times_have_64_bits(self, store: TrackingStore, run: Run) -> None:
        points = [Metric("m", 1.0, INT64_MIN, INT64_MIN), Metric("m", 2.0, INT64_MAX, INT64_MAX)]
        store.log_batch(run.info.run_id, metrics=points)
        assert list(store.metric_history(run.info.run_id, "m")) == points
        for bad in (Metric("m", 1.0, 0, INT64_MAX + 1), Metric("m", 1.0, INT64_MIN - 1, 0)):
            with pytest.raises(InvalidValue):
                store.log_batch(run.info.run_id, metrics=[bad])

    @pytest.mark.parametrize(
        ("points", "latest"),
        [
            ([(1.0, 10, 0), (2.0, 20, 1)], 2.0),
            ([(1.0, 10, 5), (2.0, 20, 1)], 1.0),
            ([(1.0, 20, 1), (2.0, 10, 1)], 1.0),
            ([(2.0, 10, 1), (1.0, 10, 1)], 2.0),
            ([(1.0, 10, -1), (2.0, 5, 0)], 2.0),
        ],
        ids=["in order", "by step", "then by time", "then by value", "steps below zero"],
    )
    def test_the_latest_point_is_the_furthest(
        self,
        store: TrackingStore,
        run: Run,
        points: list[tuple[float, int, int]],
        latest: float,
    ) -> None:
        together = [Metric("together", *point) for point in points]
        store.log_batch(run.info.run_id, metrics=together)
        for point in points:
            store.log_batch(run.info.run_id, metrics=[Metric("apart", *point)])
        assert store.get_run(run.info.run_id).data.metrics == {"together": latest, "apart": latest}

    def test_a_returned_run_is_a_value(self, store: TrackingStore, run: Run) -> None:
        log(store, run.info.run_id, metrics={"m": 1.0}, params={"p": "1"}, tags={"t": "1"})
        for read in (store.get_run(run.info.run_id), store.search_runs(["0"])[0]):
            for mapping in (read.data.params, read.data.tags, read.data.latest):
                dict.clear(mapping)  # type: ignore[arg-type]
        data = store.get_run(run.info.run_id).data
        assert (data.metrics, data.params) == ({"m": 1.0}, {"p": "1"})
        assert data.tags == {"t": "1", "mlflow.runName": "first"}

    def test_inputs_are_recorded_once_each(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id
        train = DatasetInput(
            dataset("train", schema='{"a": "int"}', profile='{"rows": 3}'),
            [InputTag("mlflow.data.context", "training")],
        )
        test = DatasetInput(dataset("test"))
        newer = DatasetInput(dataset("train", digest="d2"))
        store.log_inputs(run_id, [train, test, train])
        store.log_inputs(run_id, [train, newer])
        inputs = store.get_run(run_id).inputs.dataset_inputs
        assert [item.dataset for item in inputs] == [train.dataset, test.dataset, newer.dataset]
        assert [list(item.tags) for item in inputs] == [list(train.tags), [], []]
        [found] = store.search_runs(["0"])
        assert [item.dataset for item in found.inputs.dataset_inputs] == [
            item.dataset for item in inputs
        ]

    def test_runs_share_a_dataset_and_keep_their_own_context(self, store: TrackingStore) -> None:
        runs = [store.create_run("0").info.run_id for _ in range(2)]
        for run_id, context in zip(runs, ("training", "evaluation"), strict=True):
            tag = InputTag("mlflow.data.context", context)
            store.log_inputs(run_id, [DatasetInput(dataset("shared"), [tag])])
        for run_id, context in zip(runs, ("training", "evaluation"), strict=True):
            [item] = store.get_run(run_id).inputs.dataset_inputs
            assert item.dataset == dataset("shared")
            assert [tag.value for tag in item.tags] == [context]

    def test_datasets_of_experiments_are_found_once_per_context(self, store: TrackingStore) -> None:
        other = store.create_experiment("other").experiment_id
        for experiment, context in (("0", "training"), ("0", "training"), (other, "testing")):
            tag = InputTag("mlflow.data.context", context)
            run_id = store.create_run(experiment).info.run_id
            store.log_inputs(run_id, [DatasetInput(dataset("used"), [tag])])
        store.log_inputs(store.create_run("0").info.run_id, [DatasetInput(dataset("used"))])
        digest = dataset("used").digest
        assert set(store.search_datasets(["0"])) == {
            DatasetSummary("0", "used", digest, "training"),
            DatasetSummary("0", "used", digest),
        }
        assert len(store.search_datasets(["0", other])) == 3
        assert store.search_datasets(["987"]) == []

    def test_a_dataset_that_is_too_long_is_refused(self, store: TrackingStore, run: Run) -> None:
        for bad in (dataset("n" * 501), dataset("n", digest="d" * 37)):
            with pytest.raises(InvalidValue):
                store.log_inputs(
                    run.info.run_id, [DatasetInput(dataset("good")), DatasetInput(bad)]
                )
        assert store.get_run(run.info.run_id) == run

    def test_reopening_keeps_inputs(
        self, store: TrackingStore, run: Run, reopen: Callable[[], TrackingStore]
    ) -> None:
        store.log_inputs(
            run.info.run_id,
            [DatasetInput(dataset("train", schema="{}"), [InputTag("context", "é")])],
        )
        expected = store.get_run(run.info.run_id).inputs.dataset_inputs[0]
        with closing(reopen()) as again:
            [found] = again.get_run(run.info.run_id).inputs.dataset_inputs
        assert found.dataset == expected.dataset
        assert list(found.tags) == list(expected.tags)
