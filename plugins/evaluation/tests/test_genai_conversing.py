"""Judges of conversations: what they are told, what they say, and where that is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pegboard
import pytest
from pegboard.errors import PegboardError
from pegboard_evaluation.genai import texts
from pegboard_evaluation.genai.summary import COST, INPUT_TOKENS
from pegboard_testing.llm_server import FakeOpenAI, saying, verdict

genai = pegboard.genai
scorers = genai.scorers


def turn(session: str, asked: Any, answer: str, tool: str | None = None) -> Any:
    """Trace a turn of a session."""
    with pegboard.start_span("turn") as root:
        pegboard.update_current_trace(session_id=session)
        root.set_inputs(asked)
        if tool is not None:
            with pegboard.start_span(tool, span_type="TOOL") as span:
                span.set_inputs({"city": "Lima"})
                span.set_outputs("18 degrees")
        root.set_outputs(answer)
    return pegboard.get_trace(root.trace_id)


def talk(session: str = "s") -> list[Any]:
    return [
        turn(session, {"q": "I am Ann, in Lima."}, "Hello Ann."),
        turn(session, {"q": "How warm is it?"}, "18 degrees.", "weather"),
        turn(session, {"q": "Who am I?"}, "Ann."),
    ]


YES_OR_NO: dict[str, Any] = {
    "conversation_completeness": scorers.ConversationCompleteness(),
    "conversational_safety": scorers.ConversationalSafety(),
    "conversational_tool_call_efficiency": scorers.ConversationalToolCallEfficiency(),
    "conversational_role_adherence": scorers.ConversationalRoleAdherence(),
    "conversational_guidelines": scorers.ConversationalGuidelines(guidelines=["Be brief."]),
}


def test_each_session_is_judged_once_and_kept_with_its_first_trace(server: FakeOpenAI) -> None:
    traces = talk() + talk("t")[:1]
    judges = [*YES_OR_NO.values(), scorers.UserFrustration()]
    server.faults = [verdict("yes")] * 10 + [verdict("none"), verdict("unresolved")]
    # One at a time, so that each answer reaches its judge.
    results = [genai.evaluate(traces[::-1], [each]) for each in judges]
    assert [each.metrics for each in results] == [{f"{name}/mean": 1} for name in YES_OR_NO] + [{}]
    assert all(each.passed for each in results[:-1])
    assert results[-1].reason == "user_frustration: So it is."
    assert len(server.seen) == 12

    kept = {
        trace.info.trace_id: [
            each.name for each in pegboard.get_trace(trace.info.trace_id).info.assessments
        ]
        for trace in traces
    }
    names = [each.name for each in judges]
    assert list(kept.values()) == [names, [], [], names]
    (found,) = pegboard.get_trace(traces[0].info.trace_id).search_assessments("user_frustration")
    assert found.metadata["mlflow.trace.session"] == "s"
    assert found.metadata[INPUT_TOKENS] == "100"

    told = [each.body["messages"] for each in server.seen]
    assert ['18 degrees."' in str(each) for each in told[:2]].count(True) == 1
    assert [index for index, each in enumerate(told) if "weather" in str(each)] in ([4], [5])
    assert [index for index, each in enumerate(told) if "Be brief." in str(each)] == [8, 9]

    again = genai.evaluate(traces, [judges[0]], resume=results[0].run_id)
    assert (len(server.seen), again.metrics) == (12, results[0].metrics)


def test_what_was_told_is_remembered_in_each_turn(server: FakeOpenAI) -> None:
    judge = scorers.KnowledgeRetention()
    server.faults = [verdict("yes"), verdict("no", "Forgot Ann.")]
    found = judge(session=talk()[::-1])
    assert (found.name, found.value) == ("knowledge_retention", "no")
    assert found.rationale == "Turn 2: yes. So it is.\nTurn 3: no. Forgot Ann."
    assert found.metadata[INPUT_TOKENS] == 200
    assert found.metadata[COST] == pytest.approx(4.2e-5)
    assert ["Who am I?" in str(each.body) for each in server.seen] == [False, True]
    assert judge(session=talk()[:1]).value == "yes"
    server.faults = [verdict("yes"), saying("Hm."), saying("Hm.")]
    failed = judge(session=talk())
    assert failed.value is None
    assert "1 of 2 turns: " in failed.error.error_message
    assert failed.metadata[INPUT_TOKENS] == 300

    short = genai.scorer(name="short")(lambda session: "yes" if len(session) < 3 else "no")
    assert scorers.KnowledgeRetention(last_turn_scorer=short)(session=talk()).value == "no"


def test_judges_refuse_what_is_no_session(server: FakeOpenAI) -> None:
    judge = scorers.ConversationCompleteness()
    refused: Sequence[tuple[Any, str]] = [
        (lambda: judge(), "needs 'session'"),
        (lambda: judge(session=talk() + talk("t")), "several sessions: 's', 't'"),
        (lambda: scorers.ConversationalGuidelines(guidelines=""), "Guidelines are"),
        (lambda: scorers.ConversationalGuidelines(), "'guidelines'"),
    ]
    for call, said in refused:
        with pytest.raises(PegboardError, match=said):
            call()
    assert server.seen == []


def test_what_a_chat_repeats_is_told_once(place: Any) -> None:
    del place

    def chat(*contents: str) -> dict[str, Any]:
        roles = ("system", "user", "assistant", "user", "assistant", "user")
        messages = [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)]
        return {"messages": messages}

    session = [
        turn("s", chat("Be kind.", "Hello"), "Hi"),
        turn("s", chat("Be kind.", "Hello", "Hi", "Yes"), "Good"),
        turn("s", chat("Be kind.", "Yes"), "Fine"),
    ]
    said = json.loads(texts.conversation(session[::-1]))
    assert [(each["role"], each["content"]) for each in said] == [
        ("system", "Be kind."),
        ("user", "Hello"),
        ("assistant", "Hi"),
        ("user", "Yes"),
        ("assistant", "Good"),
        ("user", "Yes"),
        ("assistant", "Fine"),
    ]
