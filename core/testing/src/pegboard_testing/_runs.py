"""The contract of tracking stores: runs, their lifecycle and their removal."""

from __future__ import annotations

import string
import time
from collections.abc import Callable
from contextlib import closing

import pytest
from attrs import evolve
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import LifecycleStage, Metric, Run, RunStatus, ViewType
from pegboard.errors import AlreadyExists, InvalidState, InvalidValue, NotFound

from pegboard_testing._base import WRONG_IDS, StoreTests, finish, log

NAME = "mlflow.runName"


class RunTests(StoreTests):
    """Create, read, update, delete, restore and purge runs."""

    def test_a_new_run_is_running_and_empty(self, store: TrackingStore) -> None:
        run = store.create_run(
            "0", run_name="first", user_id="ann", start_time=1234, tags={"a": "1"}
        )
        assert (run.info.experiment_id, run.info.run_name) == ("0", "first")
        assert (run.info.user_id, run.info.start_time) == ("ann", 1234)
        assert run.info.end_time is None
        assert run.info.status is RunStatus.RUNNING
        assert run.info.lifecycle_stage is LifecycleStage.ACTIVE
        assert run.data.tags == {"a": "1", NAME: "first"}
        assert run.data.params == {}
        assert run.data.metrics == {}
        assert list(run.inputs.dataset_inputs) == []
        assert store.get_run(run.info.run_id) == run

    def test_a_run_starts_now_by_default(self, store: TrackingStore) -> None:
        before = int(time.time() * 1000)
        run = store.create_run("0")
        assert before <= run.info.start_time <= int(time.time() * 1000)

    def test_run_ids_are_32_hex_digits_of_their_own(self, store: TrackingStore) -> None:
        ids = {store.create_run("0").info.run_id for _ in range(5)}
        assert len(ids) == 5
        for run_id in ids:
            assert len(run_id) == 32
            assert set(run_id) <= set(string.hexdigits.lower())

    def test_a_given_run_id_is_used_once(self, store: TrackingStore) -> None:
        assert store.create_run("0", run_id="my-run_1").info.run_id == "my-run_1"
        with pytest.raises(AlreadyExists):
            store.create_run("0", run_id="my-run_1")
        store.delete_run("my-run_1")
        with pytest.raises(AlreadyExists):
            store.create_run("0", run_id="my-run_1")

    def test_a_bad_run_id_is_refused(self, store: TrackingStore, subtests: pytest.Subtests) -> None:
        for wrong in ["../up", "a/b", "", "x" * 300, "-x", "a\0b", "a b"]:
            with subtests.test(wrong=wrong):
                with pytest.raises(InvalidValue):
                    store.create_run("0", run_id=wrong)
                assert store.search_runs(["0"], view=ViewType.ALL) == []

    def test_artifacts_lie_below_the_experiment_each_run_apart(self, store: TrackingStore) -> None:
        experiment = store.create_experiment("placed", artifact_location="file:///somewhere/else")
        one, two = (store.create_run(experiment.experiment_id).info for _ in range(2))
        assert one.artifact_uri == f"file:///somewhere/else/{one.run_id}/artifacts"
        assert two.artifact_uri == f"file:///somewhere/else/{two.run_id}/artifacts"

    def test_the_name_comes_from_the_argument_the_tag_or_chance(self, store: TrackingStore) -> None:
        tagged = store.create_run("0", tags={NAME: "tagged"})
        assert tagged.info.run_name == "tagged"
        both = store.create_run("0", run_name="same", tags={NAME: "same"})
        assert both.info.run_name == "same"
        some = [store.create_run("0") for _ in range(4)]
        assert all(run.info.run_name for run in some)
        assert len({run.info.run_name for run in some}) > 1
        for run in (tagged, both, *some):
            assert run.data.tags[NAME] == run.info.run_name

    def test_two_names_that_differ_are_refused(self, store: TrackingStore) -> None:
        with pytest.raises(InvalidValue):
            store.create_run("0", run_name="one", tags={NAME: "another"})

    def test_a_bad_tag_makes_no_run(self, store: TrackingStore) -> None:
        with pytest.raises(InvalidValue):
            store.create_run("0", tags={"good": "1", "../bad": "1"})
        assert store.search_runs(["0"], view=ViewType.ALL) == []

    def test_an_unknown_run_is_not_found(
        self, store: TrackingStore, subtests: pytest.Subtests
    ) -> None:
        for wrong in WRONG_IDS:
            with subtests.test(wrong=wrong):
                with pytest.raises((NotFound, InvalidValue)):
                    store.get_run(wrong)
                with pytest.raises((NotFound, InvalidValue)):
                    log(store, wrong, metrics={"m": 1.0})

    def test_an_unknown_run_cannot_be_used(self, store: TrackingStore) -> None:
        unknown = "0" * 32
        for use in (
            lambda: store.get_run(unknown),
            lambda: store.update_run(unknown, status=RunStatus.FINISHED),
            lambda: store.delete_run(unknown),
            lambda: store.restore_run(unknown),
            lambda: store.purge_run(unknown),
            lambda: log(store, unknown, tags={"a": "1"}),
            lambda: store.delete_tag(unknown, "a"),
            lambda: store.log_inputs(unknown, []),
            lambda: store.metric_history(unknown, "m"),
        ):
            with pytest.raises(NotFound):
                use()

    def test_ending_a_run_sets_status_and_time(self, store: TrackingStore, run: Run) -> None:
        for status in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED):
            info = store.update_run(run.info.run_id, status=status, end_time=2000)
            assert (info.status, info.end_time) == (status, 2000)
            assert store.get_run(run.info.run_id).info == info

    def test_only_what_is_given_changes(self, store: TrackingStore, run: Run) -> None:
        finish(store, run.info.run_id, 2000)
        info = store.update_run(run.info.run_id, run_name="renamed")
        expected = evolve(run.info, status=RunStatus.FINISHED, end_time=2000, run_name="renamed")
        assert info == expected
        assert store.update_run(run.info.run_id) == expected
        assert store.update_run(run.info.run_id, end_time=3000).end_time == 3000

    @pytest.mark.parametrize(
        ("status", "end_time", "expected"),
        [
            (RunStatus.RUNNING, None, None),
            (RunStatus.RUNNING, 3000, 3000),
            (RunStatus.SCHEDULED, None, 2000),
            (RunStatus.SCHEDULED, 3000, 3000),
        ],
    )
    def test_a_run_that_goes_on_has_no_end_unless_one_is_given(
        self,
        store: TrackingStore,
        run: Run,
        status: RunStatus,
        end_time: int | None,
        expected: int | None,
    ) -> None:
        finish(store, run.info.run_id, 2000)
        info = store.update_run(run.info.run_id, status=status, end_time=end_time)
        assert (info.status, info.end_time) == (status, expected)
        assert store.get_run(run.info.run_id).info.end_time == expected

    def test_renaming_sets_the_tag_and_the_tag_renames(
        self, store: TrackingStore, run: Run
    ) -> None:
        run_id = run.info.run_id
        store.update_run(run_id, run_name="second")
        assert store.get_run(run_id).data.tags[NAME] == "second"
        log(store, run_id, tags={NAME: "third"})
        read = store.get_run(run_id)
        assert (read.info.run_name, read.data.tags[NAME]) == ("third", "third")

    def test_a_deleted_run_is_kept_until_it_is_restored(
        self, store: TrackingStore, run: Run
    ) -> None:
        run_id = run.info.run_id
        log(store, run_id, metrics={"m": 1.0}, params={"p": "1"}, tags={"t": "1"})
        whole = store.get_run(run_id)
        store.delete_run(run_id)
        deleted = store.get_run(run_id)
        assert deleted.info == evolve(whole.info, lifecycle_stage=LifecycleStage.DELETED)
        assert deleted.data == whole.data
        assert store.metric_history(run_id, "m") == [Metric("m", 1.0, 1, 0)]
        store.restore_run(run_id)
        assert store.get_run(run_id) == whole

    def test_deleting_twice_and_restoring_twice_are_no_errors(
        self, store: TrackingStore, run: Run
    ) -> None:
        for _ in range(2):
            store.delete_run(run.info.run_id)
        for _ in range(2):
            store.restore_run(run.info.run_id)
        assert store.get_run(run.info.run_id) == run

    def test_a_deleted_run_cannot_be_changed(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id
        log(store, run_id, tags={"t": "1"})
        store.delete_run(run_id)
        before = store.get_run(run_id)
        for change in (
            lambda: store.update_run(run_id, status=RunStatus.FINISHED),
            lambda: store.update_run(run_id, run_name="new"),
            lambda: log(store, run_id, metrics={"m": 1.0}),
            lambda: log(store, run_id, params={"p": "1"}),
            lambda: log(store, run_id, tags={"t": "2"}),
            lambda: store.delete_tag(run_id, "t"),
            lambda: store.log_inputs(run_id, []),
        ):
            with pytest.raises(InvalidState):
                change()
        assert store.get_run(run_id) == before

    def test_deleted_runs_are_listed_by_time(self, store: TrackingStore) -> None:
        run_ids = [store.create_run("0").info.run_id for _ in range(3)]
        before = int(time.time() * 1000)
        for run_id in run_ids[:2]:
            store.delete_run(run_id)
        after = int(time.time() * 1000) + 1
        assert {info.run_id for info in store.deleted_runs()} == set(run_ids[:2])
        listed = store.deleted_runs(deleted_before=after)
        assert {info.run_id for info in listed} == set(run_ids[:2])
        assert list(store.deleted_runs(deleted_before=before)) == []
        store.restore_run(run_ids[0])
        assert [info.run_id for info in store.deleted_runs()] == [run_ids[1]]

    def test_runs_can_be_purged_while_they_are_listed(self, store: TrackingStore) -> None:
        for _ in range(5):
            store.delete_run(store.create_run("0").info.run_id)
        for info in store.deleted_runs():
            store.purge_run(info.run_id)
        assert list(store.deleted_runs()) == []

    def test_only_deleted_runs_are_purged(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id
        log(store, run_id, metrics={"m": 1.0}, params={"p": "1"}, tags={"t": "1"})
        other = store.create_run("0", run_name="other")
        log(store, other.info.run_id, metrics={"m": 2.0}, params={"p": "1"})
        kept = store.get_run(other.info.run_id)
        with pytest.raises(InvalidState):
            store.purge_run(run_id)
        assert store.get_run(run_id).data.params == {"p": "1"}
        store.delete_run(run_id)
        store.purge_run(run_id)
        for read in (
            lambda: store.get_run(run_id),
            lambda: store.metric_history(run_id, "m"),
            lambda: store.restore_run(run_id),
            lambda: store.purge_run(run_id),
        ):
            with pytest.raises(NotFound):
                read()
        assert list(store.search_runs(["0"], view=ViewType.ALL)) == [kept]
        assert store.reclaim() >= 0
        assert store.get_run(other.info.run_id) == kept

    def test_a_purged_id_may_be_used_anew_and_starts_empty(self, store: TrackingStore) -> None:
        store.create_run("0", run_id="again")
        log(store, "again", metrics={"m": 1.0}, params={"p": "1"}, tags={"t": "1"})
        store.delete_run("again")
        store.purge_run("again")
        fresh = store.create_run("0", run_id="again", run_name="fresh")
        assert store.get_run("again") == fresh
        assert fresh.data.tags == {NAME: "fresh"}
        assert store.metric_history("again", "m") == []

    def test_reopening_keeps_runs(
        self, store: TrackingStore, reopen: Callable[[], TrackingStore], run: Run
    ) -> None:
        log(store, run.info.run_id, params={"p": "é\n🎯"}, tags={"t": "'"}, metrics={"m": 0.1})
        finish(store, run.info.run_id, 2000)
        gone = store.create_run("0", run_name="gone").info.run_id
        store.delete_run(gone)
        expected = [store.get_run(run.info.run_id), store.get_run(gone)]
        with closing(reopen()) as again:
            assert [again.get_run(run.info.run_id), again.get_run(gone)] == expected
            assert [info.run_id for info in again.deleted_runs()] == [gone]

    def test_closing_once_more_does_no_harm(self, store: TrackingStore) -> None:
        store.create_run("0")
        store.close()
        store.close()
