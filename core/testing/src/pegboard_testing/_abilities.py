"""The contracts of what tracking stores may be able to do, as tests."""

from __future__ import annotations

import json
import math
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Param, Run, RunStatus, RunTag
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard_stores.abilities import Batch, Batches, Heartbeats, PackedPoints
from pegboard_stores.activity import Activity
from pegboard_stores.curves import Curves
from pegboard_stores.data_sets import DataSets
from pegboard_stores.list_tags import GuardedListTags, ListTags
from pegboard_stores.reviews import LabelSchemas, ReviewQueues
from pegboard_stores.run_table import RunTable
from pegboard_stores.scorers import Scorers, ScoringTasks

from pegboard_testing._activity import ActivityContract
from pegboard_testing._base import StoreTests
from pegboard_testing._curves import CurvesContract
from pegboard_testing._data_sets import DataSetsContract
from pegboard_testing._reviews import LabelSchemasContract, ReviewQueuesContract
from pegboard_testing._run_tables import RunTableContract
from pegboard_testing._scorers import ScorersContract, ScoringTasksContract


def packed(*points: tuple[int, int, float]) -> bytes:
    """Return points, each a step, a time and a value, as journals keep them."""
    return b"".join(struct.pack("<qqd", *point) for point in points)


class BatchesContract(StoreTests):
    """What every store does that takes numbered batches. Derive from it beside the main suite."""

    @pytest.fixture
    def batches(self, store: TrackingStore) -> Batches:
        found = store.ability(Batches)
        assert found is not None
        return found

    def test_a_batch_that_comes_again_is_not_taken_again(
        self, store: TrackingStore, run: Run, batches: Batches
    ) -> None:
        run_id = run.info.run_id
        for batch, value in (
            (Batch("a", 5), "first"),
            (Batch("a", 5), "again"),
            (Batch("a", 4), "before"),
            (Batch("b", 5), "of another name"),
            (Batch("a", 6), "next"),
        ):
            points = [Metric("m", float(len(value)), 1)]
            tags, params = [RunTag(value, "x")], [Param(value, "x")]
            batches.log(batch, run_id, metrics=points, params=params, tags=tags)
        taken = {"first", "of another name", "next"}
        found = store.get_run(run_id).data
        assert set(found.params) == taken
        assert set(found.tags) - {"mlflow.runName"} == taken
        values = [point.value for point in store.metric_history(run_id, "m")]
        assert sorted(values) == [4.0, 5.0, 15.0]

    def test_a_batch_that_was_refused_may_come_again(
        self, store: TrackingStore, run: Run, batches: Batches
    ) -> None:
        run_id = run.info.run_id
        store.log_batch(run_id, params=[Param("p", "old")])
        with pytest.raises(InvalidValue):
            batches.log(Batch("a", 1), run_id, params=[Param("q", "1"), Param("p", "new")])
        with pytest.raises(NotFound):
            batches.log(Batch("a", 1), "unknown", params=[Param("q", "1")])
        assert store.get_run(run_id).data.params == {"p": "old"}
        batches.log(Batch("a", 1), run_id, params=[Param("q", "1")])
        assert store.get_run(run_id).data.params == {"p": "old", "q": "1"}


class PackedPointsContract(StoreTests):
    """What every store does that takes packed points. Derive from it beside the main suite."""

    @pytest.fixture
    def packing(self, store: TrackingStore) -> PackedPoints:
        found = store.ability(PackedPoints)
        assert found is not None
        return found

    def test_packed_points_are_points_like_others(
        self, store: TrackingStore, run: Run, packing: PackedPoints
    ) -> None:
        run_id = run.info.run_id
        store.metric_writer().log(run_id, "m", 0.5, 1, 0)
        many = packed((1, 10, 1.5), (-3, 12, -math.inf))
        packing.log(Batch("j", 1), run_id, {"m": many, "n": packed((2**62, 5, math.nan))})
        store.log_batch(run_id, metrics=[Metric("m", 7.0, 20, 2)])
        points = [(p.step, p.timestamp, p.value) for p in store.metric_history(run_id, "m")]
        assert points == [(0, 1, 0.5), (1, 10, 1.5), (-3, 12, -math.inf), (2, 20, 7.0)]
        [special] = store.metric_history(run_id, "n")
        assert (special.step, special.timestamp) == (2**62, 5)
        assert math.isnan(special.value)
        assert store.get_run(run_id).data.metrics["m"] == 7.0
        assert [found.info.run_id for found in store.search_runs(["0"], filter="metrics.m = 7")]

    def test_packed_points_are_taken_once(
        self, store: TrackingStore, run: Run, packing: PackedPoints
    ) -> None:
        run_id = run.info.run_id
        for number, step in ((1, 1), (1, 2), (2, 3)):
            packing.log(Batch("j", number), run_id, {"m": packed((step, 1, 0.0))})
        assert [point.step for point in store.metric_history(run_id, "m")] == [1, 3]

    def test_of_wrong_packed_points_nothing_is_kept(
        self, store: TrackingStore, run: Run, packing: PackedPoints
    ) -> None:
        run_id, one = run.info.run_id, packed((1, 1, 1.0))
        with pytest.raises(InvalidValue):
            packing.log(Batch("j", 1), run_id, {"m": one, "": one})
        with pytest.raises(NotFound):
            packing.log(Batch("j", 1), "unknown", {"m": one})
        store.delete_run(run_id)
        with pytest.raises(InvalidState):
            packing.log(Batch("j", 1), run_id, {"m": one})
        store.restore_run(run_id)
        assert list(store.metric_history(run_id, "m")) == []
        packing.log(Batch("j", 1), run_id, {"m": one})
        assert len(store.metric_history(run_id, "m")) == 1


