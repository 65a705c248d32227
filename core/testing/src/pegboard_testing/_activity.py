"""The contract of activity, as tests."""

from __future__ import annotations

import math

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Param, RunStatus
from pegboard.tags import PARENT_RUN_ID
from pegboard_stores.activity import DAY_MS, DAYS, SPARK, Activity, Course

from pegboard_testing._base import StoreTests, finish, log

NOW = 100 * DAY_MS


class ActivityContract(StoreTests):
    """What every store does that tells what happens. Derive from it beside the main suite."""

    @pytest.fixture
    def activity(self, store: TrackingStore) -> Activity:
        found = store.ability(Activity)
        assert found is not None
        return found

    def test_experiments_come_by_last_activity(
        self, store: TrackingStore, activity: Activity
    ) -> None:
        ids = [store.create_experiment(name).experiment_id for name in ("a", "b", "c", "d", "e")]
        old = store.create_run(ids[0], start_time=NOW - 9_000).info.run_id
        finish(store, old, NOW - 8_000)
        began = store.create_run(ids[1], start_time=NOW - 7_000).info.run_id
        finish(store, began, NOW - 1_000)
        store.create_run(ids[2], start_time=NOW - 5_000)
        live = store.create_run(ids[3], start_time=NOW - 10_000).info.run_id
        store.log_batch(live, metrics=[Metric("m", 1.0, NOW - 500, 1), Metric("n", 1.0, 1, 1)])
        store.delete_experiment(ids[4])
        found = activity.experiments(NOW)
        assert found.total == 5
        assert [(each.name, each.last_activity) for each in found.experiments] == [
            ("d", NOW - 500),
            ("b", NOW - 1_000),
            ("c", NOW - 5_000),
            ("a", NOW - 8_000),
            ("Default", None),
        ]
        page = activity.experiments(NOW, offset=1, limit=2)
        assert (page.total, [each.name for each in page.experiments]) == (5, ["b", "c"])

    def test_runs_are_counted_by_status_and_day(
        self, store: TrackingStore, activity: Activity
    ) -> None:
        store.set_experiment_tags("0", {"team": "x"})
        starts = [0, 1, DAY_MS - 1, DAY_MS, 29 * DAY_MS, 30 * DAY_MS - 1, 30 * DAY_MS, -5]
        runs = [store.create_run("0", start_time=NOW - each).info.run_id for each in starts]
        for run_id, status in zip(runs, ("FINISHED", "FAILED", "FAILED", "KILLED"), strict=False):
            store.update_run(run_id, status=RunStatus(status), end_time=NOW)
        store.delete_run(runs[1])
        [found] = activity.experiments(NOW).experiments
        assert (found.runs, found.live, found.failed) == (7, 4, 1)
        assert found.tags == {"team": "x"}
        assert len(found.strip) == DAYS
        assert {day: count for day, count in enumerate(found.strip) if count} == {
            29: 2,
            28: 1,
            0: 2,
        }

    def test_live_runs_are_the_last_started_first(
        self, store: TrackingStore, activity: Activity
    ) -> None:
        other = store.create_experiment("other").experiment_id
        gone = store.create_experiment("gone").experiment_id
        runs = [
            store.create_run(experiment, start_time=start).info.run_id
            for start, experiment in enumerate(["0", other, "0", "0", gone], 1_000)
        ]
        finish(store, runs[2], 2_000)
        store.delete_run(runs[3])
        store.delete_experiment(gone)
        found = activity.live()
        assert (found.total, [info.run_id for info in found.runs]) == (2, [runs[1], runs[0]])
        assert [info.run_id for info in activity.live(limit=1).runs] == [runs[1]]
        assert activity.live(limit=1).total == 2

    def test_ended_runs_are_the_last_ended_first(
        self, store: TrackingStore, activity: Activity
    ) -> None:
        runs = [store.create_run("0", start_time=1).info.run_id for _ in range(4)]
        for run_id, end in zip(runs, (3_000, 5_000, 4_000), strict=False):
            finish(store, run_id, end)
        assert [info.run_id for info in activity.ended(4_000)] == [runs[1], runs[2]]
        assert [info.run_id for info in activity.ended(0, limit=2)] == [runs[1], runs[2]]
        assert list(activity.ended(5_001)) == []

    def test_metric_keys_are_those_that_most_of_the_latest_runs_have(
        self, store: TrackingStore, activity: Activity
    ) -> None:
        other = store.create_experiment("other").experiment_id
        for start, keys in enumerate((["old"], ["loss", "acc"], ["loss", "acc", "once"], []), 1):
            run_id = store.create_run("0", start_time=start).info.run_id
            log(store, run_id, metrics=dict.fromkeys(keys, 0.5))
        found = activity.metric_keys(["0", other])
        assert found == {"0": {"loss": 2, "acc": 2}, other: {}}

    def test_the_best_run_of_a_metric(self, store: TrackingStore, activity: Activity) -> None:
        other = store.create_experiment("other").experiment_id
        values = [0.5, math.nan, 2.0, math.inf, -1.0, -math.inf, 9.0]
        runs = [store.create_run("0", start_time=1_000 + i).info for i in range(len(values))]
        for info, value in zip(runs, values, strict=True):
            log(store, info.run_id, metrics={"m": value, "only": 0.0})
        store.delete_run(runs[6].run_id)
        best = activity.best({"0": ("m", True), other: ("m", True)})
        assert {key: (found.run.run_id, found.value) for key, found in best.items()} == {
            "0": (runs[2].run_id, 2.0)
        }
        assert activity.best({"0": ("m", False)})["0"].run.run_id == runs[4].run_id
        assert activity.best({"0": ("never", False)}) == {}
        before = activity.best({"0": ("m", True)}, before=runs[2])
        assert before["0"].run.run_id == runs[0].run_id
        assert activity.best({"0": ("m", True)}, before=runs[0]) == {}

    @pytest.mark.parametrize("count", [1, 31, 32, 33, 9_000, 300_000])
    def test_a_course_is_evenly_taken_from_all_points(
        self, store: TrackingStore, activity: Activity, count: int
    ) -> None:
        run_id = store.create_run("0").info.run_id
        points = [Metric("m", float(step), 10, step) for step in range(count)]
        store.log_batch(run_id, metrics=points)
        course = activity.courses({run_id: "m"})[run_id]
        assert course.last == points[-1]
        assert course.spark[0] == 0.0
        assert course.spark[-1] == count - 1
        assert list(course.spark) == sorted(course.spark)
        assert min(count, SPARK) / 2 < len(course.spark) <= SPARK
        gaps = [
            after - before for before, after in zip(course.spark, course.spark[1:], strict=False)
        ]
        assert max(gaps, default=0) <= 4 * max(1, count / SPARK)

    def test_a_course_tells_what_it_can(self, store: TrackingStore, activity: Activity) -> None:
        run_id = store.create_run("0").info.run_id
        texts = {
            "steps": "900",
            "lr": "0.1",
            "zero": "0",
            "name": "x",
            "neg": "-3",
            "big": "1" * 30,
        }
        values = [math.nan, 1.0, math.inf, 2.0]
        points = [Metric("m", value, 10, step) for step, value in enumerate(values)]
        params = [Param(key, value) for key, value in texts.items()]
        store.log_batch(run_id, metrics=points, params=params)
        found = activity.courses({run_id: "m", "unknown": "m"})
        assert found == {run_id: Course(points[3], found[run_id].spark, {"steps": 900})}
        assert list(found[run_id].spark) == [1.0, 2.0]
        none = activity.courses({run_id: "never"})[run_id]
        assert (none.last, list(none.spark), none.counts) == (None, [], {"steps": 900})

    def test_children_are_the_active_runs_that_name_their_parent(
        self, store: TrackingStore, activity: Activity
    ) -> None:
        other = store.create_experiment("other").experiment_id
        parent = store.create_run("0").info.run_id
        tags = {PARENT_RUN_ID: parent}
        children = [store.create_run(each, tags=tags).info.run_id for each in ("0", other, "0")]
        store.create_run("0", tags={PARENT_RUN_ID: children[0]})
        store.delete_run(children[2])
        assert activity.children(parent) == 2
        assert activity.children(children[0]) == 1
        assert activity.children("unknown") == 0
