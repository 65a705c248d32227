"""The contract of registered scorers, as tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.traces import TraceInfo
from pegboard.errors import FilterError, InvalidState, InvalidValue, NotFound
from pegboard_stores.scorers import Scorers, ScoringTasks, content

from pegboard_testing._base import WRONG_IDS, StoreTests


def judge(instructions: str = "Is {{ outputs }} kind?", **more: Any) -> str:
    """Return a judge as MLflow serializes one."""
    said = {"instructions": instructions, "model": "openai:/small", **more}
    return json.dumps({"name": "kind", "instructions_judge_pydantic_data": said})


CODE = json.dumps({"name": "code", "call_source": "return True", "call_signature": "()"})
WRONG_SCORERS = ["", "nonsense", "[]", "null", '"text"', "[" * 100_000, '{"a":' + "[" * 200]
UNSCHEDULED = {
    "code": CODE,
    "code in an ensemble": json.dumps({"scorers": [json.loads(CODE), json.loads(judge())]}),
    "of sessions": json.dumps({**json.loads(judge()), "is_session_level_scorer": True}),
    "no model": judge(model=None),
    "expectations": judge("Is {{ outputs }} {{ expectations }}?"),
}


class ScorersContract(StoreTests):
    """What every store does that keeps scorers. Derive from it beside the main suite."""

    @pytest.fixture
    def scorers(self, store: TrackingStore) -> Scorers:
        found = store.ability(Scorers)
        assert found is not None
        return found

    def test_a_scorer_has_versions(self, scorers: Scorers) -> None:
        first = scorers.register("0", "kind", judge())
        second = scorers.register("0", "kind", judge("Is it?"))
        assert (first.version, second.version) == (1, 2)
        assert (first.experiment_id, first.name, first.serialized) == ("0", "kind", judge())
        assert first.scorer_id == second.scorer_id
        assert first.created_time > 1_600_000_000_000
        assert list(scorers.versions("0", "kind")) == [first, second]
        assert scorers.get("0", "kind") == scorers.by_id(first.scorer_id) == second
        assert scorers.get("0", "kind", 1) == scorers.by_id(first.scorer_id, 1) == first
        for use in (scorers.get, scorers.delete):
            for wrong in (3, 0, -1, 2**31 - 1):
                with pytest.raises(NotFound):
                    use("0", "kind", wrong)
        with pytest.raises(NotFound):
            scorers.by_id(first.scorer_id, 3)

    def test_the_latest_of_each_are_listed(self, store: TrackingStore, scorers: Scorers) -> None:
        other = store.create_experiment("other").experiment_id
        for home, name in (("0", "b"), ("0", "a"), (other, "a"), ("0", "b")):
            scorers.register(home, name, judge())
        every = [("0", "a", 1), ("0", "b", 2), (other, "a", 1)]
        for asked, expected in (
            (None, every),
            (["0"], every[:2]),
            ([other, "0", "unknown"], every),
            ([], []),
        ):
            found = scorers.latest(asked)
            assert [(each.experiment_id, each.name, each.version) for each in found] == expected
        store.delete_experiment(other)
        assert [each.experiment_id for each in scorers.latest()] == ["0", "0"]
        with pytest.raises(InvalidState):
            scorers.get(other, "a")
        with pytest.raises(InvalidState):
            scorers.register(other, "a", judge())

    def test_what_is_unknown_is_not_found(
        self, scorers: Scorers, subtests: pytest.Subtests
    ) -> None:
        scorers.register("0", "kind", judge())
        for wrong in WRONG_IDS:
            with subtests.test(wrong=wrong):
                uses: list[Callable[[str, str], Any]] = [
                    scorers.versions,
                    scorers.get,
                    scorers.delete,
                    lambda home, name: scorers.schedule(home, name, 0.5),
                ]
                for use in uses:
                    for home, name in ((wrong, "kind"), ("0", wrong)):
                        if home and name:
                            with pytest.raises(NotFound):
                                use(home, name)
                with pytest.raises(NotFound):
                    scorers.by_id(wrong)
                assert list(scorers.schedules([wrong])) == []

    def test_what_is_no_scorer_is_refused(self, scorers: Scorers) -> None:
        for wrong in WRONG_SCORERS:
            with pytest.raises(InvalidValue):
                scorers.register("0", "kind", wrong)
        for name in (" ", "x" * 257):
            with pytest.raises(InvalidValue):
                scorers.register("0", name, judge())
        assert list(scorers.latest()) == []

    def test_scorers_are_deleted(self, scorers: Scorers) -> None:
        first = scorers.register("0", "kind", judge())
        scorers.register("0", "kind", judge())
        scorers.schedule("0", "kind", 0.5)
        scorers.delete("0", "kind", 2)
        assert scorers.get("0", "kind") == first
        assert len(scorers.schedules([first.scorer_id])) == 1
        scorers.delete("0", "kind")
        with pytest.raises(NotFound):
            scorers.get("0", "kind")
        again = scorers.register("0", "kind", judge())
        assert again.version == 1
        assert list(scorers.schedules([first.scorer_id, again.scorer_id])) == []

    def test_a_scorer_has_one_schedule(self, scorers: Scorers) -> None:
        kind = scorers.register("0", "kind", judge())
        other = scorers.register("0", "other", judge())
        scorers.schedule("0", "kind", 0.25, "tags.a = 'b'")
        made = scorers.schedule("0", "kind", 1)
        assert (made.scorer_id, made.experiment_id) == (kind.scorer_id, "0")
        assert (made.sample_rate, made.filter) == (1.0, "")
        filtered = scorers.schedule("0", "other", 0.1, "trace.status = 'OK'")
        assert filtered.filter == "trace.status = 'OK'"
        asked = [other.scorer_id, "unknown", kind.scorer_id]
        assert list(scorers.schedules(asked)) == [filtered, made]
        newer = scorers.register("0", "kind", judge("Is it?"))
        assert list(scorers.scheduled()) == [(newer, made), (other, filtered)]
        stopped = scorers.schedule("0", "kind", 0)
        assert list(scorers.schedules([kind.scorer_id])) == [stopped]
        assert [version for version, _ in scorers.scheduled()] == [other]

    def test_wrong_schedules_are_refused(self, scorers: Scorers) -> None:
        scorers.register("0", "kind", judge())
        for wrong in (-0.1, 1.1, float("nan"), float("inf")):
            with pytest.raises(InvalidValue):
                scorers.schedule("0", "kind", wrong)
        with pytest.raises(FilterError):
            scorers.schedule("0", "kind", 1, "nonsense")
        assert list(scorers.scheduled()) == []

    def test_scorers_are_kept(self, reopen: Callable[[], TrackingStore], scorers: Scorers) -> None:
        made = scorers.register("0", "kind", judge())
        schedule = scorers.schedule("0", "kind", 0.5)
        found = reopen().ability(Scorers)
        assert found is not None
        assert list(found.scheduled()) == [(made, schedule)]


class CodeScorersContract(ScorersContract):
    """What every store does beyond that, if it keeps code; a server refuses it."""

    @pytest.mark.parametrize("why", UNSCHEDULED)
    def test_what_cannot_judge_alone_is_kept_but_not_scheduled(
        self, scorers: Scorers, why: str
    ) -> None:
        made = scorers.register("0", "odd", UNSCHEDULED[why])
        assert scorers.get("0", "odd") == made
        assert scorers.schedule("0", "odd", 0).sample_rate == 0
        with pytest.raises(InvalidValue, match="odd"):
            scorers.schedule("0", "odd", 0.5)


class ScoringTasksContract(StoreTests):
    """What every store does that hands out what schedules have to do. Derive from it, too."""

    @pytest.fixture
    def scorers(self, store: TrackingStore) -> Scorers:
        found = store.ability(Scorers)
        assert found is not None
        return found

    @pytest.fixture
    def tasks(self, store: TrackingStore) -> ScoringTasks:
        found = store.ability(ScoringTasks)
        assert found is not None
        return found

    def test_traces_to_come_are_sampled_once(
        self, store: TrackingStore, scorers: Scorers, tasks: ScoringTasks
    ) -> None:
        traced(store, "0", "before")
        for name in ("all", "half", "stopped"):
            scorers.register("0", name, judge())
        scorers.schedule("0", "all", 1)
        scorers.schedule("0", "half", 0.5)
        scorers.schedule("0", "stopped", 0)
        traced(store, store.create_experiment("other").experiment_id, "elsewhere")
        names = [f"tr-{number}" for number in range(20)]
        for name in names:
            traced(store, "0", name)
        # In portions, and again: each is looked at once.
        while tasks.fill(limit=6):
            pass
        scorers.schedule("0", "all", 1.0, "trace.status = 'OK'")
        newer = scorers.register("0", "all", judge("Is it?"))
        claimed = tasks.claim(100, 60)
        assert {each.trace_id for each in claimed if each.scorer.name == "all"} == {*names}
        half = {each for each in names if content.is_sampled(each, 0.5)}
        assert {each.trace_id for each in claimed if each.scorer.name == "half"} == half
        assert len(claimed) == len(names) + len(half)
        assert 0 < len(half) < len(names)
        [one] = [each for each in claimed if (each.scorer.name, each.trace_id) == ("all", "tr-0")]
        assert (one.scorer, one.schedule.filter, one.tries) == (newer, "trace.status = 'OK'", 1)
        assert list(tasks.claim(100, 60)) == []
        assert tasks.fill() == 0

    def test_a_claim_that_nobody_finishes_is_free_again(
        self,
        store: TrackingStore,
        reopen: Callable[[], TrackingStore],
        scorers: Scorers,
        tasks: ScoringTasks,
    ) -> None:
        scorers.register("0", "kind", judge())
        scorers.schedule("0", "kind", 1)
        for name in ("a", "b", "c"):
            traced(store, "0", name)
        tasks.fill()
        first = tasks.claim(1, 0)
        assert [each.trace_id for each in first] == ["a"]
        tasks.finish(first[0])
        [second] = tasks.claim(1, 0)
        again = reopen().ability(ScoringTasks)
        assert again is not None
        assert again.fill() == 0
        found = {each.trace_id: each for each in again.claim(9, 0)}
        assert {name: each.tries for name, each in found.items()} == {"b": 2, "c": 1}
        again.postpone(found["b"], 3600)
        assert [each.trace_id for each in again.claim(9, 0)] == ["c"]
        again.finish(second)
        again.finish(second)
        again.finish(found["c"])
        assert list(again.claim(9, 0)) == []

    def test_what_is_gone_is_no_task(
        self, store: TrackingStore, scorers: Scorers, tasks: ScoringTasks
    ) -> None:
        for name in ("kind", "other"):
            scorers.register("0", name, judge())
            scorers.schedule("0", name, 1)
        traced(store, "0", "a")
        traced(store, "0", "b")
        tasks.fill()
        # Traces that are made after the last one was removed are looked at all the same.
        store.traces().delete("0", trace_ids=["b"])
        traced(store, "0", "c")
        tasks.fill()
        scorers.delete("0", "other")
        assert [each.trace_id for each in tasks.claim(9, 0)] == ["a", "c"]
        scorers.schedule("0", "kind", 0)
        scorers.schedule("0", "kind", 1)
        assert tasks.fill() == 0
        assert list(tasks.claim(9, 0)) == []


def traced(store: TrackingStore, experiment_id: str, trace_id: str) -> None:
    """Keep a trace."""
    store.traces().start(TraceInfo(trace_id, experiment_id, 1_700_000_000_000))
