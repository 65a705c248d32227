"""Scorers that are registered, started, and loaded again; code does not run by that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pegboard
import pytest
from pegboard.errors import InvalidValue, NotFound
from pegboard_evaluation.genai import registration, registry, scorers
from pegboard_evaluation.genai.judging import make_judge
from pegboard_evaluation.genai.scoring import Scorer, scorer

pytestmark = pytest.mark.usefixtures("place")
MODEL = "openai:/small"


@scorer(description="Counts.", aggregations=["max"], timeout=5)
def counted(outputs: Any, expectations: Any = None) -> Any:
    """Say how long it is."""
    if not outputs:
        return None
    return len(outputs)


def judge(kind: Any = None, **more: Any) -> Scorer:
    return make_judge("judge", "Is {{ outputs }} fine?", MODEL, feedback_value_type=kind, **more)


EVERY: dict[str, Scorer] = {
    "a judge": judge(inference_params={"temperature": 0}, description="d"),
    **{
        f"of {kind}": judge(kind)
        for kind in (int, float, bool, Literal["a", "b"], list[int], dict[str, float], int | None)
    },
    "guidelines": scorers.Guidelines(name="g", guidelines=["Be kind."], model=MODEL),
    "regex": scorers.RegexMatch(pattern="a+", case_insensitive=True),
    "tools": scorers.ToolCallCorrectness(should_exact_match=True),
    "ensemble": scorers.make_scorer_ensemble(
        name="both",
        scorers=[scorers.Safety(), scorers.ResponseLength(max_length=5)],
        ensemble_fn="agg_all",
        aggregations=["mean"],
    ),
    "code": counted,
}


@pytest.mark.parametrize("which", EVERY)
def test_a_scorer_comes_back_as_it_was(which: str) -> None:
    given = EVERY[which]
    made = given.register(name="kept")
    assert (made.name, made.scorer_version, given.scorer_version) == ("kept", 1, None)
    found = pegboard.genai.get_scorer(name="kept")
    assert (found.name, found.takes) == ("kept", given.takes)
    found.name = given.name
    assert found.model_dump() == given.model_dump()
    if which != "code":
        assert type(found) is type(given)
    assert getattr(found, "feedback_type", None) == getattr(given, "feedback_type", None)


def test_scorers_are_listed_started_and_stopped() -> None:
    first = judge().register()
    assert (first.status.value, first.sample_rate) == ("STOPPED", None)
    other = pegboard.create_experiment("other")
    judge(int).register(experiment_id=other)
    judge(bool).register()
    config = scorers.ScorerSamplingConfig(sample_rate=0.5, filter_string="trace.status = 'OK'")
    started = first.start(sampling_config=config)
    assert (started.sample_rate, started.filter_string) == (0.5, "trace.status = 'OK'")
    assert (started.status.value, first.sample_rate) == ("STARTED", None)
    [listed] = pegboard.genai.list_scorers()
    assert (listed.scorer_version, listed.sample_rate) == (2, 0.5)
    assert len(pegboard.genai.list_scorers(experiment_id=other)) == 1
    assert listed.stop().status.value == "STOPPED"
    assert pegboard.genai.get_scorer(name="judge", version=1).sample_rate == 0
    assert [number for _, number in scorers.list_scorer_versions(name="judge")] == [1, 2]
    with pytest.raises(InvalidValue, match="which version"):
        pegboard.genai.delete_scorer(name="judge")
    pegboard.genai.delete_scorer(name="judge", version=2)
    pegboard.genai.delete_scorer(name="judge", version="all")
    assert pegboard.genai.list_scorers() == []
    for wrong in (0, -1, None, 2):
        with pytest.raises(InvalidValue, match="sample_rate"):
            first.start(sampling_config=scorers.ScorerSamplingConfig(sample_rate=wrong))
    with pytest.raises(NotFound):
        first.stop()


def test_code_that_was_registered_runs_only_where_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    evil = {
        "name": "evil",
        "call_source": f"open({str(mark)!r}, 'w').close()\nreturn Feedback(value=len(outputs))",
        "call_signature": f"(outputs, x=open({str(mark)!r}, 'w'))",
        "original_func_name": "evil",
    }
    inside = {"name": "e", "ensemble_scorer_data": {"ensemble_fn": "mean", "scorers": [evil]}}
    for given in (evil, inside):
        registration.store().register("0", str(given["name"]), json.dumps(given))
    [several, found] = pegboard.genai.list_scorers()
    assert "return Feedback" in found.source  # type: ignore[attr-defined]
    for each in (found, several):
        with pytest.raises(InvalidValue):
            each.run(outputs="abc")
    with pytest.raises(InvalidValue, match="code"):
        found.start(sampling_config=scorers.ScorerSamplingConfig(sample_rate=1))
    assert not mark.exists()
    monkeypatch.setenv("PEGBOARD_SERVER_ENABLE_CUSTOM_SCORERS", "true")
    assert pegboard.genai.get_scorer(name="evil").run(outputs="abc").value == 3
    assert mark.exists()


class Own(Scorer):
    name: str = "own"

    def __call__(self, *, outputs: Any) -> bool:
        return bool(outputs)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Own(), "a class of its own, Own"),
        (judge(base_url="http://localhost"), "base_url"),
        (judge(extra_headers={"a": "b"}), "extra_headers"),
        (scorer(name="f", aggregations=[len])(lambda outputs: 1), "a function as an aggregation"),
        (scorer(name="f")(lambda outputs: 1), "The code of the scorer 'f'"),
    ],
)
def test_what_others_could_not_load_is_not_registered(wrong: Scorer, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        wrong.register()
    assert pegboard.genai.list_scorers() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "no name"),
        ({"name": "x"}, "is of a kind"),
        ({"name": "x", "third_party_scorer_data": {"module": "os"}}, "third_party_scorer_data"),
        ({"name": "x", "builtin_scorer_class": "Rule.__init__"}, "which there is not here"),
        ({"name": "x", "builtin_scorer_class": "Any"}, "which there is not here"),
        ({"name": "x", "call_source": "1", "original_func_name": "a b"}, "is no function"),
        (
            {
                "name": "x",
                "instructions_judge_pydantic_data": {
                    "instructions": "{{ outputs }}",
                    "feedback_value_type": {"type": "nonsense"},
                },
            },
            "not a type of values",
        ),
    ],
)
def test_what_is_not_known_is_named(data: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        registry.load(json.dumps(data))
