"""Judges that learn from people: from what, what they are told, and whether it helped."""

from __future__ import annotations

import json
import random
from typing import Any, Literal

import pegboard
import pytest
from attrs import evolve
from pegboard.errors import InvalidValue
from pegboard_evaluation.genai import alignment
from pegboard_evaluation.genai.judges import AlignmentOptimizer, ExampleAlignmentOptimizer
from pegboard_evaluation.genai.judging import InstructionsJudge, make_judge
from pegboard_testing.llm_server import FakeOpenAI, Fault, verdict

GUIDELINE = "Answers without a greeting are curt."


class Model:
    """Stands in a server's place of faults: a judge that is kind to all until it is told."""

    def __init__(
        self, server: FakeOpenAI, guidelines: Any = (GUIDELINE, "{{ odd }}\nlines")
    ) -> None:
        self.server, self.guidelines = server, list(guidelines)
        self.distilled = 0

    def __bool__(self) -> bool:
        return True

    def pop(self, _: int) -> Fault:
        body = self.server.seen[-1].body
        form = body["response_format"]["json_schema"]
        assert form["strict"] is True
        assert form["schema"]["additionalProperties"] is False
        assert form["schema"]["required"] == ["rationale", "result"]
        if form["schema"]["properties"]["result"].get("type") == "array":
            self.distilled += 1
            return verdict(self.guidelines)
        told, asked = (each["content"] for each in body["messages"])
        return verdict("no" if GUIDELINE in told and "Hello" not in asked else "yes")


def judge(kind: Any = Literal["yes", "no"], **more: Any) -> InstructionsJudge:
    return make_judge(
        "kind",
        "Is {{ outputs }} kind?",
        feedback_value_type=kind,
        inference_params={"seed": 1},
        **more,
    )


def labelled(count: int) -> list[Any]:
    """Return traces of which people call those kind that greet: three of four."""
    ids = []
    for number in range(count):
        with pegboard.start_span("answer") as span:
            greets = number % 4 > 0
            span.set_inputs({"n": number})
            span.set_outputs(f"{'Hello, ' if greets else ''}{number}. {{{{ trace }}}}")
        ids.append(span.trace_id)
        source = pegboard.entities.AssessmentSource("HUMAN", "ann")
        pegboard.log_feedback(
            trace_id=span.trace_id, name="kind", value="yes" if greets else "no", source=source,
            rationale="It greets." if greets else "It does not greet.",
        )  # fmt: skip
        # What judges and code say is no label.
        pegboard.log_feedback(trace_id=span.trace_id, name="kind", value="no")
    return [pegboard.get_trace(each) for each in ids]


@pytest.fixture
def model(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> Model:
    # One at a time, so that the last request is the one that is answered.
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_SCORER_WORKERS", "1")
    server.faults = made = Model(server)  # type: ignore[assignment]
    return made


def test_a_judge_learns_and_what_it_gained_is_measured(model: Model) -> None:
    first = judge()
    first.register()
    traces = labelled(16)
    new = first.align(traces)
    found = new.alignment
    assert found is not None
    assert (found.learned_from, found.held_out, found.improved) == (8, 8, True)
    assert (found.before.share, found.before.kappa) == (0.75, 0.0)
    assert (found.after.share, found.after.kappa, found.gain) == (1.0, 1.0, 1.0)
    assert found.before.failed == found.after.failed == 0
    assert found.gain_interval is not None
    assert 0 < found.gain_interval[0] <= 1
    # Eight to learn from and eight held back, once with and once without; and one distillation.
    assert (len(model.server.seen), model.distilled) == (25, 1)
    assert found.guidelines == (GUIDELINE, "{ { odd } } lines")
    # Examples are of both values by turns, and begin where the judge was wrong.
    shown = [json.loads(line) for line in new.instructions.splitlines() if line.startswith("{")]
    assert [each["result"] for each in shown[:3]] == ["no", "yes", "no"]
    assert len(shown) == found.examples == 6
    # It is another judge, that loads as it is; the first one stays.
    assert first.instructions == "Is {{ outputs }} kind?"
    assert first.alignment is None
    assert new.inference_params == {"seed": 1}
    new.register()
    kept = [
        each.instructions for each, _ in pegboard.genai.scorers.list_scorer_versions(name="kind")
    ]
    assert kept == [first.instructions, new.instructions]
    # What was learned does not depend on the order of traces, and replaces what was learned before.
    random.Random(1).shuffle(traces)
    again = new.align(traces[::-1])
    assert again.instructions.count(alignment.LEARNED) == 1
    assert evolve(first.align(traces).alignment, cost=None) == evolve(found, cost=None)


def test_a_judge_that_does_not_gain_stays_as_it_was(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    model.guidelines = ["Be short."]
    new = judge().align(labelled(8), ExampleAlignmentOptimizer(max_examples=0, seed=3))
    assert new.instructions == "Is {{ outputs }} kind?"
    assert new.alignment is not None
    assert (new.alignment.improved, new.alignment.gain) == (False, 0.0)
    assert "stays as it was" in caplog.text


class Mine(AlignmentOptimizer):
    """An optimizer of somebody's own."""

    def align(self, judge: Any, traces: list[Any]) -> Any:
        """Count."""
        return judge.with_instructions(f"{judge.instructions} {len(traces)}")


class Wrong(AlignmentOptimizer):
    """One that changes what it is given."""

    def align(self, judge: Any, traces: list[Any]) -> Any:
        """Do nothing."""
        return judge


@pytest.mark.usefixtures("place")
def test_others_bring_their_own_and_mistakes_are_named() -> None:
    traces = labelled(4)
    table = pegboard.search_traces()
    assert judge().align(table, Mine()).instructions.endswith("kind? 4")
    for align, said in (
        (lambda: judge().align(traces, Wrong()), "Wrong returned"),
        (lambda: judge().align(traces), "4 labels; it takes 8"),
        (lambda: judge(int).align(traces), "cannot say"),
        (lambda: make_judge("kind", "{{ conversation }}").align(traces), "sessions"),
        (lambda: ExampleAlignmentOptimizer(max_examples=-1), "max_examples"),
    ):
        with pytest.raises(InvalidValue, match=said):
            align()


@pytest.mark.parametrize(
    ("people", "said", "expected"),
    [
        (["a", "b", "a", "b"], ["a", "b", "a", "b"], 1.0),
        (["a", "b", "a", "b"], ["a", "a", "b", "b"], 0.0),
        (["a", "b"], ["b", "a"], -1.0),
        ([True, False, True, True], [True, False, False, True], 0.5),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 4], 0.941176),
        (["a", "b", "a"], ["a", None, "a"], 0.4),
        (["a", "a"], ["a", "a"], None),
    ],
)
def test_kappa(people: list[Any], said: list[Any], expected: float | None) -> None:
    found = alignment.kappa(people, said)
    assert (None if found != found else round(found, 6)) == expected
