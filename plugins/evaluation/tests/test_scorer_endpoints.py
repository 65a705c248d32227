"""Scorers of single answers, whose models somebody else asks."""

from __future__ import annotations

import json
from typing import Any

import pegboard
import pytest
from pegboard.config import Config
from pegboard.errors import InvalidValue
from pegboard.host import Host
from pegboard_evaluation.genai import scorers
from pegboard_evaluation.genai.judging import make_judge
from pegboard_evaluation.scorer_endpoints import ENDPOINTS
from pegboard_wire.http import Call, Identity

pytestmark = pytest.mark.usefixtures("place")
_LIST, _SCORE = ENDPOINTS


def call(endpoint: Any, /, **parameters: Any) -> Any:
    uri = pegboard.get_tracking_uri()
    who = Identity("ann", frozenset())
    return endpoint.handle(Call(Host(Config()), who, parameters, {}, tracking_uri=uri))


def asked(answer: str, **given: Any) -> tuple[list[Any], Any]:
    """Score as a page does: put each question to a model; return the questions and the end."""
    questions: list[Any] = []
    answers: list[dict[str, str]] = []
    for _ in range(6):
        found = call(_SCORE, **given, answers=answers)
        if "question" not in found:
            return questions, found["feedback"]
        questions.append(found["question"])
        answers.append({"key": found["question"]["key"], "text": answer})
    raise AssertionError("it asks for ever")


def test_registered_and_built_in_scorers_are_listed_with_what_they_need() -> None:
    make_judge("kind", "Is {{ outputs }} kind?", "gateway:/judges").register()
    make_judge("steps", "Is {{ trace }} short?", "openai:/small").register()
    found = {each["name"]: each for each in call(_LIST)["scorers"]}
    assert found["kind"] | {"scorer_id": ""} == {
        "scorer_id": "", "name": "kind", "experiment_id": "0", "version": 1, "description": "",
        "judge": True, "endpoint": "judges", "needs": [], "refused": "",
    }  # fmt: skip
    assert found["steps"]["refused"].startswith("It judges the steps of a trace")
    assert found["correctness"]["needs"] == ["expected_facts", "expected_response"]
    assert not found["pii_detection"]["judge"]
    with pytest.raises(InvalidValue, match="cannot score an answer"):
        call(_SCORE, scorer_id=found["steps"]["scorer_id"], outputs="x")


def test_a_judge_is_asked_by_the_caller_and_once_again_if_it_gives_no_verdict() -> None:
    made = {"builtin": "Guidelines", "guidelines": "Be brief.\n\nBe kind."}
    given: Any = {**made, "inputs": '{"question": "Open?"}', "outputs": "Yes.", "endpoint": "small"}
    verdict = json.dumps({"rationale": "short", "result": "yes"})
    [question], [said] = asked(verdict, **given)
    told = question["messages"][1]["content"]
    assert "Be brief.\nBe kind." in told
    assert "<response>\nYes.\n</response>" in told
    assert question["fields"]["response_format"]["type"] == "json_schema"
    assert said == {
        "name": "guidelines", "value": "yes", "rationale": "short", "error": "",
        "source_type": "LLM_JUDGE", "source_id": "gateway:/small", "metadata": {},
    }  # fmt: skip
    questions, [said] = asked("Hm.", **given)
    assert [len(each["messages"]) for each in questions] == [2, 4]
    assert "is not a verdict" in said["error"]
    # An endpoint that takes no schema is asked without one.
    first = call(_SCORE, **given | {"endpoint": "plain"})["question"]
    refused = {"key": first["key"], "error": "response_format is not supported"}
    second = call(_SCORE, **given | {"endpoint": "plain"}, answers=[refused])["question"]
    assert "response_format" not in second["fields"]


def test_an_ensemble_asks_all_its_judges_and_code_asks_nobody() -> None:
    parts = [scorers.Safety(model="openai:/a"), scorers.Fluency(model="openai:/b")]
    scorers.make_scorer_ensemble(name="both", scorers=parts, ensemble_fn="agg_all").register()
    [both] = [each for each in call(_LIST)["scorers"] if each["name"] == "both"]
    questions, [said] = asked(
        '{"rationale": "", "result": "yes"}',
        scorer_id=both["scorer_id"], outputs="Yes.", endpoint="small",
    )  # fmt: skip
    assert len(questions) == 2
    assert said["value"] is True
    assert said["metadata"] == {"pegboard.scorerVersion": "1"}
    [said] = call(_SCORE, builtin="PIIDetection", outputs="ann@a.example")["feedback"]
    assert (said["value"], said["source_type"]) == ("no", "CODE")
    # What a row lacks is said, and so is a scorer that there is not.
    [said] = call(_SCORE, builtin="Correctness", outputs="x", inputs='{"q": 1}')["feedback"]
    assert "needs the expectation 'expected_facts'" in said["error"]
    for wrong in ({}, {"builtin": "Nothing"}, {"builtin": "Safety", "inputs": "["}):
        with pytest.raises(InvalidValue):
            call(_SCORE, outputs="x", **wrong)
