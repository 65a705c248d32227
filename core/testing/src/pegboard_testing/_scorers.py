"""The contract of registered scorers, as tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import FilterError, InvalidState, InvalidValue, NotFound
from pegboard_stores.scorers import Scorers

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

    @pytest.mark.parametrize("wrong", WRONG_IDS)
    def test_what_is_unknown_is_not_found(self, scorers: Scorers, wrong: str) -> None:
        scorers.register("0", "kind", judge())
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
