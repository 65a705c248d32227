"""Several prompts are refined by what a function of them gives, under MLflow 3's names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard.errors import PegboardError
from pegboard.genai import optimize, scorer
from pegboard_testing.llm_server import FakeOpenAI, saying

PROPOSER = "openai:/gpt-4o"
ROWS: list[dict[str, Any]] = [
    {"inputs": {"country": f"country {n}"}, "outputs": f"Q country {n}. Be brief."}
    for n in range(4)
]
BETTER = {"ask": "Q {{country}}.", "tone": [{"role": "system", "content": "Be brief."}]}


@scorer  # type: ignore[untyped-decorator]
def same(outputs: str, expectations: dict[str, str]) -> bool:
    """Whether an answer is what is expected."""
    return outputs == expectations["expected_response"]


def answer(country: str) -> str:
    """Fill in two prompts."""
    ask = pegboard.load_prompt("prompts:/ask/1").format(country=country)
    [tone] = pegboard.load_prompt("tone").format()
    return f"{ask} {tone['content']}"


def registered(place: Path) -> list[str]:
    pegboard.set_tracking_uri(f"sqlite:{place / 'runs.db'}")
    config = {"temperature": 0.5}
    pegboard.register_prompt("ask", "Where is {{country}}?", model_config=config)
    pegboard.register_prompt("tone", [{"role": "system", "content": "Be kind."}])
    return ["prompts:/ask@latest", "prompts:/tone/1"]


def test_what_is_better_is_registered_and_what_is_not_stays(
    place: Path, server: FakeOpenAI
) -> None:
    uris = registered(place)
    server.faults += [saying(json.dumps(BETTER))]
    given: dict[str, Any] = {"predict_fn": answer, "train_data": ROWS, "scorers": [same]}
    meta = optimize.MetaPromptOptimizer(PROPOSER, {"temperature": 0}, "For geographers.")
    found = optimize.optimize_prompts(prompt_uris=uris, optimizer=meta, **given)
    assert (found.initial_eval_score, found.final_eval_score) == (0, 1)
    assert found.final_eval_score_per_scorer == {"same": 1}
    assert found.optimizer_name == "MetaPromptOptimizer"
    ask, tone = found.optimized_prompts
    assert (ask.uri, ask.template, ask.model_config) == (
        "prompts:/ask/2",
        BETTER["ask"],
        {"temperature": 0.5},
    )
    assert (tone.uri, tone.template) == ("prompts:/tone/2", BETTER["tone"])
    assert ask.commit_message == "Refined from ask/1: score 0 → 1"
    [asked] = server.seen
    assert asked.body["temperature"] == 0
    assert "For geographers." in asked.body["messages"][0]["content"]
    assert '<prompt name="ask">\nWhere is {{country}}?' in asked.body["messages"][1]["content"]
    assert found.run_id is not None
    run = pegboard.get_run(found.run_id)
    assert run.data.params["num_training_samples"] == "4"
    assert run.data.metrics["final_eval_score.same"] == 1
    assert answer("x") == "Where is x? Be brief.", "only what is tried sees what is tried"

    wrong = ["", '{"ask": "Q {{other}}", "tone": []}', '{"ask": "Q {{country}}"}']
    for said in wrong:
        server.faults.append(saying(said))
        again = optimize.optimize_prompts(
            prompt_uris=["ask@latest", "tone"], optimizer=meta, enable_tracking=False, **given
        )
        assert [each.version for each in again.optimized_prompts] == [2, 2]
        assert again.run_id is None


class Own(optimize.BasePromptOptimizer):
    """Tries what it is given, and takes the last."""

    def __init__(self, *tried: dict[str, str]) -> None:
        self.tried = tried

    def optimize(
        self,
        eval_fn: Any,
        train_data: list[dict[str, Any]],
        target_prompts: dict[str, str],
        enable_tracking: bool = True,
    ) -> optimize.PromptOptimizerOutput:
        self.seen = [eval_fn({**target_prompts, **each}, train_data) for each in self.tried]
        return optimize.PromptOptimizerOutput({**target_prompts, **self.tried[-1]})


def test_own_optimizers_get_what_became_of_each_row(place: Path) -> None:
    registered(place)
    own = Own({"ask": "{{country}}"}, {"ask": "Q {{country}}. {{lost}}"})
    found = optimize.optimize_prompts(
        predict_fn=lambda country: pegboard.load_prompt("ask").format(country=country),
        train_data=[{"inputs": each["inputs"], "expectations": {"n": 1}} for each in ROWS],
        prompt_uris=["ask"],
        optimizer=own,
        scorers=[scorer(name="long")(lambda outputs: len(outputs))],
        aggregation=lambda scores: scores["long"].value * 2.0,
    )
    first, second = own.seen
    assert [(each.outputs, each.score) for each in first][:2] == [
        ("country 0", 18.0),
        ("country 1", 18.0),
    ]
    assert first[0].expectations == {"n": 1}
    assert first[0].trace is not None and first[0].individual_scores == {"long": 9.0}
    assert {each.score for each in second} == {0.0}
    assert "Missing variables: 'lost'" in second[0].outputs
    assert [each.uri for each in found.optimized_prompts] == ["prompts:/ask/2"]


CHILD = """
import os, pathlib, signal, sys, pegboard
sys.path.insert(0, sys.argv[1])
import test_optimize_prompts as ours
pegboard.set_tracking_uri(sys.argv[2])
calls = pathlib.Path(sys.argv[3])