class HeartbeatsContract(StoreTests):
    """What every store does that hears clients. Derive from it beside the main suite."""

    @pytest.fixture
    def heartbeats(self, store: TrackingStore) -> Heartbeats:
        found = store.ability(Heartbeats)
        assert found is not None
        return found

    def test_runs_of_a_client_that_is_heard_go_on(
        self, store: TrackingStore, run: Run, heartbeats: Heartbeats
    ) -> None:
        assert heartbeats.seconds > 0
        for _ in range(2):
            heartbeats.hear("client-1", [run.info.run_id, "unknown"], ["unknown"])
        assert store.get_run(run.info.run_id).info.status is RunStatus.RUNNING
        heartbeats.hear("client-1", [], [run.info.run_id])
        heartbeats.forget("client-1")
        heartbeats.forget("nobody")
        assert store.get_run(run.info.run_id).info.status is RunStatus.RUNNING


class ListTagsContract(StoreTests):
    """What every store does that adds to tags with lists. Derive from it beside the main suite."""

    @pytest.fixture
    def tags(self, store: TrackingStore) -> ListTags:
        found = store.ability(ListTags)
        assert found is not None
        return found

    def test_entries_are_added_to_a_tag_once(
        self, store: TrackingStore, run: Run, tags: ListTags
    ) -> None:
        model = store.logged_models().create("0", name="m").model_id
        long: dict[str, Any] = {"name": "n" * 200, "version": "2"}
        for entries in ([{"name": "a", "version": "1"}], [{"name": "a", "version": 1}, long]):
            tags.add_to_run(run.info.run_id, "listed", entries)
            tags.add_to_model(model, "listed", entries)
        wanted = [{"name": "a", "version": "1"}, long]
        assert json.loads(store.get_run(run.info.run_id).data.tags["listed"]) == wanted
        assert json.loads(store.logged_models().get(model).tags["listed"]) == wanted
        with pytest.raises(NotFound):
            tags.add_to_run("unknown", "listed", [long])
        with pytest.raises(NotFound):
            tags.add_to_model("unknown", "listed", [long])

    def test_what_threads_add_at_the_same_time_is_all_there(
        self, store: TrackingStore, run: Run, tags: ListTags
    ) -> None:
        model = store.logged_models().create("0", name="m").model_id
        begin = threading.Barrier(6)

        def add(number: int) -> None:
            begin.wait()
            for entry in ({"name": f"{number}"}, {"name": f"{number}+"}):
                tags.add_to_run(run.info.run_id, "listed", [entry])
                tags.add_to_model(model, "listed", [entry])

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(add, range(6)))
        texts = [
            store.get_run(run.info.run_id).data.tags["listed"],
            store.logged_models().get(model).tags["listed"],
        ]
        wanted = sorted(f"{number}{more}" for number in range(6) for more in ("", "+"))
        for text in texts:
            assert sorted(each["name"] for each in json.loads(text)) == wanted


class AbilityTests(StoreTests):
    """What a store can do is under contract."""

    def test_every_ability_of_the_store_is_under_contract(self, store: TrackingStore) -> None:
        lists = store.ability(ListTags)
        # The one that MappingStore brings is not the author's to test.
        lists = None if isinstance(lists, GuardedListTags) else lists
        for ability, suite in (
            (lists, ListTagsContract),
            (store.ability(Batches), BatchesContract),
            (store.ability(PackedPoints), PackedPointsContract),
            (store.ability(Heartbeats), HeartbeatsContract),
            (store.ability(Curves), CurvesContract),
            (store.ability(Activity), ActivityContract),
            (store.ability(RunTable), RunTableContract),
            (store.ability(DataSets), DataSetsContract),
            (store.ability(Scorers), ScorersContract),
            (store.ability(ScoringTasks), ScoringTasksContract),
            (store.ability(LabelSchemas), LabelSchemasContract),
            (store.ability(ReviewQueues), ReviewQueuesContract),
        ):
            assert ability is None or isinstance(self, suite), f"derive from {suite.__name__} too"