def answer(country):
    with calls.open("a") as file:
        file.write(country + "\\n")
    if len(calls.read_text().splitlines()) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return ours.answer(country)

meta = ours.optimize.MetaPromptOptimizer(ours.PROPOSER)
given = dict(train_data=ours.ROWS, scorers=[ours.same], prompt_uris=["ask/1", "tone/1"])
ours.optimize.optimize_prompts(predict_fn=answer, optimizer=meta, **given)
"""


def test_a_process_that_is_killed_is_gone_on_with(
    place: Path, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(place)
    server.faults += [saying(json.dumps(BETTER))]
    calls, uri = place / "calls", f"sqlite:{place / 'runs.db'}"
    words = [sys.executable, "-c", CHILD, str(Path(__file__).parent), uri, str(calls)]
    killed = subprocess.run(
        words, env={**os.environ, "PEGBOARD_GENAI_EVAL_MAX_WORKERS": "1"}, timeout=120
    )
    assert killed.returncode == -9
    [run] = [
        each
        for each in pegboard.search_runs(output_format="list", search_all_experiments=True)
        if each.info.run_name == "Refine prompts"
    ]
    again: list[str] = []

    def answered(country: str) -> str:
        again.append(country)
        return answer(country)

    given: dict[str, Any] = {
        "predict_fn": answered,
        "scorers": [same],
        "optimizer": optimize.MetaPromptOptimizer(PROPOSER),
        "resume": run.info.run_id,
    }
    found = optimize.optimize_prompts(train_data=ROWS, prompt_uris=["ask/1", "tone/1"], **given)
    assert (found.run_id, found.initial_eval_score, found.final_eval_score) == (
        run.info.run_id,
        0,
        1,
    )
    assert sorted(again) == ["country 2", "country 3"], "rows that were answered are kept"
    assert len(server.seen) == 1, "the model is asked once"
    assert [each.version for each in found.optimized_prompts] == [2, 2]
    done = optimize.optimize_prompts(train_data=ROWS, prompt_uris=["ask/1", "tone/1"], **given)
    assert (done.optimized_prompts, len(again)) == (found.optimized_prompts, 2)
    with pytest.raises(PegboardError, match="other prompts, rows or scorers"):
        optimize.optimize_prompts(train_data=ROWS[:2], prompt_uris=["ask/1", "tone/1"], **given)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": object()}, "not a BasePromptOptimizer"),
    ({"prompt_uris": "ask"}, "is a list of the prompts"),
    ({"train_data": []}, "has no rows for them"),
    ({"prompt_uris": ["ask", "ask/1"]}, "names a prompt twice"),
    ({"enable_tracking": False, "resume": "x"}, "nothing can be resumed"),
    ({"scorers": [scorer(name="w")(lambda outputs: "good")]}, "aggregation"),
]


def test_what_is_wrong_is_said(place: Path) -> None:
    registered(place)
    for more, said in WRONG:
        given = {"predict_fn": answer, "train_data": ROWS, "prompt_uris": ["ask"]}
        own = Own({"ask": "Q {{country}}"})
        with pytest.raises(PegboardError) as error:
            optimize.optimize_prompts(**{**given, "optimizer": own, "scorers": [same], **more})
        assert said in str(error.value)
